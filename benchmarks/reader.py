"""Measure the reader on real handwriting, and how much each of its constants matters.

    python benchmarks/reader.py                    # validation writers: for choosing settings
    python benchmarks/reader.py --part test        # held-out writers, photographs and forms: read once
    python benchmarks/reader.py --move             # each constant decreased and increased by a quarter

Needs MNIST, and the real handwriting with its scorer, `score_real.py`, which do not come with the project; by default
they are expected in `../shared`.
"""

import argparse
import csv
import dataclasses
import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from digit_core import Recognizer, UnreadableImageError
from digit_core.data import datasets
from digit_core.pictures import image_files
from digit_core.reading.settings import ReadingSettings

KINDS = {"nondigits": "none", "strings": "strings"}  # the other sets are single digits
Picture = tuple[np.ndarray, str]  # and its label
Read = Callable[[np.ndarray], str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=("validation", "test"), default="validation")
    parser.add_argument("--move", action="store_true", help="move every constant by a quarter")
    parser.add_argument("--limit", type=int, default=400, help="pictures a set of strokes, and a fifth of MNIST's")
    parser.add_argument("--real", type=Path, default=ROOT.parent / "shared", help="folder of real/ and tools/")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    present = Recognizer.load()
    sets = {**dict(pictures(options)), **enlarged(options, present)}
    readers: dict[str, Read] = {"reader": lambda picture: present.read(picture).text}
    if options.move:
        readers |= moved()
    print("| set | n |" + "".join(f" {name} |" for name in readers))
    print("|---|---|" + "---|" * len(readers))
    for name, rows in sets.items():
        kind = KINDS.get(name.split("/")[-1].replace("none", "nondigits").replace("multi", "strings"), "digits")
        print(f"| {name} | {len(rows)} |" + "".join(f" {score(read, rows, kind)} |" for read in readers.values()))


def pictures(options: argparse.Namespace) -> Iterator[tuple[str, list[Picture]]]:
    """Yield the sets of that part: name, pictures."""
    scorer = _scorer(options.real)
    for path in sorted((options.real / "real" / "strokes").glob("*.jsonl.gz")):
        name = path.name.split(".")[0]
        rows = [row for row in scorer.read_rows(path) if datasets.part_of(row["writer"]) == options.part]
        rows = rows[:: max(1, len(rows) // options.limit)]
        yield (
            f"strokes/{name}",
            [
                (scorer.render(row["strokes"], number, name == "strings"), str(row["label"]))
                for number, row in enumerate(rows)
            ],
        )
    if options.part == "test":  # photographs and forms are test data only
        for sheet in sorted((options.real / "real" / "photos").glob("*/labels.csv")):
            with open(sheet, newline="") as file:
                rows = list(csv.DictReader(file))
            yield (
                f"photos/{sheet.parent.name}",
                [*_readable((sheet.parent / row["file"], row["label"]) for row in rows)],
            )
        forms = sorted((options.real / "real" / "forms").glob("*/*"))
        yield "forms", [*_readable((path, path.parent.name) for path in forms)]


def enlarged(options: argparse.Namespace, recognizer: Recognizer) -> dict[str, list[Picture]]:
    """Return MNIST's digits enlarged 3 to 9 times, at random places on 280 x 280; the set's name gives the
    classifier's accuracy on the original digits."""
    mnist = getattr(datasets.load("mnist"), options.part)
    images, labels = mnist.images[: 5 * options.limit], mnist.labels[: 5 * options.limit]
    alone = np.mean(recognizer.classify(images).argmax(1) == labels)
    rng = np.random.default_rng(0)
    name = f"MNIST enlarged (classifier alone, as they were: {alone:.2%})"
    return {name: [(_on_canvas(image, rng), str(label)) for image, label in zip(images, labels, strict=True)]}


def _on_canvas(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    side = int(rng.integers(3 * 28, 9 * 28))
    left, top = rng.integers(0, 280 - side, 2)
    canvas = np.zeros((280, 280), np.uint8)
    canvas[top : top + side, left : left + side] = cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC)
    return 255 - canvas


def score(read: Read, rows: list[Picture], kind: str) -> str:
    """Return the fraction that is right; for strings also the character error rate."""
    texts = [read(picture) for picture, _ in rows]
    if kind == "none":
        return f"{np.mean([not re.search(r'[0-9]', text) for text in texts]):.2%}"
    right = f"{np.mean([text == label for text, (_, label) in zip(texts, rows, strict=True)]):.2%}"
    if kind == "digits":
        return right
    pairs = [(text.replace("/", ""), label.replace("/", "")) for text, (_, label) in zip(texts, rows, strict=True)]
    errors = sum(edit_distance(text, label) for text, label in pairs)
    return f"{right}, {errors / sum(len(label) for _, label in pairs):.2%}"


def moved() -> dict[str, Read]:
    """Return readers that each have one constant decreased or increased by a quarter."""
    found: dict[str, Read] = {}
    for field in dataclasses.fields(ReadingSettings):
        for factor in (0.75, 1.25):
            value = type(field.default)(field.default * factor)
            reader = Recognizer.load(settings=ReadingSettings(**{field.name: value}))
            found[f"{field.name} {value:g}"] = lambda picture, reader=reader: reader.read(picture).text
    return found


def edit_distance(a: str, b: str) -> int:
    """The fewest characters to insert, remove or replace (Levenshtein 1966)."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def _readable(files) -> Iterator[Picture]:
    for path, label in files:
        try:
            yield image_files.read_file(path), label
        except UnreadableImageError as error:
            print(f"{path}: {error}", file=sys.stderr)


def _scorer(real: Path):
    """Import the module `score_real`."""
    path = real / "tools" / "score_real.py"
    if not path.is_file():
        sys.exit(f"There is no {path}.")
    spec = importlib.util.spec_from_file_location("score_real", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
