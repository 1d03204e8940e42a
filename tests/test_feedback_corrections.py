"""Corrections in their database: none is lost or saved twice, and suspicious ones are held for review."""

import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from digit_core import Digit
from digit_core.feedback import corrections, database
from digit_core.feedback.corrections import NO_DIGIT, TWO_DIGITS, Correction
from digit_core.feedback.database import FeedbackError

EMPTY = np.zeros((28, 28), np.uint8)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DIGIT_DATABASE_URL", raising=False)


def digit(value: int = 4, confidence: float = 0.9, trusted: bool = True, acceptance: float = 0.99) -> Digit:
    probabilities = np.full(10, (1 - confidence) / 9, np.float32)
    probabilities[value] = confidence
    return Digit(value, confidence, trusted, (20, 30, 40, 50), probabilities, EMPTY + value, EMPTY, acceptance)


def test_what_was_saved_is_read():
    picture = np.full((200, 100, 3), 255, np.uint8)
    made = corrections.of(digit(), 9, "?4", "inkling", "tag", picture)
    assert corrections.save([made]) == 1
    [found] = corrections.listed()
    assert (found.value, found.truth, found.text, found.model, found.session) == (4, 9, "?4", "inkling", "tag")
    np.testing.assert_array_equal(found.image, made.image)
    assert found.picture.startswith(b"\x89PNG")
    assert found.created == pytest.approx(time.time(), abs=60)
    assert not found.agrees


def test_nothing_is_saved_twice():
    some = [Correction(1, 1, EMPTY), Correction(2, 3, EMPTY)]
    assert corrections.save(some) == 2
    assert corrections.save([*some, Correction(5, 5, EMPTY)]) == 1
    assert corrections.number() == 3


def test_two_marks_of_the_same_pixels_are_one_correction():
    twins = [corrections.of(digit(), 4, "44", "m", "mine") for _ in range(2)]
    assert corrections.save(twins) == 1
    assert corrections.number() == 1


def test_the_same_mark_of_a_session_is_one_correction_and_the_last_word_counts():
    for truth in (4, 4, 9):
        corrections.save([corrections.of(digit(), truth, "4", "m", "mine")])
    corrections.save([corrections.of(digit(), 4, "4", "m", "theirs")])
    assert sorted((c.session, c.truth) for c in corrections.listed()) == [("mine", 9), ("theirs", 4)]
    by_another = replace(digit(8), image=digit().image)  # another model reads the same mark as an 8, and is confirmed
    corrections.save([corrections.of(by_another, 8, "8", "other", "mine")])
    [mine] = [c for c in corrections.listed() if c.session == "mine"]
    assert (mine.value, mine.truth, mine.model, mine.text) == (8, 8, "other", "8")


def test_the_most_contradicted_come_first_and_filters_hold():
    saved = [
        Correction(1, 1, EMPTY, probability=0.9, model="a"),
        Correction(1, 7, EMPTY, probability=0.2, model="b"),
        Correction(1, 4, EMPTY, probability=0.001, held=True),
        Correction(1, TWO_DIGITS, EMPTY, probability=0.4),
    ]
    corrections.save(saved)
    assert [c.truth for c in corrections.listed()] == [4, 7, TWO_DIGITS, 1]
    assert [c.truth for c in corrections.listed(1, 2)] == [7, TWO_DIGITS]
    assert [c.truth for c in corrections.listed(wrong=True, held=False)] == [7, TWO_DIGITS]
    assert (corrections.number(), corrections.number(wrong=True), corrections.number(held=True)) == (4, 3, 1)


def test_only_looked_at_digits_teach():
    sure, held = corrections.of(digit(), 4, "4", "m", "s"), corrections.of(digit(1, 0.999), 7, "4", "m", "s")
    none = corrections.of(digit(5, trusted=False, acceptance=0.3), NO_DIGIT, "?", "m", "s")
    assert (sure.held, held.held, none.held, none.value) == (False, True, False, NO_DIGIT)
    corrections.save([sure, held, none])
    images, labels, ids = corrections.digits()
    assert (labels.tolist(), ids) == ([4], [sure.id])
    np.testing.assert_array_equal(images[0], sure.image)
    corrections.approve({held.id: 3})  # it was something else when it was looked at
    assert corrections.number(held=True) == 1
    corrections.approve({held.id: held.truth})
    assert sorted(corrections.digits()[1]) == [4, 7]
    corrections.change([held.id, none.id], 2)
    assert sorted(corrections.digits()[1]) == [2, 2, 4]
    corrections.remove([sure.id])
    assert corrections.digits("s")[1].tolist() == [2, 2]
    assert corrections.digits("another")[1].tolist() == []


