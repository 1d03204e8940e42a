"""What a host allows its visitors, read from the environment at every call.

A value that cannot be is passed over, with a line in the log: a typing mistake must not
take the app down, and never allows more than the default does.
"""

import logging
import os
from dataclasses import dataclass

log = logging.getLogger(__name__)

NO = {"false", "no", "off", "0"}


@dataclass(frozen=True)
class Limits:
    """What trainings started from a page may do.

    Attributes:
        training: whether there are any (`DIGIT_ALLOW_TRAINING`).
        at_once: runs side by side (`DIGIT_RUNS_AT_ONCE`).
        epochs: most of one run (`DIGIT_MOST_EPOCHS`).
        minutes: longest of one run (`DIGIT_MOST_MINUTES`).
        runs: kept; the oldest ones without a star go first (`DIGIT_MOST_RUNS`).
        upload: megabytes of digits that a visitor may bring (`DIGIT_LARGEST_UPLOAD`); the server takes no more
            than 10 of any file (`.streamlit/config.toml`).
    """

    training: bool = True
    at_once: int = 1
    epochs: int = 60
    minutes: int = 240
    runs: int = 30
    upload: int = 10


def limits() -> Limits:
    """The limits of this host."""
    default = Limits()
    return Limits(
        training=os.environ.get("DIGIT_ALLOW_TRAINING", "true").strip().lower() not in NO,
        at_once=_number("DIGIT_RUNS_AT_ONCE", default.at_once),
        epochs=_number("DIGIT_MOST_EPOCHS", default.epochs),
        minutes=_number("DIGIT_MOST_MINUTES", default.minutes),
        runs=_number("DIGIT_MOST_RUNS", default.runs),
        upload=min(_number("DIGIT_LARGEST_UPLOAD", default.upload), default.upload),
    )


def _number(name: str, default: int) -> int:
    """A whole number of at least 1."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    if text.isdecimal() and int(text) >= 1:
        return int(text)
    log.warning("%s is %r, which is no whole number above 0: it stays %d", name, text, default)
    return default
