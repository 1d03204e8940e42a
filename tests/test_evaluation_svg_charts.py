"""SVG charts: points are in the right places, and text is escaped."""

import re
import xml.etree.ElementTree as ET

import numpy as np

from digit_core.evaluation import svg_charts
from digit_core.evaluation.svg_charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axis

SVG = "{http://www.w3.org/2000/svg}"


def test_points_stand_where_they_belong():
    across, up = Axis("x", 0, 10, (0, 5, 10)), Axis("y", 0, 1, (0, 1))
    text = svg_charts.curve(
        [0, 5, 10], [0, 0.5, 1], across, up, "said", [(0, 0.1), (0.4, 0.6), (0.9, 1)], sizes=[3] * 3
    )
    root = ET.fromstring(text)
    circles = [(float(c.get("cx")), float(c.get("cy"))) for c in root.iter(f"{SVG}circle")]
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    assert circles == [(LEFT, bottom), ((LEFT + right) / 2, (TOP + bottom) / 2), (right, TOP)]
    line = next(path.get("d") for path in root.iter(f"{SVG}path") if path.get("fill") == "none")
    assert [float(number) for number in re.findall(r"[\d.]+", line)] == [value for point in circles for value in point]


def test_the_matrix_shows_counts_and_colours_mistakes_alone():
    counts = np.diag([9] * 10)
    counts[3, 5] = 4
    root = ET.fromstring(svg_charts.matrix(counts, "said"))
    texts = [t.text for t in root.iter(f"{SVG}text")]
    assert texts.count("9") == 10 + 2  # plus the label 9 on both axes
    assert texts.count("4") == 1 + 2
    strengths = [float(rect.get("fill-opacity")) for rect in root.iter(f"{SVG}rect")]
    assert strengths.index(max(strengths)) == 35
    assert sorted(strengths)[-2] == min(strengths)


def test_texts_are_shown_as_texts():
    axis = Axis("<b>&", 0, 1, (0, 1))
    root = ET.fromstring(svg_charts.curve([0, 1], [0, 1], axis, axis, '"><script>'))
    assert root.get("aria-label") == '"><script>'
    assert "<b>&" in [text.text for text in root.iter(f"{SVG}text")]
