"""axe-core finds no serious violation on any page, in any state, light or dark, on desktop or phone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import draw_with_mouse, open_canvas, wait_for_answer, wait_until_idle
from drawing import number

pytestmark = pytest.mark.browser
SERVER = {"DIGIT_DATA_DIR": ""}  # the built-in digits are evaluated and searched in seconds

SCREENS = {
    "wide": {"viewport": {"width": 1366, "height": 768}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}
# A theme changes colours only, so the second one is checked for contrast alone.
THEMES = {"light": {}, "dark": {"runOnly": ["color-contrast"]}}

# Elements that extend beyond the window and are not inside a box that scrolls or clips its overflow.
CUT_OFF = """() => {
  const holds = (box) => {
    for (let outer = box.parentElement; !outer.matches(".stMain"); outer = outer.parentElement) {
      if (getComputedStyle(outer).overflowX !== "visible"
          && outer.getBoundingClientRect().right <= innerWidth + 1) return true;
    }
    return false;
  };
  const shown = document.querySelectorAll(".stMain :is(button, input, p, li, h1, h2, h3, label, img, svg, canvas, a)");
  return [...shown].filter((box) => {
    const { left, right, width, height } = box.getBoundingClientRect();
    return box.checkVisibility() && width > 1 && height > 1 && (right > innerWidth + 1 || left < -1) && !holds(box);
  }).map((box) => box.outerHTML.slice(0, 120));
}"""


def serious(page) -> list[str]:
    """Violations that axe rates serious or critical in either theme; on a phone also content cut off at 320 pixels."""
    found = []
    for scheme, rules in THEMES.items():
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.locator(f":root[data-theme={scheme}]").wait_for(state="attached")
        page.wait_for_timeout(400)  # wait for the colour transition
        found += [
            f"{scheme}: {rule['id']}: {node['html'][:120]} {node['failureSummary'][-160:]}"
            for rule in Axe().run(page, options={"resultTypes": ["violations"], **rules}).response["violations"]
            if rule["impact"] in ("serious", "critical")
            for node in rule["nodes"]
        ]
    if page.viewport_size["width"] < 400:
        page.set_viewport_size({"width": 320, "height": 844})
        page.wait_for_timeout(300)
        if page.evaluate("document.querySelector('.stMain').scrollWidth") > 320:
            found.append("it scrolls sideways at 320 pixels")
        found += [f"cut off at 320 pixels: {box}" for box in page.evaluate(CUT_OFF)]
        page.set_viewport_size({"width": 390, "height": 844})
    return found


@pytest.fixture(params=SCREENS)
def screen(request):
    return SCREENS[request.param]


def test_the_first_page(new_page, server, screen):
    page = new_page(**screen)
    open_canvas(page, server.url)
    wait_until_idle(page)
    found = {"blank": serious(page)}
    draw_with_mouse(page, number("20", 20, 40, 90))
    wait_for_answer(page, "20")
    wait_until_idle(page)
    found["drawn"] = serious(page)
    page.locator(".st-key-drawn_wrong button").click()
    page.get_by_role("radio", name="two digits").wait_for()
    page.get_by_text("History", exact=True).click()
    page.locator(".ink-history li").wait_for()
    wait_until_idle(page)
    found["asked"] = serious(page)
    page.get_by_text("Show the steps").click()
    page.get_by_alt_text("Your picture").wait_for()
    wait_until_idle(page)
    page.get_by_text("Why?").click()
    page.get_by_text("is the main reason for").wait_for()
    wait_until_idle(page)
    found["steps"] = serious(page)
    page.get_by_role("tab", name="Upload").click()
    page.locator(".st-key-example_button_form button").wait_for()
    wait_until_idle(page)  # a user clicks only after the tab has opened
    page.locator(".st-key-example_button_form button").click()
    page.get_by_alt_text("The picture with its marks boxed").wait_for()
    wait_until_idle(page)
    found["upload"] = serious(page)
    assert not any(found.values()), "\n".join(f"{state}: {one}" for state, some in found.items() for one in some)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("train", ".st-key-train_start"),
        ("evaluate?data=builtin", ".st-key-confusion"),
        ("inside", ".st-key-inside_other"),
        ("models", ".st-key-model_inkling"),
    ],
)
def test_the_other_pages(new_page, server, screen, path, shown):
    page = new_page(**screen)
    page.goto(f"{server.url}/{path}")
    page.locator(shown).wait_for(timeout=60_000)
    wait_until_idle(page)
    found = serious(page)
    assert not found, "\n".join(found)
