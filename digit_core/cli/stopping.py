"""Stop a long command by keyboard, by signal, or with the server that started it, without losing its work."""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator

from digit_core import paths


@contextlib.contextmanager
def asked_to_stop() -> Iterator[threading.Event]:
    """An event that Ctrl-C or SIGTERM sets; a second Ctrl-C aborts immediately."""
    asked = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number, frame):
        print("Stopping after this step ...", file=sys.stderr)
        asked.set()
        signal.signal(signal.SIGINT, before[signal.SIGINT])

    for number in before:
        signal.signal(number, ask)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_with_parent() -> None:
    """Watch the process named by `paths.PARENT`, and send SIGTERM to this one when it is gone."""
    parent = os.environ.pop(paths.PARENT, "")
    if parent:
        threading.Thread(target=_end_with, args=(int(parent),), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
