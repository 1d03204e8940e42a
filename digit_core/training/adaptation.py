"""Fine-tune a trained network to a user's handwriting from a few corrections, without forgetting.

    adapted = adapt(start, own, datasets.load("mnist"))

Each step trains on newly distorted corrections and on MNIST digits, half of them distorted. The corrections are learnt
from their labels; on MNIST digits the network must answer as before (Li, Hoiem: Learning without Forgetting, 2016).
After each step the weights are pulled back towards their initial values (L2-SP; Li, Grandvalet, Davoine: Explicit
Inductive Bias for Transfer Learning, 2018). Normalisation keeps its statistics. Finally, old and new weights are
interpolated, as far towards the new ones as costs at most one of MNIST's validation digits (Wortsman et al.: Robust
Fine-Tuning, 2022).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from digit_core.data import augmentation
from digit_core.data.datasets import Dataset, Split
from digit_core.evaluation.metrics import Evaluation, evaluate
from digit_core.feedback.teaching import Lessons
from digit_core.frameworks import keras, tf
from digit_core.models.store import StoredModel
from digit_core.pictures.normalization import batch

PARTS_OF_THE_WAY = (0.0, 0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 1.0)
CHOOSING = 5000  # MNIST validation digits by which that part is chosen


@dataclass(frozen=True)
class AdaptationSettings:
    """Settings of an adaptation.

    Attributes:
        steps: optimizer steps.
        own, usual: corrections and MNIST digits per step.
        learning_rate: of Adam, with cosine decay to 0.
        hold: decay per step towards the old weights, as a multiple of the learning rate.
        faithful: loss weight of answering as before on MNIST digits.
        loss_allowed: largest drop in accuracy on MNIST's validation digits, a fraction; the default is one of 5,000. If
            none was allowed, validation writers' errors did not fall; with one they fell from 3 to 0.
        augmentation: a name in `augmentation.DISTORTIONS`, for the corrections.
        variety: the same for half of MNIST's digits.
    """

    steps: int = 200
    own: int = 48
    usual: int = 72
    learning_rate: float = 2.5e-4
    hold: float = 10.0
    faithful: float = 2.0
    loss_allowed: float = 0.0003
    augmentation: str = "gentle"
    variety: str = "strong"
    seed: int = 1


@dataclass(frozen=True)
class Adapted:
    """An adapted network and how it compares with the old one.

    Attributes:
        way: interpolation factor from the old to the new weights, 0..1.
        before, after: on the held-out corrections, or on the training ones if there are too few to hold any out.
        base_before, base_after: on the base data set's validation digits.
        kept_apart: whether `before` and `after` are on held-out corrections.
        seconds: duration.
    """

    model: keras.Model
    way: float
    before: Evaluation
    after: Evaluation
    base_before: Evaluation
    base_after: Evaluation
    kept_apart: bool
    seconds: float


def adapt(
    start: StoredModel,
    own: Split,
    base: Dataset,
    settings: AdaptationSettings | None = None,
    apart: Split | None = None,
    on_step: Callable[[int, int], None] = lambda done, of: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Adapted | None:
    """Teach a stored network the digits of `own`; None if it was stopped.

    Args:
        own: what it learns from, at least one digit.
        base: what it must not forget; its training and validation parts are used.
        apart: corrections to measure by, which it does not learn from.
        on_step: told how many steps are done, of how many.
    """
    began, settings = time.monotonic(), settings or AdaptationSettings()
    keras.utils.set_random_seed(settings.seed)
    model = start.load_keras()
    old = model.get_weights()
    usual = _varied(_sample(base.train, settings.steps * settings.usual, settings.seed), settings)
    faithful = model.predict(batch(usual.images), batch_size=500, verbose=0)
    if not _learn(model, own, usual, faithful, settings, on_step, should_stop):
        return None
    new = model.get_weights()
    way, base_before, base_after = _gone(model, old, new, _sample(base.validation, CHOOSING, 0), settings)
    measured = apart if apart is not None and len(apart) else own
    after = _evaluated(model, measured)
    model.set_weights(old)
    before = _evaluated(model, measured)
    model.set_weights(_between(old, new, way))
    return Adapted(model, way, before, after, base_before, base_after, measured is apart, time.monotonic() - began)


def describe(adapted: Adapted, start: StoredModel, base: Dataset, lessons: Lessons) -> dict[str, Any]:
    """What the card of an adapted model says: as its start's, with what it learnt; the test part is read here, once."""
    network = adapted.model
    after = _evaluated(network, base.test)
    old = start.load_keras()
    before = _evaluated(old, base.test)
    kept = ("parameters", "multiply_adds")
    about = {name: start.card[name] for name in kept if name in start.card}
    figures = {"accuracy": after.accuracy, "loss": after.log_loss, "calibration_error": after.calibration_error}
    return {
        **about,
        "settings": start.card["settings"],
        "data": {**start.card["data"], "name": f"{start.card['data']['name']}+corrections"},
        "metrics": {f"test_{name}": round(value, 5) for name, value in figures.items()},
        "reliability": {"test": after.reliability()},
        "taught": {
            "from": start.name,
            "origin": start.card.get("taught", {}).get("origin", start.name),
            "corrections": len(lessons.train),
            "kept_apart": len(lessons.apart) if adapted.kept_apart else 0,
            "own_before": adapted.before.accuracy,
            "own_after": adapted.after.accuracy,
            "base": base.name,
            "base_before": before.accuracy,
            "base_after": after.accuracy,
            "way": adapted.way,
            "seconds": round(adapted.seconds, 1),
        },
    }


