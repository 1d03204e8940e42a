"""The separate reading process: its answers are the same, and none is lost if it is killed."""

import signal
import threading
import time
from concurrent.futures import Future

import numpy as np
import pytest
from drawing import DIGITS, draw, placed

from digit_core.reading import offload as module
from digit_core.reading.offload import Offload

pytestmark = pytest.mark.slow
PICTURES = [np.repeat(draw(placed(DIGITS[n], 100, 80, 220))[..., np.newaxis], 3, 2) for n in range(10)]


def never():
    raise AssertionError("this process must not read")


@pytest.fixture
def offload(recognizer):
    made = Offload(idle=30, many=2)
    barrier = threading.Barrier(2)

    def here():
        barrier.wait(10)
        return recognizer.read(PICTURES[0])

    threads = [threading.Thread(target=made.read, args=(None, "", PICTURES[0], here)) for _ in range(2)]
    for thread in threads:
        thread.start()
    _wait_until(lambda: made.is_ready)
    yield made
    made.kill()


def _wait_until(what) -> None:
    until = time.monotonic() + 60
    while not what():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_one_reading_at_a_time_starts_no_process(recognizer):
    alone = Offload(many=2)
    for picture in PICTURES[:3]:
        alone.read(None, "", picture, lambda picture=picture: recognizer.read(picture))
    assert alone.process is None


def test_the_process_reads_as_this_one_does(offload, recognizer):
    for picture in PICTURES:
        there, here = offload.read(None, "", picture, never), recognizer.read(picture)
        assert there.text == here.text
        np.testing.assert_allclose(there.digits[0].probabilities, here.digits[0].probabilities, atol=1e-6)
        np.testing.assert_array_equal(there.ink, here.ink)
    assert offload.read("lenet5", "", PICTURES[4], never).text == "4"


def test_many_threads_get_their_own_answers_from_both_processes(offload, recognizer):
    found, here = {}, []

    def read_here(picture):
        here.append(1)
        return recognizer.read(picture)

    def ask(number: int) -> None:
        picture = PICTURES[number % 10]
        found[number] = offload.read(None, "", picture, lambda: read_here(picture)).text

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == {number: str(number % 10) for number in range(40)}
    assert 0 < len(here) < 40
    assert offload._here == offload._there == 0


def test_a_long_queue_is_no_hanging(monkeypatch):
    """As long as other pictures are answered, a picture waits its turn."""
    monkeypatch.setattr(module, "LONGEST", 0.5)
    made, mine = Offload(), Future()

    def answer_others_first():
        for _ in range(20):
            made._heard = time.monotonic()
            time.sleep(0.1)
        mine.set_result("7")

    thread = threading.Thread(target=answer_others_first)
    thread.start()
    assert made._waited_for(mine) == "7"
    thread.join()
    with pytest.raises(TimeoutError):
        made._waited_for(Future())


def test_a_process_that_hangs_is_ended(offload, recognizer, monkeypatch):
    monkeypatch.setattr(module, "LONGEST", 0.5)
    offload.process.send_signal(signal.SIGSTOP)
    assert offload.read(None, "", PICTURES[6], lambda: recognizer.read(PICTURES[6])).text == "6"
    _wait_until(lambda: not offload.is_ready)


def test_what_a_killed_process_had_is_read_here(offload, recognizer):
    offload.process.kill()
    asked = time.monotonic()
    assert offload.read(None, "", PICTURES[7], lambda: recognizer.read(PICTURES[7])).text == "7"
    assert time.monotonic() - asked < 5
    _wait_until(lambda: not offload.is_ready)


def test_a_model_that_cannot_be_read_there_is_asked_for_here(offload):
    asked = []
    offload.read("nobody", "", PICTURES[1], lambda: asked.append(1))
    assert asked == [1]
    assert offload.read(None, "", PICTURES[1], never).text == "1"  # the process still works


def test_it_ends_when_nothing_comes(recognizer):
    short = Offload(idle=0.5, many=1)
    short.read(None, "", PICTURES[1], lambda: recognizer.read(PICTURES[1]))
    _wait_until(lambda: short.is_ready)
    process = short.process
    _wait_until(lambda: not short.is_ready)
    assert process.wait(10) is not None
