"""Calibrate the line network and the page network for drawings, on synthetic validation drawings.

No network was trained on the validation part's digits and writers. Loads no TensorFlow.
"""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, replace

import numpy as np
from scipy.optimize import minimize

from digit_core.models.litert import Network
from digit_core.models.page_format import OTHER
from digit_core.reading import line_decoding
from digit_core.reading.acceptance import Calibration, is_drawn
from digit_core.reading.drawn_lines import Candidate, text_lines
from digit_core.reading.line_decoding import Weights
from digit_core.reading.line_network import LineNetwork, Marks
from digit_core.reading.mark_network import MarkNetwork
from digit_core.reading.page_network import PageNetwork
from digit_core.reading.page_reader import Page, PageReader
from digit_core.reading.recognizer import Recognizer
from digit_core.training import page_calibration
from digit_core.training.page_calibration import CalibrationError, Example, overlap

# Fraction of the validation digits drawn alone that are accepted. A quarter of them are enlarged MNIST digits, which
# are harder than what people draw. Chosen on validation writers (`benchmarks/reader.py`): a higher value refuses fewer
# non-digits, a lower one reads fewer digits.
ACCEPTED = 0.9975
# Cost of a false positive, in refused digits: most marks of a drawing are meant as digits, and one refused digit
# spoils its number. At 1, validation strings lose up to 2 points; photographs use 2 (`page_calibration`).
INVENTED = 0.5
SAME = 0.35  # intersection over union from which a candidate matches a mark
PENALTY = 1e-3  # L2 penalty per line: keeps weights finite for events that never occur

Line = tuple[np.ndarray, list[int]]  # a drawing, uint8 (height, width), and its marks from left to right


def calibrate(
    classifier: bytes,
    page: bytes,
    mark: bytes,
    line: bytes,
    pages: Sequence[Example],
    drawings: Sequence[Example],
    lines: Sequence[Line],
) -> tuple[Calibration, dict[str, dict[str, float]]]:
    """Calibrate all networks, given as LiteRT files, and evaluate them on these examples."""
    reader, look, network = PageReader(PageNetwork(page)), MarkNetwork(mark), LineNetwork(line)
    own = Network(classifier)
    sets = pages, drawings
    found, drawn = (page_calibration.find(reader, look, lambda digits: own.run(digits)[0], some) for some in sets)
    calibration = page_calibration.fit(page_calibration.joined(found, drawn))
    alone = Recognizer(classifier, reader, look, None, calibration)
    marks = [(e.picture, [min(m.label, OTHER) for m in e.marks]) for e in drawings if not e.doubtful]
    line, one = fit_weights(alone, reader, network, [*lines, *marks])
    calibration = replace(calibration, line=line, line_of_one=one)
    both = Recognizer(classifier, reader, look, network, calibration)
    alone_from, several_from = threshold(both, reader, drawings), several_threshold(both, reader, pages)
    calibration = replace(
        calibration,
        alone=replace(calibration.alone, threshold=alone_from),
        several=replace(calibration.several, threshold=several_from),
    )
    both = Recognizer(classifier, reader, look, network, calibration)
    reached = {"pages": page_calibration.figures(found, calibration), "drawings": figures(both, drawings, lines)}
    return calibration, reached


def fit_weights(
    recognizer: Recognizer, page: PageReader, network: LineNetwork, lines: Sequence[Line]
) -> tuple[Weights, Weights]:
    """Fit the weights that make the true marks most likely among all hypotheses: for lines of several detections,
    and for lines of one.

    Args:
        recognizer: one without a line network.
        page: its page reader.
        lines: drawings of one line each.
    """
    examples = list(_hypotheses(recognizer, page, network, lines))
    several, one = ([e for count, *e in examples if (count > 1) == is_several] for is_several in (True, False))
    if not several or not one:
        raise CalibrationError("The networks find too little on drawn lines: they need more training.")
    return _fitted(several), _fitted(one)


def _fitted(examples: Sequence[tuple[np.ndarray, int]]) -> Weights:
    def cost(weights: np.ndarray) -> tuple[float, np.ndarray]:
        total, slope = PENALTY * float(weights @ weights), 2 * PENALTY * weights
        for features, truth in examples:
            scores = features @ weights
            shares = np.exp(scores - scores.max())
            shares /= shares.sum()
            total -= np.log(max(shares[truth], 1e-12)) / len(examples)
            slope = slope - (features[truth] - shares @ features) / len(examples)
        return total, slope

    found = minimize(cost, np.array(astuple(Weights())), jac=True, method="L-BFGS-B")
    return Weights(*(round(float(value), 4) for value in found.x))


