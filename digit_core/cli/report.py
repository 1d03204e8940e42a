"""The command `report`: a project report of a model and its training, as HTML or PDF."""

import argparse
import datetime
import shlex
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from digit_core import charts, paths
from digit_core.data import datasets
from digit_core.data.datasets import Split
from digit_core.evaluation import cache, documents, report, svg_charts
from digit_core.evaluation.documents import Block, Chart, Heading, Paragraph, Pictures, Table
from digit_core.evaluation.metrics import Evaluation
from digit_core.explanation import occlusion
from digit_core.models import store as model_store
from digit_core.models.store import StoredModel
from digit_core.reading.recognizer import Recognizer
from digit_core.training.layer_summary import summaries

FORMATS = (".html", ".pdf")
EXPLAINED, MISREAD, SHOWN = 6, 40, 20  # digits


def add_parser(commands) -> None:
    """Add the command `report` to the commands of the program."""
    command = commands.add_parser("report", help="a project report of a model: data, network, training, results, why")
    command.add_argument("--model", help="name of the model (default: the one this host has chosen)")
    command.add_argument("--data", default="mnist", help="whose test digits (default mnist)")
    command.add_argument("--out", type=Path, default=Path("report.html"), metavar="FILE", help="an .html or .pdf file")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Read the test digits, and write the report.

    Raises:
        ModelError, DatasetError: with a sentence for people.
    """
    if options.out.suffix.lower() not in FORMATS:
        print(f"{options.out} is neither an .html nor a .pdf file.", file=sys.stderr)
        return 2
    model = model_store.find(options.model)
    data, test = datasets.load_test(options.data, progress=True, trained_on=model.trained_on)
    with tqdm(total=1.0, unit="", disable=not sys.stderr.isatty(), leave=False) as bar:
        result = cache.assess(model.name, test, lambda fraction: bar.update(fraction - bar.n))
    title, found = f"Reading handwritten digits with {model.name}", blocks(model, data, test, result, options.data)
    is_pdf = options.out.suffix.lower() == ".pdf"
    content = documents.to_pdf(title, found) if is_pdf else documents.to_html(title, found).encode()
    try:
        with paths.replacing_file(options.out) as file:
            file.write(content)
    except OSError as error:
        print(f"{options.out} cannot be written: {error.strerror}.", file=sys.stderr)
        return 1
    print(f"Written to {options.out}")
    return 0


def blocks(model: StoredModel, data: str, test: Split, result: Evaluation, argument: str) -> list[Block]:
    """The report's sections.

    Args:
        data: the data set's name for people.
        result: of the digits in `test`.
        argument: the data set's name or path on the command line.
    """
    low, high = result.interval
    now = datetime.datetime.now(datetime.UTC)
    return [
        Paragraph(
            f"{model.name} reads {result.accuracy:.2%} of the {result.digits:,} test digits of {data} right "
            f"(95 % interval {low:.2%} to {high:.2%}). Made by Inkling, {now:%Y-%m-%d %H:%M} UTC."
        ),
        *_data(model, test),
        *_network(model),
        *_training(model),
        *_results(result, test),
        *_why(model, test, result),
        Heading("To repeat it"),
        Paragraph(f"python -m digit_core report --model {model.name} --data {shlex.quote(argument)}"),
    ]


def _data(model: StoredModel, test: Split) -> list[Block]:
    about = model.card["data"]
    if "brought" in model.card:
        return [Heading("The data"), Paragraph("It was added as a file: what it was trained on is not recorded.")]
    parts = [(name, f"{about[name]['digits']:,}") for name in ("train", "validation", "test") if name in about]
    first = slice(0, SHOWN)
    return [
        Heading("The data"),
        Paragraph(
            f"It was trained on {about['name']}. A digit is a grey picture of 28 x 28 pixels, white ink on black. The "
            "validation part chose the epoch that is kept; the test part chose nothing. "
            f"Sources: {'; '.join(about.get('sources', [])) or 'not recorded'}."
        ),
        Table(parts, ("part", "digits")),
        Pictures(test.images[first], [f"a {label}" for label in test.labels[first]]),
    ]


def _network(model: StoredModel) -> list[Block]:
    layers = summaries().get(model.card["settings"]["architecture"], [])
    rows = [
        (layer["name"], layer["kind"], " x ".join(map(str, layer["shape"])), f"{layer['parameters']:,}")
        for layer in layers
    ]
    if not rows:  # it was brought
        count = f"{model.card['parameters']:,} parameters." if model.card["parameters"] else "Its layers are not known."
        return [Heading("The network"), Paragraph(count)]
    return [
        Heading("The network"),
        Paragraph(f"{model.card['settings']['architecture']}, {model.card['parameters']:,} parameters."),
        Table(rows, ("layer", "kind", "what comes out", "parameters")),
    ]


def _training(model: StoredModel) -> list[Block]:
    took = dict(model.card.get("training", {}))
    history = took.pop("history", {})
    said = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in took.items())
    settings = [
        (name.replace("_", " "), str(value))
        for name, value in model.card["settings"].items()
        if value not in ("", None)
    ]
    blocks = [Paragraph(f"{said}.")] if said else []
    curves = [Chart(_curve(name, values)) for name, values in history.items() if len(values) > 1]
    return [Heading("The training"), *blocks, *curves, Table(settings, ("setting", "value"))]


def _curve(name: str, values: list[float]) -> str:
    """A quantity over the epochs as SVG."""
    called, count, low, high = name.replace("_", " "), len(values), min(values), max(values)
    room = 0.05 * (high - low) or 0.05
    ticks = sorted({1, count, *range(0, count, -(-count // 6))} - {0})
    return svg_charts.curve(
        range(1, count + 1),
        values,
        svg_charts.Axis("epoch", 1, count, ticks),
        svg_charts.Axis(called, low - room, high + room, (low, (low + high) / 2, high), "{:.3g}".format),
        f"{called} by epoch: {', '.join(f'{value:.3g}' for value in values)}",
    )


def _results(result: Evaluation, test: Split) -> list[Block]:
    wrong = result.mistakes()[:MISREAD]
    captions = [
        f"{result.labels[place]} read as {result.predictions[place]}\n{result.confidence[place]:.0%}" for place in wrong
    ]
    return [
        Heading("What it reaches"),
        Table(report.headline(result)),
        Heading("Which digit was read as which"),
        Paragraph("Rows are true digits, columns what was read."),
        Chart(svg_charts.matrix(result.confusion, charts.confusion_text(result.confusion))),
        Heading("Per digit"),
        Table(report.per_digit(result), report.PER_DIGIT),
        Heading("When it says 90 %, are nine in ten right?"),
        Chart(report.reliability(result)),
        Heading(f"Misread digits, the surest first ({result.errors:,} in all)"),
        Pictures(test.images[wrong], captions),
    ]


def _why(model: StoredModel, test: Split, result: Evaluation) -> list[Block]:
    """The evidence for the answer and for the runner-up, for some of the least confident digits."""
    classify = Recognizer.load(model.name).classify
    images, captions = [], []
    for place in np.argsort(result.confidence)[:EXPLAINED]:
        image = test.images[place]
        if image.max() < occlusion.INKED:
            continue
        evidence = occlusion.explain(classify, image)
        second, first = (int(digit) for digit in evidence.probabilities.argsort()[-2:])
        most = float(np.abs(evidence.maps[[first, second]]).max())
        images += [np.dstack([image] * 3)]
        images += [occlusion.coloured(image, evidence.maps[digit], most) for digit in (first, second)]
        captions += [f"a {result.labels[place]}", f"for {first}\n{evidence.probabilities[first]:.0%}"]
        captions += [f"for {second}\n{evidence.probabilities[second]:.0%}"]
    return [
        Heading("Why it answered so"),
        Paragraph(
            "Some digits that it is least sure of. Blue ink speaks for the digit, orange ink against it: found by "
            "taking ink away (Zeiler and Fergus, 2014; Petsiuk and others, 2018)."
        ),
        Pictures(images, captions, columns=6),
    ]