def _learn(model, own: Split, usual: Split, faithful: np.ndarray, settings, on_step, should_stop) -> bool:
    """Take the steps; False if it was stopped."""
    rng, distortion = np.random.default_rng(settings.seed), augmentation.DISTORTIONS[settings.augmentation]
    variables = model.trainable_variables
    first = [tf.constant(variable) for variable in variables]
    optimizer = keras.optimizers.Adam(settings.learning_rate)
    optimizer.build(variables)

    @tf.function(reduce_retracing=True)
    def step(images, labels, targets, rate):
        with tf.GradientTape() as tape:
            probabilities = tf.clip_by_value(model(images, training=False), 1e-7, 1.0)
            new, known = probabilities[: settings.own], probabilities[settings.own :]
            learnt = -tf.reduce_mean(tf.math.log(tf.gather(new, labels, batch_dims=1)))
            kept = tf.reduce_mean(tf.reduce_sum(targets * (tf.math.log(targets + 1e-7) - tf.math.log(known)), 1))
            loss = learnt + settings.faithful * kept
        optimizer.apply(tape.gradient(loss, variables), variables)
        for variable, begun in zip(variables, first, strict=True):
            variable.assign_sub(settings.hold * rate * (variable - begun))

    for number in range(settings.steps):
        if should_stop():
            return False
        rate = settings.learning_rate * (1 + np.cos(np.pi * number / settings.steps)) / 2
        optimizer.learning_rate.assign(rate)
        chosen = _balanced(own.labels, settings.own, rng)
        distorted = augmentation.distort(own.images[chosen], own.labels[chosen], distortion, rng)
        places = slice(number * settings.usual, (number + 1) * settings.usual)
        images = np.concatenate([batch(distorted), batch(usual.images[places])])
        step(
            tf.constant(images),
            tf.constant(own.labels[chosen].astype(np.int32)),
            tf.constant(faithful[places]),
            tf.constant(rate, tf.float32),
        )
        on_step(number + 1, settings.steps)
    return True


def _varied(digits: Split, settings: AdaptationSettings) -> Split:
    """Distort every second digit: others' digits differ from MNIST's, and must be read as before."""
    rng, images = np.random.default_rng(settings.seed), digits.images.copy()
    distortion = augmentation.DISTORTIONS[settings.variety]
    images[::2] = augmentation.distort(images[::2], digits.labels[::2], distortion, rng)
    return Split(images, digits.labels)


def _balanced(labels: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Sample indices of corrections, all digits present equally often."""
    groups = [np.flatnonzero(labels == value) for value in np.unique(labels)]
    return np.array([rng.choice(groups[rng.integers(len(groups))]) for _ in range(count)])


def _gone(model, old, new, validation: Split, settings) -> tuple[float, Evaluation, Evaluation]:
    """The largest interpolation factor within `loss_allowed`, and the results before and after; found by bisection, as
    each further part of the way costs more."""
    model.set_weights(old)
    results = {0: _evaluated(model, validation)}
    kept, lost, place = 0, len(PARTS_OF_THE_WAY), len(PARTS_OF_THE_WAY) - 1  # the whole way is tried first
    while lost - kept > 1:
        model.set_weights(_between(old, new, PARTS_OF_THE_WAY[place]))
        results[place] = _evaluated(model, validation)
        is_kept = results[place].accuracy >= results[0].accuracy - settings.loss_allowed
        kept, lost = (place, lost) if is_kept else (kept, place)
        place = (kept + lost) // 2
    return PARTS_OF_THE_WAY[kept], results[0], results[kept]


def _between(old, new, way: float) -> list[np.ndarray]:
    return [(1 - way) * a + way * b for a, b in zip(old, new, strict=True)]


def _evaluated(model: keras.Model, split: Split) -> Evaluation:
    return evaluate(model.predict(batch(split.images), batch_size=500, verbose=0), split.labels)


def _sample(split: Split, count: int, seed: int) -> Split:
    """So many digits at random, all different where there are enough."""
    rng = np.random.default_rng([seed, 7])
    places = rng.permutation(len(split))[:count] if count <= len(split) else rng.integers(len(split), size=count)
    return Split(split.images[places], split.labels[places])
