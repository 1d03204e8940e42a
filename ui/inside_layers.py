"""Selection of a layer, map, pixel and digit on the Inside page, kept in the URL."""

import numpy as np
import streamlit as st

from digit_core.explanation import stations
from digit_core.explanation.stations import Station
from ui import address, grid, inside_digit, inside_view, inside_words
from ui.inside_digit import Subject

WORDS = """
- **Map** (feature map): the output of one filter, pixel by pixel.
- **Convolution**: a small filter slides over the input maps. At each position, the numbers under it are multiplied by
  the filter's weights and added up.
- **Bias**: a number that is added to every pixel.
- **Normalised**: scaled and shifted, so that all maps have about the same range.
- **ReLU**: values below 0 become 0. **tanh**: values are squeezed between −1 and 1.
- **Largest of each 2×2**, **mean of each 2×2**: pooling, which halves a map's height and width.
- **Added to what came in**: the layer corrects its input instead of replacing it.
"""
WAYS = {"occlusion": "Occlusion", "cam": "Grad-CAM"}


def overview(subject: Subject, found: list[Station]) -> None:
    """Show all layers, one row each; clicking a map opens it below."""
    clicked = inside_view.walk(subject, found, "inside_walk")
    if clicked is not None:
        station, channel = clicked
        st.session_state["inside_layer"] = station.name
        address.put(layer=None if station is found[0] else station.name, map=str(channel), pixel=None)


def look_closer(subject: Subject, found: list[Station]) -> None:
    """Show a layer's maps, one map enlarged, and the sum behind one pixel."""
    names = [station.name for station in found]
    before = address.text("layer") or names[0]
    chosen = address.choose("inside_layer", "layer", names, names[0])
    if not inside_digit.is_presented():
        chosen = st.select_slider("Layer", names, key="inside_layer")
    if chosen != before:
        address.put(map=None, pixel=None)
    address.put(layer=None if chosen == names[0] else chosen)
    station = found[names.index(chosen)]
    values = subject.values[station.maps]
    st.caption(f"**{station.name}**: {station.in_words}. Click a map, here or above, to see it large.")
    with st.expander("What these words mean", icon=":material/menu_book:"):
        st.markdown(WORDS)
    channel = _channel(values)
    clicked = inside_view.maps(subject, station, channel)
    if clicked is not None and clicked != channel:
        address.put(map=str(clicked), pixel=None)
        st.rerun()
    if station is found[0] and station.is_convolution:
        inside_view.kernels(station)
    inside_words.title(3)
    pixel = _pixel(values[..., channel])
    left, right = st.columns([5, 7], gap="medium")
    with left:
        clicked_pixel = inside_view.one_map(subject, station, channel, pixel)
    if clicked_pixel is not None and clicked_pixel != pixel:
        address.put(pixel=f"{clicked_pixel[0]}.{clicked_pixel[1]}")
        st.rerun()
    with right, st.container(key="inside_sum"):
        inside_view.the_sum(stations.explain(station, subject.values, *pixel, channel), channel, pixel)


def which_evidence(subject: Subject) -> tuple[str, int]:
    """Return the method, "occlusion" or "cam", and the digit to compare with."""
    others = [str(digit) for digit in range(10) if digit != subject.winner]
    key, usual = f"inside_beside_{subject.winner}_{subject.runner_up}", str(subject.runner_up)
    way = address.choose("inside_way", "why", list(WAYS), "occlusion")
    other = address.choose(key, "beside", others, usual)
    if inside_digit.is_presented():
        return way, int(other)
    with st.container(horizontal=True, gap="medium"):
        way = st.segmented_control("Method", list(WAYS), format_func=WAYS.get, required=True, key="inside_way")
        other = st.selectbox("Compare with", others, width=150, key=key)
    address.put(why=None if way == "occlusion" else way, beside=None if other == usual else other)
    return way, int(other)


def _channel(values: np.ndarray) -> int:
    """Return the map in the URL, else the most active one."""
    text = address.text("map")
    if text.isascii() and text.isdigit() and len(text) < 5 and int(text) < values.shape[-1]:
        address.put(map=text)
        return int(text)
    return int(np.abs(values).mean((0, 1)).argmax())


def _pixel(values: np.ndarray) -> grid.Cell:
    """Return the pixel in the URL, else the strongest one."""
    text = address.text("pixel")
    parts = text.split(".")
    if len(parts) == 2 and all(part.isascii() and part.isdigit() and len(part) < 4 for part in parts):
        row, column = map(int, parts)
        if row < values.shape[0] and column < values.shape[1]:
            address.put(pixel=text)
            return row, column
    return tuple(int(place) for place in np.unravel_index(np.abs(values).argmax(), values.shape))
