"""How good the explanations of each model are: deletion, insertion, sanity check, and what they cost.

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
from digit_core.explanation import gradients, occlusion, quality
from digit_core.explanation.network import network_of
from digit_core.models import store


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="one model only")
    parser.add_argument("--digits", type=int, default=500, help="test digits")
    options = parser.parse_args()
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
        times.append((model.name, timed(lambda d, n=network: gradients.grad_cam(n, n.run(d)), some),
                      timed(lambda d, c=classify: occlusion.explain(c, d), some)))  # fmt: skip
    print("\n| model | maps and Grad-CAM of a digit | occlusion |\n|---|---|---|")
    for name, cam, occluded in times:
        print(f"| `{name}` | {cam:.1f} ms | {occluded:.0f} ms |")


def timed(work, digits: np.ndarray) -> float:
    """Milliseconds a digit, the median of 50."""
    found = []
    for digit in digits[:50]:
        began = time.perf_counter()
        work(digit)
        found.append(time.perf_counter() - began)
    return 1000 * float(np.median(found))


if __name__ == "__main__":
    main()