def test_a_session_takes_back_only_its_own():
    mine, theirs = Correction(1, 1, EMPTY, session="mine"), Correction(1, 1, EMPTY, session="theirs")
    corrections.save([mine, theirs])
    corrections.remove_session("mine", [mine.id, theirs.id])
    assert [c.id for c in corrections.listed()] == [theirs.id]


def test_how_often_people_agree():
    corrections.save([Correction(7, t, EMPTY, model="m") for t in (7, 7, 1)] + [Correction(7, 7, EMPTY, model="n")])
    corrections.save([Correction(7, 7, EMPTY, model=corrections.IMPORTED)])  # which nobody was asked about
    rows = [(row["model"], row["truth"], row["count"], row["agreed"]) for row in corrections.agreement()]
    assert rows == [("m", 1, 1, 0), ("m", 7, 2, 2), ("n", 7, 1, 1)]


def test_there_are_limits(monkeypatch):
    monkeypatch.setattr(corrections, "MOST_A_SESSION", 3)
    monkeypatch.setattr(corrections, "MOST", 5)
    monkeypatch.setattr(corrections, "MOST_OF_ALL", 100)
    corrections.save([Correction(1, 1, EMPTY, session="a") for _ in range(3)])
    with pytest.raises(FeedbackError, match="limit"):
        corrections.save([Correction(1, 1, EMPTY, session="a")])
    with pytest.raises(FeedbackError, match="no room"):
        corrections.save([Correction(1, 1, EMPTY, session="b") for _ in range(3)])
    with pytest.raises(FeedbackError, match="at once"):
        corrections.save([Correction(1, 1, EMPTY)] * 101)
    assert corrections.number() == 3
    monkeypatch.setattr(corrections, "MOST_OF_ALL", 3)
    with pytest.raises(FeedbackError, match="Too many"):
        corrections.save([Correction(1, 1, EMPTY, session="c")])


@pytest.mark.parametrize(
    "wrong",
    [{"value": 10}, {"truth": -3}, {"image": np.zeros((28, 27), np.uint8)}, {"image": np.zeros((28, 28))},
     {"picture": b"x" * 60_001}],
)  # fmt: skip
def test_what_is_no_correction_is_refused(wrong):
    with pytest.raises(ValueError, match=r"digit|mark|picture"):
        Correction(**{"value": 1, "truth": 1, "image": EMPTY, **wrong})


def test_a_mark_that_reaches_beyond_the_picture_has_a_picture_or_none():
    without, having = np.zeros((5, 5), np.uint8), np.full((40, 60, 4), 9, np.uint8)
    assert corrections.of(digit(), 4, "4", "m", "s", without).picture == b""
    assert corrections.of(digit(), 4, "4", "m", "s", having).picture.startswith(b"\x89PNG")


@pytest.mark.parametrize("address", ["sqlite:////nowhere/at/all.sqlite3", "nonsense://", "postgresql://127.0.0.1:1/x"])
def test_a_database_that_cannot_be_had_is_said_in_words(monkeypatch, address):
    monkeypatch.setenv("DIGIT_DATABASE_URL", address)
    with pytest.raises(FeedbackError, match="cannot be saved"):
        corrections.save([Correction(1, 1, EMPTY)])
    with pytest.raises(FeedbackError, match="cannot be read"):
        corrections.listed()


