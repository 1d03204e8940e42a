"""How good an explanation is, by standard tests.

Deletion and insertion (V. Petsiuk, A. Das, K. Saenko: RISE, 2018): ink is removed or inserted in the order of a map;
with a good map, the answer's probability falls or rises quickly. Here only inked pixels count, and the baseline is a
random order of the same pixels. Sanity check (J. Adebayo et al., 2018): a network with shuffled weights must give a
different map.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from digit_core import paths, records
from digit_core.data import datasets
from digit_core.explanation import gradients, neighbours, occlusion
from digit_core.explanation.network import Network, network_of
from digit_core.explanation.occlusion import INKED, Classify
from digit_core.models import store as model_store
from digit_core.models.store import ModelError, StoredModel
from digit_core.reading.recognizer import Recognizer

log = logging.getLogger(__name__)

STEPS = 20  # in which ink is removed or inserted
SEED = 2026
MEASURED_ON = 500  # test digits
SHUFFLED_EVERY = 10  # one in this many digits is also explained with the shuffled network, which is slow
WAY = 2  # version of how maps are computed; increment it with every change

Explain = Callable[[np.ndarray], np.ndarray]  # a digit uint8 (28, 28) -> maps float (10, 28, 28)


@dataclass(frozen=True)
class Quality:
    """The test results of one kind of map.

    Attributes:
        deletion: mean area under the curve of the answer's probability while its ink is removed, 0..1; lower is
            better.
        insertion: the same while the ink is inserted; higher is better.
        shuffled: correlation of its maps with those of the shuffled network; None if there is no such network.
        runner_up: correlation of the winner's maps with the runner-up's.
        digits: how many digits these are means over.
    """

    deletion: float
    insertion: float
    shuffled: float | None = None
    runner_up: float | None = None
    digits: int = MEASURED_ON


def methods(network: Network, classify: Classify) -> dict[str, Explain]:
    """The kinds of map that are shown, by name; `classify` must run the same network."""

    def cam(digit: np.ndarray) -> np.ndarray:
        return np.stack([gradients.enlarged(own) for own in gradients.grad_cam(network, network.run(digit))])

    return {"occlusion": lambda digit: occlusion.explain(classify, digit).maps, "Grad-CAM": cam}


def measure(
    network: Network,
    classify: Classify,
    digits: np.ndarray,
    on_progress: Callable[[float], None] = lambda fraction: None,
) -> dict[str, Quality]:
    """Test each kind of map, and the baseline "random order", on digits uint8 (n, 28, 28).

    `on_progress` gets the completed fraction.
    """
    rng = np.random.default_rng(SEED)
    shuffled = network.shuffled(SEED)
    ours, theirs = methods(network, classify), methods(shuffled, _classifier(shuffled))
    areas: dict[str, list[tuple[float, float]]] = {name: [] for name in (*ours, "random order")}
    alike: dict[str, list[float]] = {name: [] for name in ours}
    second: dict[str, list[float]] = {name: [] for name in ours}
    for done, digit in enumerate(digits):
        on_progress(done / len(digits))
        shares = classify(digit[np.newaxis])[0]
        runner_up, winner = (int(place) for place in shares.argsort()[-2:])
        areas["random order"].append(area_under(classify, digit, rng.random(digit.shape), winner))
        for name in ours:
            maps = ours[name](digit)
            areas[name].append(area_under(classify, digit, maps[winner], winner))
            inked = digit >= INKED
            second[name].append(_correlation(maps[winner], maps[runner_up], inked))
            if done % SHUFFLED_EVERY == 0:
                alike[name].append(_correlation(maps[winner], theirs[name](digit)[winner], inked))
    found = {}
    for name, both in areas.items():
        deletion, insertion = map(float, np.mean(both, axis=0))
        correlations = (float(np.mean(some[name])) for some in (alike, second)) if name in ours else ()
        found[name] = Quality(deletion, insertion, *correlations, digits=len(digits))
    return found


def kept(model: StoredModel, data: str) -> dict[str, Quality] | None:
    """Load the test results of a model's maps on a data set, or those in its card, measured on MNIST; None if there
    are none."""
    try:
        if (file := _file(model, data)).is_file():
            return _read(records.read_json(file))
        said = model.card.get("explanations", {})
        return _read(said["maps"]) if said.get("way") == _way() else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        log.warning("What was measured of %s's maps cannot be read", model.name, exc_info=True)
        return None


def keep(model: StoredModel, data: str, on_progress: Callable[[float], None] = lambda fraction: None) -> None:
    """Measure a model's maps and store the results.

    Raises:
        ModelError: the model cannot be read, or the figures cannot be written.
        DatasetError: the data set is not available.
    """
    digits = datasets.load(data).test.images
    some = digits[np.random.default_rng(SEED).permutation(len(digits))[:MEASURED_ON]]
    found = measure(network_of(model), Recognizer.load(model.name).classify, some, on_progress)
    file = _file(model, data)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with paths.replacing_file(file) as out:
            out.write(json.dumps({name: asdict(own) for name, own in found.items()}).encode())
    except OSError as error:
        log.warning("Nothing can be written to %s", file, exc_info=error)
        raise ModelError(f"The figures cannot be written: {error.strerror or 'the folder cannot be used'}.") from error


def record(model: StoredModel, data: str) -> None:
    """Write what was measured into the card of a model that is to be shipped.

    Raises:
        ModelError: the card cannot be read or written.
    """
    maps = {name: asdict(own) for name, own in (kept(model, data) or {}).items()}
    model_store.record(model, "explanations", {"way": _way(), "data": data, "maps": maps})


def _read(found: dict) -> dict[str, Quality] | None:
    return {name: _quality(own) for name, own in found.items()} or None


def _quality(own: dict) -> Quality:
    numbers = {name: None if value is None else float(records.number(value)) for name, value in own.items()}
    return Quality(**{**numbers, "digits": int(numbers.get("digits", MEASURED_ON))})


def _way() -> str:
    """Fingerprint of the method: results of another one are measured again."""
    return hashlib.sha256(f"{WAY} {occlusion.SETTINGS}".encode()).hexdigest()[:8]


def _file(model: StoredModel, data: str) -> Path:
    return neighbours.file_of(model, data).with_suffix(f".{_way()}.json")


def area_under(classify: Classify, digit: np.ndarray, order: np.ndarray, winner: int) -> tuple[float, float]:
    """The areas under the curves of deletion and insertion, each 0..1.

    Args:
        order: float (28, 28); the ink where it is largest is removed or inserted first.
        winner: the digit whose probability is tracked.
    """
    places = np.argwhere(digit >= INKED)
    places = places[np.argsort(-order[tuple(places.T)], kind="stable")]
    deleted, inserted = [digit.copy()], [np.where(digit >= INKED, 0, digit).astype(np.uint8)]
    for some in np.array_split(places, STEPS):
        without, having = deleted[-1].copy(), inserted[-1].copy()
        without[tuple(some.T)], having[tuple(some.T)] = 0, digit[tuple(some.T)]
        deleted.append(without)
        inserted.append(having)
    followed = classify(np.stack(deleted + inserted))[:, winner]
    return _area(followed[: STEPS + 1]), _area(followed[STEPS + 1 :])


def _area(values: Sequence[float]) -> float:
    return float(np.trapezoid(values, dx=1 / (len(values) - 1)))


def _correlation(a: np.ndarray, b: np.ndarray, inked: np.ndarray) -> float:
    """Pearson's, over inked pixels; 0 where one of them is the same everywhere."""
    x, y = a[inked] - a[inked].mean(), b[inked] - b[inked].mean()
    size = np.linalg.norm(x) * np.linalg.norm(y)
    return float(x @ y / size) if size > 1e-12 else 0.0


def _classifier(network: Network) -> Classify:
    return lambda digits: np.stack([network.probabilities(digit) for digit in digits])
