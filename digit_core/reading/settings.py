"""The constants of reading a page, in one place. `python benchmarks/reader.py --move` prints what each is worth."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ReadingSettings:
    """What is tuned by hand, on validation writers alone; everything else is learnt.

    Attributes:
        least_heat: heat, as a probability, from which a detection is looked at at all.
        explains: heat from which a digit explains what is to be seen in its box, so that no finer level looks there.
        explains_other: the same for other marks; several small digits may look like one of these.
        detailed: pixels high at its level from which a mark need not be seen larger.
        evenness: grey levels within 3 x 3 pixels up to which a place is even, and not looked at.
        upright: fraction of a page's marks that are digits from which it is not turned.
        fewest: marks below which a page is not turned.
        most: marks above which it is not turned either, since reading it three more times takes too long.
        turning: seconds of its thread that a picture may have taken for it to be turned once more.
        gain: times more digits that a turned page must show.
        within_level: intersection over union from which two detections of one level are the same mark.
        between_levels: the same for two levels.
        part: fraction of the smaller box within the larger one from which it is a part of that mark.
        narrow: width over height below which a box counts as wider when two levels are compared.
        line_distance: heights between the middles of marks of one text line.
        seen: heat from which a mark that is no digit is worth a "?".
        sign: score from which a point or minus is read.
        sign_drawn: the same in a drawing, which has no dirt.
        beside: heights to the next digit up to which a mark stands among digits.
        off: pixels of its own level by which a detection's box may be off, so that ink there is explained as well.
        fine: pixels of a level's longer side on which the thinnest pen is seen; if nothing is unexplained there, no
            finer level is looked at.
        highest: heights of its marks that a drawn line may have; what is higher hangs on a frame or a drawing.
        small: fraction of the digits' height below which a piece of ink in a drawing is told as a mark of its own; of
            746 validation drawings without signs it is told in 2.
        covered: fraction of a drawn line's ink that must lie where marks were found for the line network to read it.
    """

    least_heat: float = 0.2
    explains: float = 0.5
    explains_other: float = 0.8
    detailed: float = 24.0
    evenness: int = 10
    upright: float = 0.6
    fewest: int = 5
    most: int = 400
    turning: float = 1.5
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
    off: float = 2.0
    fine: int = 300
    highest: float = 2.5
    small: float = 0.4
    covered: float = 0.5