def test_a_server_that_does_not_answer_is_not_asked_again_by_everybody(monkeypatch):
    asked = []

    def fails(address):
        asked.append(address)
        raise OSError("no answer")

    monkeypatch.setenv("DIGIT_DATABASE_URL", "postgresql://192.0.2.1/x")
    monkeypatch.setattr(database, "_opened", fails)
    monkeypatch.setattr(database, "_retry_at", {})
    for _ in range(3):
        with pytest.raises(FeedbackError, match="cannot be read"):
            corrections.listed()
    assert len(asked) == 1
    monkeypatch.setattr(database, "RETRY_AFTER", -1)
    monkeypatch.setattr(database, "_retry_at", {})
    for _ in range(2):
        with pytest.raises(FeedbackError, match="cannot be read"):
            corrections.listed()
    assert len(asked) == 3


def test_a_damaged_file_is_said_in_words():
    corrections.save([Correction(1, 1, EMPTY)])
    database._opened.cache_clear()
    for file in Path(os.environ["DIGIT_HOME"]).glob("corrections.sqlite3*"):
        file.write_bytes(b"no database at all" * 1000)
    with pytest.raises(FeedbackError, match="cannot be read"):
        corrections.listed()
    database._opened.cache_clear()


PROCESSES, THREADS, EACH = 5, 10, 12


def _save_many(number: int) -> None:
    def save(session: str) -> None:
        for place in range(EACH):
            corrections.save([Correction(place % 10, 1, EMPTY, session=session)])

    threads = [threading.Thread(target=save, args=(f"{number}-{thread}",)) for thread in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _check_many_sessions() -> None:
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        pool.map(_save_many, range(PROCESSES))
    assert corrections.number() == PROCESSES * THREADS * EACH
    found = [c for start in range(0, 600, 200) for c in corrections.listed(start, 200)]
    sessions = {c.session: 0 for c in found}
    for correction in found:
        sessions[correction.session] += 1
    assert len({c.id for c in found}) == PROCESSES * THREADS * EACH
    assert set(sessions.values()) == {EACH}
    assert len(sessions) == PROCESSES * THREADS


@pytest.mark.slow
def test_fifty_sessions_save_at_once():
    _check_many_sessions()


@pytest.fixture
def postgres(tmp_path, monkeypatch):
    """Debian's PostgreSQL on a free local port."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs or shutil.which("runuser") is None:
        pytest.skip("PostgreSQL is not installed")
    pytest.importorskip("psycopg")
    folder = Path("/tmp") / f"inkling-postgres-{os.getpid()}"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder.mkdir(mode=0o755)
    shutil.chown(folder, "postgres")
    become = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    start = [programs[-1] / "pg_ctl", "-D", folder / "data", "-w", "-o", f"-p {port} -k {folder}", "-l", folder / "log"]
    try:
        subprocess.run([*become, programs[-1] / "initdb", "-D", folder / "data", "-A", "trust"], check=True,
                       capture_output=True)  # fmt: skip
        subprocess.run([*become, *start, "start"], check=True, stdout=subprocess.DEVNULL)
        monkeypatch.setenv("DIGIT_DATABASE_URL", f"postgresql://postgres@127.0.0.1:{port}/postgres")
        yield
        database._opened.cache_clear()
        subprocess.run([*become, *start, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_fifty_sessions_save_at_once_in_postgresql(postgres):
    _check_many_sessions()


ENDLESS = """
import numpy as np
from digit_core.feedback import corrections
corrections.MOST_A_SESSION = corrections.MOST_OF_ALL = 1_000_000
while True:
    made = [corrections.Correction(1, 1, np.zeros((28, 28), np.uint8), picture=b"x" * 50_000) for _ in range(3)]
    corrections.save(made)
    print(*(correction.id for correction in made), flush=True)
"""


@pytest.mark.slow
def test_killed_at_any_moment_the_database_is_whole():
    rng = np.random.default_rng(0)
    command = [
        sys.executable,
        "-c",
        "from digit_core.feedback import corrections as c; c.MOST_A_SESSION = 10**6\n" + ENDLESS,
    ]
    told: list[str] = []
    for _ in range(20):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        told += process.stdout.readline().split()  # it has started
        time.sleep(rng.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        lines = process.communicate()[0].splitlines(keepends=True)
        told += [name for line in lines if line.endswith("\n") for name in line.split()]
        with database.reading() as connection:
            assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
    with database.reading() as connection:
        kept = set(connection.scalars(text("SELECT id FROM corrections")))
    assert set(told) <= kept
    assert len(kept) % 3 == 0  # each save is all or nothing
