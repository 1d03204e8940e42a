"""The command `teach`: fine-tunes a model to people's handwriting, without forgetting what it read before."""

import argparse
import json
import os
import sys

from tqdm import tqdm

from digit_core.cli.stopping import asked_to_stop
from digit_core.data import datasets, mnist
from digit_core.feedback import teaching
from digit_core.feedback.database import FeedbackError
from digit_core.models import store as model_store
from digit_core.models.store import ModelError

STOPPED = 130  # exit status, as a shell gives for Ctrl-C


def add_parser(commands) -> None:
    """Add the command `teach` to the commands of the program."""
    teach = commands.add_parser("teach", help="fine-tune a model on people's corrections (a minute or two)")
    teach.add_argument("--name", required=True, help="what the taught model is called")
    teach.add_argument("--model", help="the model to teach (default: the one this host has chosen)")
    teach.add_argument("--session", help="only the corrections of this session")
    teach.add_argument("--json", action="store_true", help="progress and result as JSON objects, a line each")
    teach.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Teach, measure, store.

    Raises:
        ModelError, DatasetError: with a sentence for people.
    """
    model_store.check_new(options.name)
    start = model_store.find(options.model)
    try:
        lessons = teaching.lessons(options.session)
    except FeedbackError as error:
        print(error, file=sys.stderr)
        return 1
    base = datasets.load("mnist" if mnist.is_at_hand() else "builtin")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from digit_core.training import adaptation

    with tqdm(unit="step", disable=options.json or not sys.stderr.isatty()) as bar, asked_to_stop() as asked:

        def show(done: int, of: int) -> None:
            bar.total = of
            bar.update(done - bar.n)
            if options.json and done % 5 == 0:
                print(json.dumps({"done": done, "of": of}), flush=True)

        adapted = adaptation.adapt(start, lessons.train, base, None, lessons.apart, show, asked.is_set)
    if adapted is None:
        print("Stopped: nothing has changed.", file=sys.stderr)
        return STOPPED
    if not adapted.way:
        raise ModelError(f"This cannot be learnt without misreading more of {base.name}. Nothing has changed.")
    about = adaptation.describe(adapted, start, base, lessons)
    model_store.check_new(options.name)  # others may have taken it meanwhile
    stored = model_store.save(adapted.model, options.name, about, base.validation.images[:1000])
    taught = stored.card["taught"]
    if options.json:
        print(json.dumps({"name": stored.name, **taught}), flush=True)
    else:
        on = "corrections kept apart" if taught["kept_apart"] else "these corrections"
        print(f"{taught['own_before']:.1%} of {on} were read right, now {taught['own_after']:.1%};")
        print(f"{taught['base_before']:.2%} of {base.name}'s test digits, now {taught['base_after']:.2%}.")
        print(f"Stored in {stored.folder}")
    return 0
