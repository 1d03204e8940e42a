"""Compare values of one of the reader's constants on synthetic validation pages.

    python benchmarks/constants.py fading 0.3 0.5 1.0 [--pages 1000] [--strokes FILE ...]

The names are those of `ReadingSettings`; the first row has the present value. Prints what became of the digits that
must be read, and how many other marks were read as digits. Pages, sheets of four times their size and drawings are
made from MNIST's validation part, and from the pen strokes of validation writers, if such files are given.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import cv2

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from digit_core import Reading, Recognizer
from digit_core.data import page_sources, photography
from digit_core.data.synthetic_pages import SyntheticPages
from digit_core.models.page_format import OTHER
from digit_core.reading.settings import ReadingSettings
from digit_core.training.page_calibration import SAME, Example, overlap

SEED = 71  # other pages than those of the calibration
SHEETS, DRAWINGS = 4, 2  # one sheet for every four pages, one drawing for every two
COLUMNS = ("right", "wrong", "refused", "not found", "invented")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=[field.name for field in fields(ReadingSettings)])
    parser.add_argument("values", nargs="+", type=float)
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--strokes", nargs="*", type=Path, default=[], help="pen strokes as JSON lines")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    present = getattr(ReadingSettings(), options.name)
    values = dict.fromkeys([present, *map(type(present), options.values)])
    readers = {value: Recognizer.load(settings=ReadingSettings(**{options.name: value})) for value in values}
    counts = {value: Counter() for value in values}
    for example in examples(options.pages, tuple(options.strokes)):
        for value, reader in readers.items():
            counts[value] += outcome(reader.read(example.picture), example)
    print(f"| {options.name} | " + " | ".join(COLUMNS) + " |\n|---|" + "---|" * len(COLUMNS))
    for value, count in counts.items():
        print(f"| {value:g} | " + " | ".join(str(count[column]) for column in COLUMNS) + " |")


def examples(count: int, strokes: tuple[Path, ...]) -> Iterator[Example]:
    pages = SyntheticPages(page_sources.load("validation", strokes), photography.load_photos(), SEED)
    for number in range(count):
        yield Example(*pages.page())
        if number % SHEETS == 0:
            yield Example(*pages.sheet())
        if number % DRAWINGS == 0:
            yield Example(*pages.drawing())


def outcome(reading: Reading, example: Example) -> Counter:
    """What became of the digits of an example, and how many accepted marks are none of its digits."""
    digits = [mark for mark in example.marks if mark.label < OTHER]
    must_be_read = [m for i, m in enumerate(example.marks) if m.label < OTHER and i not in example.doubtful]
    count, taken = Counter(), set()
    for digit in reading.digits:
        left, top, width, height = digit.box
        box = left, top, left + width, top + height
        mark = max(digits, key=lambda mark: overlap(box, mark), default=None)
        if mark is None or overlap(box, mark) < SAME or id(mark) in taken:
            count["invented"] += digit.trusted
            continue
        taken.add(id(mark))
        if any(mark is other for other in must_be_read):
            count["refused" if not digit.trusted else "right" if digit.value == mark.label else "wrong"] += 1
    count["not found"] = sum(id(mark) not in taken for mark in must_be_read)
    return count


if __name__ == "__main__":
    main()
