"""The judge: a small network that tells each digit, and what is no digit at all.

The largest softmax of ten digits is no measure of trust: it is often near 1 for noise (Nguyen,
Yosinski, Clune: Deep Neural Networks are Easily Fooled, 2015). So the judge has classes of its own
for what is not to be read, and learns them from examples (Bromley, Denker: Improving Rejection
Performance on Handwritten Digits by Training with "Rubbish", 1993): letters and scribbles, and the
pieces and pairs that come about when a number is cut up. It is fast, for it looks at every way in
which a number may be cut; the digits that it finds are then read by the model, whose confidence has
a say as well: a logistic regression on validation examples tells how much. Loads TensorFlow.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np
from keras import layers

from digit_core import architectures, counterexamples
from digit_core.augmentation import DISTORTIONS, distort
from digit_core.calibration import fit_logistic, log_odds
from digit_core.counterexamples import CLASSES, PIECES, SYMBOL
from digit_core.datasets import Dataset, Split
from digit_core.normalization import batch
from digit_core.recognition import together
from digit_core.training import computing_in

SHARES = (*[0.055] * 10, 0.2, 0.25)  # weight of every class in training
ACCEPTED = 0.996  # share of the validation digits that are to be trusted
NUMBERS = 3000  # numbers cut up for training, a data set
GENERATED = 12_000  # symbols drawn for training
TAKEN_APART = 3000  # symbols of each kind that are cut into pieces for training
BROKEN = 10_000  # digits of one data set that are broken for training
MOST_DIGITS = 30_000  # training digits of one data set
MOST_PIECES = 20_000  # the same of pieces
FEW = 0.1  # what is drawn for validation and testing, as a share of what is for training
BATCH = 128
RATE, WARMUP = 1e-2, 400  # highest step size, and the steps until it is reached
CUT = ", cut out of numbers"  # ends the name of where such examples come from

Classify = Callable[[np.ndarray], np.ndarray]  # digits uint8 (n, 28, 28) -> probabilities of classes


@dataclass(frozen=True)
class Examples:
    """Pictures uint8 (n, 28, 28), their classes uint8 (n,), and for each the name of where it comes from (n,)."""

    pictures: np.ndarray
    classes: np.ndarray
    origins: np.ndarray


@dataclass(frozen=True)
class Trust:
    """A fitted judge.

    Attributes:
        judge: digit float32 (n, 28, 28, 1) -> probabilities of the classes in `counterexamples` (n, 12).
        weights: by which judge and model tell together that a mark is a digit (`recognition.together`).
        threshold: that probability from which a mark is trusted, 0..1.
        rates: for "validation" and "test", the share trusted of what comes from where.
        seconds: what it took.
    """

    judge: keras.Model
    weights: list[float]
    threshold: float
    rates: dict[str, dict[str, float]]
    seconds: float


def fit(
    data: Sequence[Dataset],
    symbols: Dataset | None,
    classify: Classify,
    epochs: int = 8,
    precision: str = "float32",
    say: Callable[[str], None] = lambda text: None,
    seed: int = 1,
) -> Trust:
    """Fit a judge.

    Args:
        data: digits; each data set's validation part has a say in the threshold.
        symbols: pictures that are no digits (`datasets.load_symbols`); None for generated ones alone.
        classify: the model beside which it will judge: digits uint8 (n, 28, 28) -> probabilities (n, 10).
        precision: "float32" or "bfloat16", as for `training`.
        say: told what is being done, in words for people.
    """
    started = time.monotonic()
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    say("Making examples of digits and of what is none ...")
    examples = _training_examples(data, symbols, rng)
    batches = _Batches(examples, seed)
    with computing_in(precision):
        model = build_judge()
    steps = epochs * len(batches)
    warmup = min(WARMUP, steps // 4)
    rate = keras.optimizers.schedules.CosineDecay(RATE / 100, steps - warmup, warmup_target=RATE, warmup_steps=warmup)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=0.02, use_ema=True, ema_momentum=0.998)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])

    def tell(epoch: int, logs: dict) -> None:
        say(f"Epoch {epoch + 1} of {epochs} on {len(examples.classes):,} examples: {logs['accuracy']:.2%} right.")

    told = keras.callbacks.LambdaCallback(on_epoch_end=tell)
    model.fit(batches, epochs=epochs, verbose=0, callbacks=[told])
    judge = build_judge()  # in float32, whatever it was trained in
    judge.set_weights(model.get_weights())
    weights, threshold, rates = weigh(partial(_judged, judge), classify, data, symbols, rng)
    return Trust(judge, weights, threshold, rates, time.monotonic() - started)


def weigh(
    judge: Classify, classify: Classify, data: Sequence[Dataset], symbols: Dataset | None, rng: np.random.Generator
) -> tuple[list[float], float, dict[str, dict[str, float]]]:
    """The weights of judge and model, the threshold, and the rates of `Trust`; validation parts alone decide."""
    measured = {part: _examples(data, symbols, part, rng) for part in ("validation", "test")}
    said = {part: _said(judge, classify, examples) for part, examples in measured.items()}
    weights = _weights(measured["validation"], *said["validation"])
    trust = {part: together(*said[part], weights) for part in measured}
    threshold = _threshold(measured["validation"], trust["validation"])
    rates = {part: _rates(found, trust[part] >= threshold) for part, found in measured.items()}
    return weights, threshold, rates


def build_judge() -> keras.Model:
    """A small residual network like `resnet`, with as many maps as strings of hypotheses leave time for."""
    digit = x = keras.Input(architectures.INPUT_SHAPE, name="digit")
    x = layers.MaxPooling2D(2)(architectures.convolution(x, 20, "stem", size=5))  # (n, 14, 14, 20)
    x = layers.MaxPooling2D(2)(architectures.convolution(x, 40, "widen1"))  # (n, 7, 7, 40)
    x = architectures.residual(architectures.residual(x, "block1"), "block2")
    x = architectures.convolution(x, 80, "widen2")  # (n, 7, 7, 80)
    x = layers.Concatenate()([layers.GlobalMaxPooling2D()(x), layers.GlobalAveragePooling2D()(x)])
    x = layers.Dropout(0.2)(x)
    return keras.Model(digit, layers.Dense(CLASSES, activation="softmax", dtype="float32")(x), name="judge")


class _Batches(keras.utils.PyDataset):
    """Examples in random order, distorted anew every epoch, each with its class's weight."""

    def __init__(self, examples: Examples, seed: int):
        super().__init__()
        self.examples, self.seed, self.epoch = examples, seed, 0
        counts = np.maximum(np.bincount(examples.classes, minlength=CLASSES), 1)
        self.weights = (np.array(SHARES) / counts * len(examples.classes)).astype(np.float32)
        self.order = np.random.default_rng((seed, 0)).permutation(len(examples.classes))

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self.order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.order))

    def __len__(self) -> int:
        return max(len(self.order) // BATCH, 1)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        chosen = self.order[index * BATCH : (index + 1) * BATCH]
        classes = self.examples.classes[chosen]
        rng = np.random.default_rng((self.seed, self.epoch, index))
        distortion = DISTORTIONS["strong" if index % 2 else "gentle"]
        return batch(distort(self.examples.pictures[chosen], classes, distortion, rng)), classes, self.weights[classes]


def _training_examples(data: Sequence[Dataset], symbols: Dataset | None, rng: np.random.Generator) -> Examples:
    found = []
    for dataset in data:
        some = rng.permutation(len(dataset.train))[:MOST_DIGITS]
        train = Split(dataset.train.images[some], dataset.train.labels[some])
        found += [_alone(train, dataset.name), _fewer_pieces(_cut(train, NUMBERS, dataset.name, rng), rng)]
        found.append(
            _alone(Split(counterexamples.broken(train.images[:BROKEN], rng), train.labels[:BROKEN]), dataset.name)
        )
    whole = _symbols(symbols, "train", GENERATED, rng)
    return _joined([*found, *whole, *(_fewer_pieces(_taken_apart(examples, rng), rng) for examples in whole)])


def _examples(data: Sequence[Dataset], symbols: Dataset | None, part: str, rng: np.random.Generator) -> Examples:
    """What one part that did not train holds, with numbers made from its digits."""
    found = []
    for dataset in data:
        split = getattr(dataset, part)
        found += [_alone(split, dataset.name), _cut(split, round(FEW * NUMBERS), dataset.name, rng)]
    return _joined([*found, *_symbols(symbols, part, round(FEW * GENERATED), rng)])


def _alone(split: Split, name: str) -> Examples:
    return Examples(split.images, split.labels, np.full(len(split), name))


def _cut(split: Split, most: int, name: str, rng: np.random.Generator) -> Examples:
    pictures, classes = counterexamples.numbers(split.images, split.labels, min(most, len(split)), rng)
    return Examples(pictures, classes, np.full(len(classes), name + CUT))


def _symbols(symbols: Dataset | None, part: str, generated: int, rng: np.random.Generator) -> list[Examples]:
    found = {"generated": counterexamples.symbols(generated, rng)}
    if symbols:
        found[symbols.name] = getattr(symbols, part).images
    return [
        Examples(pictures, np.full(len(pictures), SYMBOL, np.uint8), np.full(len(pictures), name))
        for name, pictures in found.items()
    ]


def _taken_apart(symbols: Examples, rng: np.random.Generator) -> Examples:
    some = symbols.pictures[rng.permutation(len(symbols.pictures))[:TAKEN_APART]]
    pieces = counterexamples.parts(some, rng)
    return Examples(pieces, np.full(len(pieces), PIECES, np.uint8), np.full(len(pieces), f"{symbols.origins[0]}{CUT}"))


def _fewer_pieces(examples: Examples, rng: np.random.Generator) -> Examples:
    surplus = rng.permutation(np.flatnonzero(examples.classes == PIECES))[MOST_PIECES:]
    return Examples(*(np.delete(array, surplus, 0) for array in vars(examples).values()))


def _joined(examples: Sequence[Examples]) -> Examples:
    return Examples(*(np.concatenate(arrays) for arrays in zip(*(vars(e).values() for e in examples), strict=True)))


def _judged(judge: keras.Model, digits: np.ndarray) -> np.ndarray:
    return judge.predict(batch(digits), batch_size=500, verbose=0)


def _said(judge: Classify, classify: Classify, examples: Examples) -> tuple[np.ndarray, np.ndarray]:
    """The judge's probabilities of digits, whichever, float (n,), where what was cut counts as cut; the confidence."""
    chunks = [examples.pictures[start : start + 2000] for start in range(0, len(examples.pictures), 2000)]
    classes = np.concatenate([judge(chunk) for chunk in chunks])
    confidence = np.concatenate([classify(chunk).max(1) for chunk in chunks])
    return counterexamples.digit_share(classes, _alone_are(examples)), confidence


def _weights(examples: Examples, share: np.ndarray, confidence: np.ndarray) -> list[float]:
    """Of judge and model, by the marks that stand alone; digits and symbols count the same, and so does each origin."""
    alone, is_digit = _alone_are(examples), examples.classes < SYMBOL
    counts = np.zeros(len(alone))
    for kind in (alone & is_digit, alone & (examples.classes == SYMBOL)):
        origins = np.unique(examples.origins[kind])
        for origin in origins:
            chosen = kind & (examples.origins == origin)
            counts[chosen] = 0.5 / len(origins) / chosen.sum()
    return fit_logistic(np.c_[log_odds(share), log_odds(confidence)], is_digit, counts)


def _alone_are(examples: Examples) -> np.ndarray:
    return ~np.char.endswith(examples.origins, CUT)


def _threshold(examples: Examples, trust: np.ndarray) -> float:
    """Where `ACCEPTED` of the digits that stand alone are trusted, every data set counting the same."""
    digits = [origin for origin in np.unique(examples.origins[examples.classes < SYMBOL]) if not origin.endswith(CUT)]
    values = [np.sort(trust[(examples.origins == origin) & (examples.classes < SYMBOL)]) for origin in digits]
    candidates = np.sort(np.concatenate(values))
    refused = np.mean([np.searchsorted(own, candidates) / len(own) for own in values], axis=0)
    return float(candidates[np.flatnonzero(refused <= 1 - ACCEPTED)[-1]])


def _rates(examples: Examples, trusted: np.ndarray) -> dict[str, float]:
    """Share trusted of the digits, the symbols and the pieces from every origin."""
    kinds = {"digits": examples.classes < SYMBOL, "symbols": examples.classes == SYMBOL,
             "pieces": examples.classes == PIECES}  # fmt: skip
    rates = {}
    for origin in np.unique(examples.origins):
        for kind, of_kind in kinds.items():
            if (chosen := of_kind & (examples.origins == origin)).any():
                rates[f"{kind}: {origin}"] = round(float(trusted[chosen].mean()), 4)
    return rates
