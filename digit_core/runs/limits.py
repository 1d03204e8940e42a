"""What a host allows its visitors, read from environment variables at every call.

An invalid value is logged and replaced by a safe one: a typo must not take the app down,
and never allows more than the default does.
"""

import logging
import os
from dataclasses import dataclass

log = logging.getLogger(__name__)

NO, YES = {"false", "no", "off", "0"}, {"true", "yes", "on", "1"}


@dataclass(frozen=True)
class Limits:
    """What visitors may do: train within these limits, and correct readings.

    Attributes:
        training: whether training is allowed (`DIGIT_ALLOW_TRAINING`).
        feedback: whether visitors are asked if an answer is right (`DIGIT_ALLOW_FEEDBACK`).
        at_once: maximum number of runs training at once (`DIGIT_RUNS_AT_ONCE`).
        epochs: maximum epochs per run (`DIGIT_MOST_EPOCHS`).
        minutes: maximum minutes per run (`DIGIT_MOST_MINUTES`).
        runs: maximum number of stored runs; the oldest without a star are deleted first (`DIGIT_MOST_RUNS`).
        public: whether others can reach the host; each run then belongs to the visitor who started it (`DIGIT_PUBLIC`).
        runs_each, stars_each: maximum per visitor of a public host (`DIGIT_RUNS_EACH`, `DIGIT_STARS_EACH`).
        upload: maximum megabytes of digits that a visitor may upload (`DIGIT_LARGEST_UPLOAD`); the server accepts
            at most 10 per file (`.streamlit/config.toml`).
    """

    training: bool = True
    feedback: bool = True
    at_once: int = 1
    epochs: int = 60
    minutes: int = 240
    runs: int = 30
    public: bool = False
    runs_each: int = 5
    stars_each: int = 2
    upload: int = 10


def limits() -> Limits:
    """The limits of this host."""
    default = Limits()
    return Limits(
        training=_flag("DIGIT_ALLOW_TRAINING", default.training, careful=False),
        feedback=_flag("DIGIT_ALLOW_FEEDBACK", default.feedback, careful=False),
        at_once=_number("DIGIT_RUNS_AT_ONCE", default.at_once),
        epochs=_number("DIGIT_MOST_EPOCHS", default.epochs),
        minutes=_number("DIGIT_MOST_MINUTES", default.minutes),
        runs=_number("DIGIT_MOST_RUNS", default.runs),
        public=_flag("DIGIT_PUBLIC", default.public, careful=True),
        runs_each=_number("DIGIT_RUNS_EACH", default.runs_each),
        stars_each=_number("DIGIT_STARS_EACH", default.stars_each),
        upload=min(_number("DIGIT_LARGEST_UPLOAD", default.upload), default.upload),
    )


def _flag(name: str, default: bool, careful: bool) -> bool:
    """Parse a yes/no variable; any other word counts as `careful`."""
    text = os.environ.get(name, "").strip().lower()
    if not text:
        return default
    if text in NO | YES:
        return text in YES
    log.warning("%s is %r, which is neither true nor false: taken as %s", name, text, str(careful).lower())
    return careful


def _number(name: str, default: int) -> int:
    """A whole number of at least 1."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    if text.isdecimal() and int(text) >= 1:
        return int(text)
    log.warning("%s is %r, which is no whole number above 0: it stays %d", name, text, default)
    return default
