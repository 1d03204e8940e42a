"""Measure the explanations of each model: deletion, insertion, sanity check and run time.

python benchmarks/explanations.py                   # all shipped models, 500 MNIST test digits
python benchmarks/explanations.py --model inkling
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from digit_core import Recognizer
from digit_core.data import datasets
from digit_core.explanation import occlusion, quality
from digit_core.explanation.network import network_of
from digit_core.explanation.occlusion import Settings
from digit_core.models import store
from digit_core.models.grad_cam import Compiled


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="one model only")
    parser.add_argument("--digits", type=int, default=500, help="test digits")
    parser.add_argument("--settings", action="store_true", help="compare settings of occlusion on validation digits")
    options = parser.parse_args()
    if options.settings:
        compare_settings(options)
        return
    digits = datasets.load("mnist").test.images
    some = digits[np.random.default_rng(quality.SEED).permutation(len(digits))[: options.digits]]
    models = [store.find(options.model)] if options.model else [m for m in store.list_models() if m.is_shipped]
    print("| model | map | deletion | insertion | like a shuffled network's | like the runner-up's |")
    print("|---|---|---|---|---|---|")
    times = []
    for model in models:
        network, classify = network_of(model), Recognizer.load(model.name).classify
        for name, own in quality.measure(network, classify, some).items():
            alike = ["" if value is None else f"{value:.2f}" for value in (own.shuffled, own.runner_up)]
            print(f"| `{model.name}` | {name} | {own.deletion:.3f} | {own.insertion:.3f} | {alike[0]} | {alike[1]} |")
        explain = Compiled(model.litert_bytes())
        times.append((model.name, timed(lambda d, n=network, e=explain: (n.run(d), e(d)), some),
                      timed(lambda d, c=classify: occlusion.explain(c, d), some)))  # fmt: skip
    print("\n| model | maps and Grad-CAM of a digit | occlusion |\n|---|---|---|")
    for name, cam, occluded in times:
        print(f"| `{name}` | {cam:.1f} ms | {occluded:.0f} ms |")


SETTINGS = {
    "random order": None,
    "as it is": Settings(),
    "patches alone": Settings(balance=0.0),
    "masks alone": Settings(balance=1.0),
    "patches every 3, and 160 masks": Settings(step=3, masks=160),
    "patches of 5, every 2": Settings(patch=5, step=2),
    "patches of 11": Settings(patch=11),
    "masks of 9 cells": Settings(cells=9),
    "masks of single pixels": Settings(cells=28),
    "a third of the cells kept": Settings(kept=0.33),
    "two thirds of the cells kept": Settings(kept=0.67),
    "80 masks": Settings(masks=80),
    "held back less": Settings(ridge=0.5),
    "held back more": Settings(ridge=5.0),
}


def compare_settings(options: argparse.Namespace) -> None:
    """Compare occlusion settings on MNIST's validation digits."""
    classify, rng = Recognizer.load(options.model).classify, np.random.default_rng(quality.SEED)
    digits = datasets.load("mnist").validation.images
    some = digits[rng.permutation(len(digits))[: options.digits]]
    print("| settings | deletion | insertion |\n|---|---|---|")
    for name, settings in SETTINGS.items():
        areas = []
        for digit in some:
            winner = int(classify(digit[np.newaxis])[0].argmax())
            maps = None if settings is None else occlusion.explain(classify, digit, settings).maps
            order = rng.random(digit.shape) if maps is None else maps[winner]
            areas.append(quality.area_under(classify, digit, order, winner))
        deletion, insertion = np.mean(areas, axis=0)
        print(f"| {name} | {deletion:.3f} | {insertion:.3f} |", flush=True)


def timed(work, digits: np.ndarray) -> float:
    """Return the median milliseconds per digit, over 50."""
    found = []
    for digit in digits[:50]:
        began = time.perf_counter()
        work(digit)
        found.append(time.perf_counter() - began)
    return 1000 * float(np.median(found))


if __name__ == "__main__":
    main()
