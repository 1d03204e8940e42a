"""The command `predict`: reads pictures, and prints one answer per picture, or writes them to a file that a later run
completes."""

import argparse
import concurrent.futures
import json
import logging
import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
from tqdm import tqdm

from digit_core.pictures import image_files
from digit_core.pictures.image_files import UnreadableImageError
from digit_core.reading.recognizer import Recognizer
from digit_core.reading.result import UNKNOWN, Reading

log = logging.getLogger(__name__)

SIGNS = ".-"  # characters of a line that stand for no mark in `Reading.digits`
BEGINS = b'{"file": "'  # of every answer in a file
WAITING = 4  # pictures per thread that are read ahead of the output


def add_parser(commands) -> None:
    """Add the command `predict` to the commands of the program."""
    predict = commands.add_parser("predict", help="read pictures of digits")
    predict.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="picture, or folder to search")
    predict.add_argument("--model", help="name of the model (see the command models)")
    predict.add_argument("--json", action="store_true", help="one JSON object per picture, each on its own line")
    predict.add_argument("--least", type=_probability, default=0.0, metavar="P",
                         help='lowest confidence, 0..1, at which a digit is read; below it reads "?"')  # fmt: skip
    predict.add_argument("--out", type=Path, metavar="FILE", help="write the JSON objects to this file instead")
    predict.add_argument("--resume", action="store_true", help="skip the pictures that FILE already answers")
    predict.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Read every picture; 1 if one failed or there is none, 2 for wrong usage."""
    if options.resume and not options.out:
        print("--resume needs --out FILE.", file=sys.stderr)
        return 2
    if options.out and os.path.lexists(options.out) and not options.resume:
        print(f"{options.out} exists. Continue it with --resume, or choose another file.", file=sys.stderr)
        return 2
    cv2.setNumThreads(1)  # pictures are read in parallel instead
    files = [file for path in options.paths for file in find_pictures(path)]
    if not files:
        print("There are no pictures there.", file=sys.stderr)
        return 1
    recognizer = Recognizer.load(options.model)
    if not options.out:
        return _print_all(files, recognizer, options)
    try:
        return _write_all(files, recognizer, options)
    except OSError as error:
        log.info("%s", options.out, exc_info=True)
        print(f"{options.out} cannot be written: {error.strerror}.", file=sys.stderr)
        return 1


def _print_all(files: list[Path], recognizer: Recognizer, options: argparse.Namespace) -> int:
    failed = 0
    with tqdm(total=len(files), unit="picture", disable=options.json or not sys.stderr.isatty()) as bar:
        for file, answer in answers(files, recognizer, options.least):
            failed += answer["error"] is not None
            bar.update()
            with bar.external_write_mode():
                print(json.dumps(answer) if options.json else _for_people(file, answer), flush=options.json)
    return int(failed > 0)


def _write_all(files: list[Path], recognizer: Recognizer, options: argparse.Namespace) -> int:
    """Append an answer per picture; what a previous run wrote counts in the exit status too."""
    done = _finished(options.out) if options.resume else {}
    missing = [file for file in files if str(file) not in done]
    failed = sum(done.get(str(file), False) for file in files)
    with open(options.out, "a", encoding="utf-8") as out, tqdm(total=len(files), initial=len(files) - len(missing),
            unit="picture", disable=not sys.stderr.isatty()) as bar:  # fmt: skip
        for _, answer in answers(missing, recognizer, options.least):
            failed += answer["error"] is not None
            out.write(json.dumps(answer) + "\n")
            out.flush()
            bar.update()
    print(f"{len(missing)} of {len(files)} pictures read, {failed} unreadable: {options.out}", file=sys.stderr)
    return int(failed > 0)


def _finished(file: Path) -> dict[str, bool]:
    """The pictures that a file of answers holds, and whether each failed; drops a last line that was cut short."""
    if not file.exists():
        return {}
    found, end = {}, 0
    with open(file, "r+b") as lines:
        for line in lines:
            try:
                answer = json.loads(line)
                found[answer["file"]] = answer["error"] is not None
            except (ValueError, KeyError, TypeError):
                break
            if not line.endswith(b"\n"):
                found.pop(answer["file"])
                break
            end += len(line)
        lines.seek(end)
        if rest := lines.read():
            if b"\n" in rest or not rest.startswith(BEGINS[: len(rest)]):  # not the trace of an interrupted run
                raise OSError(0, "it holds something other than answers", str(file))
            lines.truncate(end)
    return found


def answers(files: Iterable[Path], recognizer: Recognizer, least: float = 0.0) -> Iterator[tuple[Path, dict]]:
    """Read pictures in parallel; yield each with its answer, in order."""
    threads, waiting = os.cpu_count() or 1, deque()
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        for file in files:
            waiting.append((file, pool.submit(answer_for, file, recognizer, least)))
            if len(waiting) > WAITING * threads:
                first, future = waiting.popleft()
                yield first, future.result()
        for first, future in waiting:
            yield first, future.result()


def find_pictures(path: Path) -> Iterator[Path]:
    """The file itself, or every picture by its suffix in a folder and below, sorted."""
    if os.path.isdir(path):
        yield from sorted(p for p in path.rglob("*") if p.suffix.lower() in image_files.SUFFIXES and p.is_file())
    else:
        yield path


def answer_for(file: Path, recognizer: Recognizer, least: float = 0.0) -> dict:
    """What is known about one picture, as plain values; `error` is a sentence, or None if all went well."""
    try:
        reading = recognizer.read(image_files.read_file(file))
    except UnreadableImageError as error:
        log.info("%s", file, exc_info=True)
        return _failure(file, str(error))
    except Exception:  # one bad file must not affect the others
        log.warning("%s cannot be read", file, exc_info=True)
        return _failure(file, "This picture cannot be read.")
    return {"file": str(file), **reading_as_dict(reading, least), "error": None}


def _failure(file: Path, sentence: str) -> dict:
    return {"file": str(file), "text": "", "lines": [], "digits": [], "error": sentence}


def reading_as_dict(reading: Reading, least: float = 0.0) -> dict:
    """The contract's form of a reading: text, lines, and digit, confidence, trusted, box of each mark.

    A mark read with a confidence below `least` is not trusted, and reads "?".
    """
    trusted = [digit.trusted and digit.confidence >= least for digit in reading.digits]
    marks = iter(trusted)
    lines = [
        "".join(sign if sign in SIGNS or next(marks, False) else UNKNOWN for sign in line) for line in reading.lines
    ]
    return {
        "text": "/".join(lines),
        "lines": lines,
        "digits": [
            {
                "digit": digit.value,
                "confidence": round(digit.confidence, 4),
                "trusted": accepted,
                "box": list(digit.box),
            }
            for digit, accepted in zip(reading.digits, trusted, strict=True)
        ],
    }


def _for_people(file: Path, answer: dict) -> str:
    if answer["error"]:
        return f"{file}: {answer['error']}"
    if not answer["digits"]:
        return f"{file}: no digits found"
    trusted = [digit["confidence"] for digit in answer["digits"] if digit["trusted"]]
    if not trusted:
        return f"{file}: {answer['text']}  (doesn't look like a digit)"
    return f"{file}: {answer['text']}  ({min(trusted):.0%} sure)"


def _probability(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("a number from 0 to 1 is needed")
    return value
