"""Measure how much a few corrections improve the reading of one person's digits, and what they cost others.

    python benchmarks/adaptation.py [--part test] [--model NAME] [--hostile]

The writers are those of the pen strokes in `../shared/real/strokes` that no model was trained on. Each writer's
digits are split into two halves. The first half selects the writers that are read worst and supplies the
corrections, up to four per digit; the second half is measured. `--hostile` mislabels ten of the corrections and
prints how many of them are held for review.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from digit_core import Recognizer
from digit_core.data import datasets, file_formats
from digit_core.data.datasets import Split, part_of
from digit_core.feedback.corrections import HELD_BELOW
from digit_core.models import store as model_store
from digit_core.pictures.normalization import batch
from digit_core.training import adaptation

WORST, EACH, FEWEST = 10, 4, 20  # writers; corrections per digit; minimum digits per half
HOSTILE = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=("validation", "test"), default="validation", help="whose writers")
    parser.add_argument("--model", default="inkling", help="the model that is taught")
    parser.add_argument("--hostile", action="store_true", help="label ten corrections wrong")
    parser.add_argument("--real", type=Path, default=ROOT.parent / "shared", help="folder of real/")
    options = parser.parse_args()
    start, mnist = model_store.find(options.model), datasets.load("mnist")
    classify = Recognizer.load(options.model).classify
    writers = chosen(options, classify)
    others = {name: half for name, (_, half) in writers.items()}
    rows, rng = [], np.random.default_rng(0)
    print("| writer | corrections | errors before | after | other writers' errors before | after | MNIST's test errors "
          "before | after | seconds |\n|---|---|---|---|---|---|---|---|---|")  # fmt: skip
    for name, (first, second) in list(writers.items())[:WORST]:
        own = corrections(first)
        if options.hostile:
            own = with_wrong_labels(own, classify, rng)
        adapted = adaptation.adapt(start, own, mnist)
        rest = joined([half for other, half in others.items() if other != name])
        row = [len(own)]
        for split in (second, rest, mnist.test):
            row += [errors(classify(split.images), split), errors(_answers(adapted.model, split), split)]
        rows.append([*row, adapted.seconds])
        print(f"| {name} | " + " | ".join(f"{value:.0f}" for value in rows[-1]) + " |", flush=True)
    total, count = np.sum(rows, 0), sum(len(writers[name][1]) for name in list(writers)[:WORST])
    fewer = 1 - total[2] / max(total[1], 1)
    print(f"\n{len(rows)} writers: {total[1]:.0f} errors of {count}, after {total[2]:.0f} ({fewer:.0%} fewer)")
    print(f"other writers {total[4] - total[3]:+.0f} of {len(rows) * sum(map(len, others.values())):,}")
    print(f"MNIST {total[6] - total[5]:+.0f} of {len(mnist.test) * len(rows):,}")
    print(f"{np.mean(rows, 0)[7]:.0f} s a writer")


def chosen(options: argparse.Namespace, classify) -> dict[str, tuple[Split, Split]]:
    """Return both halves of every writer in a part, sorted by error rate on the first half, worst first."""
    found = {}
    for source in ("unipen", "pendigits"):
        digits = file_formats.read(options.real / "real" / "strokes" / f"{source}.jsonl.gz")["train"]
        for writer in sorted(set(digits.writers)):
            places = np.flatnonzero((digits.writers == writer) & digits.images.any((1, 2)))
            if part_of(writer) != options.part or len(places) < 2 * FEWEST:
                continue
            places = np.random.default_rng(len(places)).permutation(places)
            halves = places[: len(places) // 2], places[len(places) // 2 :]
            found[f"{source} {writer}"] = tuple(Split(digits.images[half], digits.labels[half]) for half in halves)
    worst = {name: errors(classify(first.images), first) / len(first) for name, (first, _) in found.items()}
    return {name: found[name] for name in sorted(found, key=lambda name: -worst[name])}


def corrections(half: Split) -> Split:
    """The first four of each digit."""
    places = np.concatenate([np.flatnonzero(half.labels == value)[:EACH] for value in range(10)])
    return Split(half.images[places], half.labels[places])


def with_wrong_labels(own: Split, classify, rng: np.random.Generator) -> Split:
    """Mislabel ten corrections, and drop those that the app would hold for review."""
    labels = own.labels.copy()
    wrong = rng.choice(len(own), HOSTILE, replace=False)
    labels[wrong] = (labels[wrong] + rng.integers(1, 10, HOSTILE)) % 10
    held = classify(own.images)[np.arange(len(own)), labels] < HELD_BELOW
    caught = int(held[wrong].sum())
    print(
        f"held for a look: {caught} of {HOSTILE} wrong labels, {int(held.sum()) - caught} right ones", file=sys.stderr
    )
    return Split(own.images[~held], labels[~held])


def _answers(model, split: Split) -> np.ndarray:
    return model.predict(batch(split.images), batch_size=500, verbose=0)


def errors(probabilities: np.ndarray, split: Split) -> int:
    return int((probabilities.argmax(1) != split.labels).sum())


def joined(splits: list[Split]) -> Split:
    return Split(np.concatenate([s.images for s in splits]), np.concatenate([s.labels for s in splits]))


if __name__ == "__main__":
    main()
