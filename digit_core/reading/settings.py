"""The constants of reading a page, in one place.

`python benchmarks/constants.py NAME VALUE ...` compares values on synthetic validation pages, and
`python benchmarks/reader.py --move` on real handwriting.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class ReadingSettings:
    """Constants tuned by hand, on validation writers only; everything else is learnt.

    Attributes:
        least_heat: minimum heat of a detection, as a probability.
        explains: heat from which a digit explains all ink in its box, so that finer levels skip it.
        explains_other: the same for other marks; several small digits may look like one of these.
        detailed: height in pixels of its level from which a mark needs no finer level.
        evenness: range of grey levels within 3 x 3 pixels up to which a place is even and skipped.
        upright: fraction of a page's marks that are digits from which it is not turned.
        fewest: marks below which a page is not turned.
        most: marks above which it is not turned either, since reading it three more times takes too long.
        gain: factor by which a turned page must show more digits.
        within_level: intersection over union from which two detections of one level are the same mark.
        between_levels: the same for two levels.
        part: fraction of the smaller box within the larger one from which it is a part of that mark.
        narrow: width over height below which a box counts as wider when two levels are compared.
        line_distance: heights between the middles of marks of one text line.
        seen: heat from which a non-digit is shown as "?".
        sign: score from which a point or minus is read.
        sign_drawn: the same in a drawing, which has no dirt.
        beside: heights to the next digit up to which a mark stands among digits.
        letter: probability of being a digit below which a mark is surely a letter, or another non-digit.
        text: fraction of letters from which a drawing is a text, where an l or an o is no 1 or 0. On 4,000 synthetic
            validation pages, these two remove 48 of about 360 false positives and 16 of 2,700 true ones.
        off: margin of a detection's box, in pixels of its own level, in which ink is explained as well.
        fine: longer side in pixels of a level that shows the thinnest pen; if all is explained there, finer levels
            are skipped.
        highest: maximum height of a drawn line, in mark heights; higher ones are attached to a frame or a drawing.
        small: fraction of the digits' height below which a piece of ink in a drawing counts as a separate mark;
            false positives in 2 of 746 validation drawings without signs.
        covered: fraction of a drawn line's ink that must lie where marks were found for the line network to read it.
        fading: contrast ratio below which a fainter mark says less about a darker one, so that a hundred specks of
            grain do not outweigh one digit. The weights in use were fitted without it.
        maybe: probability that what may be a slash is a digit; below `wording.DOUBT`.
    """

    least_heat: float = 0.2
    explains: float = 0.5
    explains_other: float = 0.8
    detailed: float = 24.0
    evenness: int = 10
    upright: float = 0.6
    fewest: int = 5
    most: int = 400
    gain: float = 1.5
    within_level: float = 0.5
    between_levels: float = 0.42
    part: float = 0.55
    narrow: float = 0.35
    line_distance: float = 0.6
    seen: float = 0.5
    sign: float = 0.5
    sign_drawn: float = 0.2
    beside: float = 1.2
    letter: float = 0.1
    text: float = 0.5
    off: float = 2.0
    fine: int = 300
    highest: float = 2.5
    small: float = 0.4
    covered: float = 0.5
    fading: float = 0.5
    maybe: float = 0.4
