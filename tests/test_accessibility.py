"""axe-core finds nothing serious on any page, in any state, light or dark, on a desk and on a phone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import draw_with_mouse, open_canvas, wait_for_answer, wait_until_idle
from drawing import number

pytestmark = pytest.mark.browser
SERVER = {"DIGIT_DATA_DIR": ""}  # the built-in digits are evaluated, and looked up, in seconds

SCREENS = {
    "wide": {"viewport": {"width": 1366, "height": 768}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}


def serious(page) -> list[str]:
    """What axe finds serious or worse: the rule, and where."""
    found = Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:120]} {node['failureSummary'][-160:]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


@pytest.fixture(params=SCREENS)
def screen(request):
    return SCREENS[request.param]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_first_page(new_page, server, screen, scheme):
    page = new_page(color_scheme=scheme, **screen)
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
    wait_until_idle(page)  # nobody clicks sooner than the tab has opened
    page.locator(".st-key-example_button_form button").click()
    page.get_by_alt_text("The picture with its marks boxed").wait_for()
    wait_until_idle(page)
    found["upload"] = serious(page)
    assert not any(found.values()), "\n".join(f"{state}: {one}" for state, some in found.items() for one in some)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("train", ".st-key-train_start"),
        ("evaluate?data=builtin", ".st-key-confusion"),
        ("inside", ".st-key-inside_other"),
        ("models", ".st-key-model_inkling"),
    ],
)
def test_the_other_pages(new_page, server, screen, scheme, path, shown):
    page = new_page(color_scheme=scheme, **screen)
    page.goto(f"{server.url}/{path}")
    page.locator(shown).wait_for(timeout=60_000)
    wait_until_idle(page)
    assert not serious(page)