def _hypotheses(
    recognizer: Recognizer, page: PageReader, network: LineNetwork, lines: Sequence[Line]
) -> Iterator[tuple[int, np.ndarray, int]]:
    """For each line how many marks were detected, the features of all hypotheses, (k, 7), and which is true."""
    for picture, marks in lines:
        read = Page(page.marks(picture), 0, picture.shape)
        found = text_lines(recognizer.candidates(read, picture, True), picture, page.settings)
        is_line = len(found) == 1 and found[0].drawn is not None
        steps = network(found[0].drawn.ink) if is_line else None
        if steps is None:
            continue
        truth: Marks = tuple(marks)
        digit, classes = (np.array([getattr(c, what) for c in found[0].marks]) for what in ("digit", "probabilities"))
        proposed = line_decoding.hypotheses(digit, classes, steps, Weights(), [truth])
        yield len(digit), np.array([h.features for h in proposed]), [h.marks for h in proposed].index(truth)


def threshold(recognizer: Recognizer, page: PageReader, drawings: Sequence[Example]) -> float:
    """The probability of being a digit from which `ACCEPTED` of the drawn digits are accepted."""
    found = [match for example in drawings for match in _matched(_candidates(recognizer, page, example), example)]
    digits = [mark.digit for mark, label in found if label < OTHER and mark is not None]
    if len({label for mark, label in found if label < OTHER and mark is not None}) < 10:
        raise CalibrationError("The networks do not find all ten digits: they need more training.")
    return round(float(np.quantile(digits, 1 - ACCEPTED)), 4)


def several_threshold(recognizer: Recognizer, page: PageReader, pages: Sequence[Example]) -> float:
    """The digit-probability threshold with the lowest cost for marks that were drawn beside others."""
    probability, is_digit = [], []
    for example in pages:
        if len(example.marks) < 2 or not is_drawn(example.picture):
            continue
        candidates = _candidates(recognizer, page, example)
        digits = {id(mark) for mark, label in _matched(candidates, example) if label < OTHER and mark is not None}
        doubtful = [example.marks[index] for index in example.doubtful]
        for candidate in candidates:
            if candidate.label <= OTHER and not any(overlap(candidate.box, mark) > 0 for mark in doubtful):
                probability.append(candidate.digit)
                is_digit.append(id(candidate) in digits)
    if not any(is_digit):
        raise CalibrationError("The networks find too little on drawn pages: they need more training.")
    return page_calibration.best_threshold(np.array(probability), np.array(is_digit), INVENTED)


def figures(recognizer: Recognizer, drawings: Sequence[Example], lines: Sequence[Line]) -> dict[str, float]:
    """Evaluate: the fraction of drawn digits read "right", of other marks "refused" and of digit-only lines read
    "exact"; and the number of "drawings" and "lines"."""
    texts = {label: [] for label in (True, False)}
    for example in drawings:
        [mark] = example.marks
        texts[mark.label < OTHER].append((recognizer.read(example.picture).text, str(mark.label)))
    right = np.mean([text == label for text, label in texts[True]])
    refused = np.mean([not any(sign.isdigit() for sign in text) for text, _ in texts[False]])
    numbers = [(picture, "".join(map(str, marks))) for picture, marks in lines if OTHER not in marks]
    exact = np.mean([recognizer.read(picture).text == text for picture, text in numbers])
    shares = {"right": right, "refused": refused, "exact": exact}
    return {"drawings": len(drawings), "lines": len(numbers), **{k: round(float(v), 4) for k, v in shares.items()}}


def _candidates(recognizer: Recognizer, page: PageReader, example: Example) -> list[Candidate]:
    read = Page(page.marks(example.picture), 0, example.picture.shape)
    return recognizer.candidates(read, example.picture, True)


def _matched(candidates: Sequence[Candidate], example: Example) -> list[tuple[Candidate | None, int]]:
    """For each mark that can be read the candidate that lies on it, or None, and its label."""
    found = []
    for index, mark in enumerate(example.marks):
        if index in example.doubtful:
            continue
        best = max(candidates, key=lambda c: overlap(c.box, mark), default=None)
        found.append((best if best is not None and overlap(best.box, mark) >= SAME else None, mark.label))
    return found
