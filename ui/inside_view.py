"""The sections of the Inside page, from picture to answer."""

import html

import cv2
import numpy as np
import streamlit as st

from digit_core import charts
from digit_core.explanation import gradients, occlusion, pictures, stations
from digit_core.explanation.edits import Tip
from digit_core.explanation.occlusion import Evidence
from digit_core.explanation.quality import Quality
from digit_core.explanation.stations import Station, Sum
from digit_core.models import store as model_store
from digit_core.models.store import ModelError
from digit_core.reading import overlay, wording
from ui import bars, components, grid, inside_digit, inside_words, neighbour_index, why
from ui.inside_digit import SLIDERS, Subject

STYLE = """
<style>
.ink-station { margin: 1.6rem 0 0.3rem; font-size: 1.25rem; font-weight: 700; padding: 0; }
.ink-station b { color: #4c7de0; margin-right: 0.4rem; }
.ink-walk, .st-key-inside_walk [data-testid="stHtml"] { font-size: 0.85rem; line-height: 1.25; }
.ink-walk small, .st-key-inside_walk small { opacity: 0.8; }
.ink-walk { display: grid; grid-template-columns: 2fr 7fr; gap: 0.35rem 0.8rem; align-items: center; }
.ink-walk img { width: 100%; image-rendering: pixelated; border-radius: 0.3rem; }
.ink-scroll { overflow-x: auto; }
.ink-grids { display: flex; gap: 0.7rem; align-items: center; flex-wrap: wrap; }
.ink-grids figure { margin: 0; } .ink-grids figcaption { font-size: 0.8rem; opacity: 0.85; }
.ink-grids table { border-collapse: collapse; font-size: 0.75rem; font-variant-numeric: tabular-nums; }
.ink-grids td { width: 3.1rem; height: 2.1rem; text-align: center; border: 1px solid rgba(128, 136, 156, 0.5); }
.ink-grids .sign { font-size: 1.4rem; }
.ink-sums { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.9rem; }
.ink-sums td, .ink-sums th { padding: 0.12rem 0.6rem; text-align: right; border: none; }
.ink-sums th { font-weight: 600; }
.ink-sums tr.best td { font-weight: 700; }
.ink-sums .bar { display: inline-block; width: 8rem; text-align: left; }
.ink-sums .bar i { display: inline-block; height: 0.7rem; border-radius: 0.2rem; vertical-align: middle; }
.ink-evidence { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 0.7rem; max-width: 52rem; }
.ink-evidence figure { margin: 0; } .ink-evidence img { width: 100%; border-radius: 0.4rem; }
.ink-evidence figcaption { text-align: center; font-size: 0.85rem; }
@media (max-width: 640px) {
  .ink-sums { font-size: 0.74rem; } .ink-sums .bar { display: none; }
  .ink-sums td, .ink-sums th { padding: 0.12rem 0.25rem; }
  .ink-grids { gap: 0.3rem; } .ink-grids td { width: 2.15rem; font-size: 0.62rem; }
}
.ink-alike { display: grid; grid-template-columns: repeat(auto-fill, minmax(5rem, 1fr)); gap: 0.5rem; }
.ink-alike figure { margin: 0; text-align: center; }
.ink-alike img { width: 100%; image-rendering: pixelated; border-radius: 0.4rem; }
.ink-alike b { font-size: 1.1rem; } .ink-alike small { display: block; font-size: 0.75rem; opacity: 0.85; }
</style>
"""
LEAST_CELL = 40  # screen pixels of a map that a finger can tap
MOST_EXPONENT = 700  # e to this power is still a float
MOST_IN_WALK = 10  # maps per layer in the overview


# ---- the answer, and what changes it


def answer(subject: Subject) -> None:
    shares = subject.probabilities
    text, sure = str(subject.winner), shares[subject.winner]
    certainty = "sure" if sure >= 0.9 else "doubtful"
    next_likely = f"The next likely is {subject.runner_up}, {percent(shares[subject.runner_up])}."
    components.answer(text, f"{percent(sure)} sure. {next_likely}", [certainty], "inside")
    bars.show(shares)


def percent(share: float) -> str:
    """Format a probability, but never as 0% or 100%."""
    return "over 99.9%" if share >= 0.9995 else "under 0.1%" if share < 0.0005 else f"{share:.1%}"


def before(subject: Subject) -> None:
    """Show the answer for the unedited digit."""
    if np.array_equal(subject.before, subject.image):
        return
    [shares] = subject.recognizer.classify(subject.before[np.newaxis])
    st.caption(f"Without your changes: {shares.argmax()}, {percent(shares.max())} sure.")


def tips(found: list[Tip]) -> None:
    """List the slider settings that change the answer, one line per new answer."""
    if not found:
        st.caption("No slider on its own changes the answer.")
        return
    lines = []
    for digit in dict.fromkeys(tip.digit for tip in found):
        settings = [f"{SLIDERS[tip.name][0]} {_setting(tip)}" for tip in found if tip.digit == digit]
        lines.append(f"- **{digit}** at {', '.join(settings)}")
    st.caption("The answer changes to\n" + "\n".join(lines))


def _setting(tip: Tip) -> str:
    """Format a setting as its slider does."""
    return (SLIDERS[tip.name][1] % tip.amount).removesuffix(" pixels").replace("-", "−")


# ---- the layers


def walk(subject: Subject, found: list[Station], key: str) -> tuple[Station, int] | None:
    """Show each layer's most active maps in a row. Return the clicked layer and map."""
    chosen = None
    with st.container(key=key, gap="xxsmall"):
        for number, station in enumerate(found):
            order, montage, said = _most_active(subject, station)
            label, row = st.columns([2, 7], gap="small", vertical_alignment="center", wrap=False)
            label.html(_named(subject, station))
            with row:
                clicked = grid.show(montage, 1, MOST_IN_WALK, said, f"{key}_{number}", width=544)
            if clicked and clicked[0][1] < len(order):
                chosen = station, int(order[clicked[0][1]])
    return chosen


def walk_beside(subject: Subject, found: list[Station]) -> None:
    """Show the same rows as one picture: to compare, not to click."""
    rows = []
    for station in found:
        _, montage, said = _most_active(subject, station)
        picture = f'<img src="{overlay.data_url(montage)}" alt="{html.escape(said)}">'
        rows.append(f"<div>{_named(subject, station)}</div>{picture}")
    st.html(f'<div class="ink-walk">{"".join(rows)}</div>')


def _most_active(subject: Subject, station: Station) -> tuple[np.ndarray, np.ndarray, str]:
    """A layer's most active maps: which they are, their picture, and what it is."""
    values = subject.values[station.maps]
    order = np.sort(np.argsort(-np.abs(values).mean((0, 1)))[:MOST_IN_WALK])
    return order, pictures.montage(values[..., order], MOST_IN_WALK), f"{len(order)} maps of {station.name}"


def _named(subject: Subject, station: Station) -> str:
    height, width, count = subject.values[station.maps].shape
    return f"<b>{html.escape(station.name)}</b><br><small>{count} maps, {height}×{width}</small>"


def maps(subject: Subject, station: Station, chosen: int) -> int | None:
    """Show all maps of a layer. Return the clicked one."""
    values = subject.values[station.maps]
    columns = pictures.columns_of(values.shape[-1])
    rows = -(-values.shape[-1] // columns)
    clicked = grid.show(
        pictures.montage(values, columns), rows, columns, f"The {values.shape[-1]} maps of {station.name}",
        "inside_maps", (chosen // columns, chosen % columns), least=LEAST_CELL * columns,
    )  # fmt: skip
    place = clicked[0][0] * columns + clicked[0][1] if clicked else None
    return place if place is not None and place < values.shape[-1] else None


def one_map(subject: Subject, station: Station, channel: int, pixel: grid.Cell) -> grid.Cell | None:
    """Show one map enlarged. Return the clicked pixel."""
    values = subject.values[station.maps]
    height, width, _ = values.shape
    picture = pictures.coloured(values[..., channel], pictures.strongest(values))
    clicked = grid.show(picture, height, width, f"Map {channel} of {station.name}, {height} × {width}", "inside_map",
                        pixel, width=330)  # fmt: skip
    return clicked[0] if clicked else None


def kernels(station: Station) -> None:
    """Show the first convolution's filters."""
    own = station.layers[0].kernel[:, :, 0, :]
    columns = pictures.columns_of(own.shape[-1])
    picture = pictures.montage(own, columns)
    picture = cv2.resize(picture, None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST)
    st.image(picture, "Filters of this layer: blue weights are positive, orange ones negative", width="stretch",
             alt=f"The {own.shape[-1]} filters of {station.name}")  # fmt: skip


def the_sum(found: Sum, channel: int, pixel: grid.Cell) -> None:
    """Show the sum behind one pixel of a map with all its numbers; of several input maps, the selected one."""
    st.markdown(f"**Row {pixel[0]}, column {pixel[1]} of map {channel}: {stations.written(found.value)}**")
    each = found.strongest()
    before = int(np.abs(each).argmax())
    if len(each) > 1 and not inside_digit.is_presented():
        ordered = [int(place) for place in np.argsort(-np.abs(each), kind="stable")]
        before = st.selectbox(
            "Input map",
            ordered,
            format_func=lambda place: f"Map {place}: adds {stations.written(each[place])}",
            key=f"inside_before_{found.patch.shape}_{channel}_{pixel}",
            width=240,
        )
    parts = [("Input patch", found.patch[..., before])]
    if found.kernel is not None:
        parts += [("× the filter", found.kernel[..., before]), ("= products", found.products[..., before])]
    st.html(f'<div class="ink-grids">{"".join(_figure(*part) for part in parts)}</div>')
    if len(each) > 1:
        st.caption(
            f"Shown: input map {before} of {len(each)}, which contributes {stations.written(each[before])}. "
            f"The others together contribute {stations.written(each.sum() - each[before])}."
        )
    lines = [f"{html.escape(step.said)}: <b>{stations.written(step.value)}</b>" for step in found.steps]
    st.html('<ol class="ink-sum-steps"><li>' + "</li><li>".join(lines) + "</li></ol>")


def _figure(caption: str, values: np.ndarray) -> str:
    most = float(np.abs(values).max())
    colours = pictures.coloured(values, most)
    cells = "".join(
        "<tr>"
        + "".join(
            f'<td style="background:rgb{tuple(int(c) for c in colour)};color:{_ink_on(colour)}">'
            f"{stations.written(value)}</td>"
            for value, colour in zip(row, row_colours, strict=True)
        )
        + "</tr>"
        for row, row_colours in zip(values, colours, strict=True)
    )
    return f'<figure class="ink-scroll" tabindex="0"><table>{cells}</table><figcaption>{caption}</figcaption></figure>'


def _ink_on(colour: np.ndarray) -> str:
    return "#fff" if colour @ (0.3, 0.59, 0.11) < 140 else "#111"


# ---- evidence


def evidence(subject: Subject, found: Evidence, way: str, other: int) -> None:
    """Show the evidence for the answer, for another digit, and their difference."""
    maps_, winner = evidence_maps(subject, found, way), subject.winner
    most = float(np.abs(maps_[[winner, other]]).max())
    shown = (
        (f"For {wording.with_article(winner)}", maps_[winner]),
        (f"For {wording.with_article(other)}", maps_[other]),
        (f"{winner} rather than {other}", maps_[winner] - maps_[other]),
    )
    figures = "".join(
        f'<figure><img src="{overlay.data_url(occlusion.coloured(subject.image, own, most))}" alt="{caption}">'
        f"<figcaption>{caption}</figcaption></figure>"
        for caption, own in shown
    )
    st.html(f'<div class="ink-evidence">{figures}</div>')
    st.markdown(why.in_words(found, winner, other, None if way == "occlusion" else maps_))
    if way == "cam" and _is_weak(neighbour_index.quality_of(subject.model)):
        st.caption("Grad-CAM is a weak guide for this network: on test digits, ink in the order of this map brings the "
                   "answer back no sooner than ink in random order. Occlusion does better.")  # fmt: skip


def _is_weak(measured: dict[str, Quality] | None) -> bool:
    """Whether Grad-CAM orders ink no better than chance."""
    if not measured or not {"Grad-CAM", "random order"} <= set(measured):
        return False
    return measured["Grad-CAM"].insertion <= measured["random order"].insertion


def evidence_maps(subject: Subject, found: Evidence, way: str) -> np.ndarray:
    """Float (10, 28, 28) by "occlusion" or "cam"; 0 where there is no ink."""
    if way == "occlusion":
        return found.maps
    cams = np.stack([gradients.enlarged(cam) for cam in inside_digit.grad_cam(subject)])
    return cams * (subject.image >= occlusion.INKED)


# ---- ten sums


def sums(subject: Subject) -> None:
    """Show a table of the ten logits, their positive and negative parts, and the softmax."""
    last = subject.network.layers[-1]
    parts = subject.values[last.inputs[0]][:, np.newaxis] * last.kernel  # (features, 10)
    above, below = np.maximum(parts, 0).sum(0), np.minimum(parts, 0).sum(0)
    logits, shares = subject.values["logits"], subject.probabilities
    most = max(float(above.max()), float(-below.min()), 1e-9)
    names = ("digit", "for", "", "against", "", "bias", "sum z", "e<sup>z</sup>", "share")
    head = "<tr>" + "".join(f"<th>{name}</th>" for name in names) + "</tr>"
    rows = []
    for digit in range(10):
        cells = (
            str(digit), stations.written(above[digit]), _bar(above[digit] / most, "#4c7de0"),
            stations.written(below[digit]), _bar(-below[digit] / most, "#e07b1f"),
            stations.written(last.bias[digit]), stations.written(logits[digit]), _exponential(float(logits[digit])),
            f"{shares[digit]:.1%}",
        )  # fmt: skip
        best = " class=best" if digit == subject.winner else ""
        rows.append(f"<tr{best}>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    table = f'<table class="ink-sums">{head}{"".join(rows)}</table>'
    st.html(f'<div class="ink-scroll" tabindex="0" role="region" aria-label="Ten sums">{table}</div>')
    st.caption(f"Each sum adds up {len(parts)} outputs of the layer before, each times a learnt weight.")


def _exponential(z: float) -> str:
    return f"{np.exp(z):.3g}" if z < MOST_EXPONENT else f"e<sup>{z:.0f}</sup>"


def _bar(fraction: float, colour: str) -> str:
    return f'<span class="bar"><i style="width:{100 * fraction:.0f}%;background:{colour}"></i></span>'


# ---- similar digits


def alike(subject: Subject) -> None:
    """The nearest training digits, and the map of the test digits."""
    index = neighbour_index.find(subject.model)
    if index is None:
        _make_index(subject.model.name)
        inside_words.title(7)
        if not neighbour_index.has_failed(subject.model):
            st.caption("The map appears together with the similar digits above.")
        return
    if neighbour_index.quality_of(subject.model) is None:
        neighbour_index.make(subject.model)
    feature = subject.values[subject.network.layers[-1].inputs[0]]
    places, distances = index.nearest(feature)
    figures = "".join(
        f'<figure><img src="{overlay.data_url(index.images[place])}" alt="A training digit, {index.labels[place]}">'
        f"<b>{index.labels[place]}</b><small>distance {distance:.2f}</small></figure>"
        for place, distance in zip(places, distances, strict=True)
    )
    st.html(f'<div class="ink-alike">{figures}</div>')
    counts = np.bincount(index.labels[places], minlength=10)
    said = ", ".join(
        f"one is {wording.with_article(digit)}" if counts[digit] == 1 else f"{counts[digit]} are {digit}s"
        for digit in np.argsort(-counts, kind="stable").tolist()
        if counts[digit]
    )
    st.caption(f"Of these {len(places)}, {said}. Distance 1 is the average distance between two training digits.")
    inside_words.title(7)
    x, y = index.place(feature)
    st.plotly_chart(
        charts.digit_map(index.points, index.map_labels, (float(x), float(y))), key="inside_digit_map",
        config={"displayModeBar": False}, alt=f"A map of {len(index.points)} test digits. Yours lies nearest to "
        f"{wording.with_article(int(index.labels[places[0]]))}.",
    )  # fmt: skip


@st.fragment(run_every=1)
def _make_index(name: str) -> None:
    """Request the index and poll for it without blocking."""
    try:
        model = model_store.find(name)
    except ModelError as error:
        st.warning(components.plain(str(error)))
        return
    if neighbour_index.find(model) is not None:
        st.rerun()
    if neighbour_index.has_failed(model):
        st.warning("The digits could not be compared. The server's log says why.")
        return
    neighbour_index.make(model)
    st.info(
        "The network reads many digits first, to find similar ones. This takes about 20 seconds, once; longer if "
        "another network is ahead in the queue.",
        icon=":material/hourglass:",
    )
