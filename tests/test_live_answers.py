"""The route that answers while the pen moves, and its queue."""

import asyncio

import numpy as np
import pytest
from drawing import DIGITS, draw, placed
from starlette.exceptions import HTTPException
from starlette.requests import Request

from digit_core.reading import overlay
from ui import live_answers
from ui.live_answers import LiveAnswers, Queue


def _url(digit: int) -> str:
    return overlay.data_url(draw(placed(DIGITS[digit], 150, 60, 220), width=560, height=380, pen=18))


def _request(
    *parts: bytes, length: str | None = "", model: str = "", visitor: str = "me", goes: bool = False
) -> Request:
    """A posted body in parts; `length` is what its header says, "" the true one, None no header. Afterwards the
    browser waits, or disconnects if `goes`."""
    waiting = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})
    waiting += [{"type": "http.disconnect"}] * goes

    async def receive():
        if not waiting:
            await asyncio.sleep(60)
        return waiting.pop(0)

    said = str(sum(map(len, parts))) if length == "" else length
    headers = [] if said is None else [(b"content-length", said.encode())]
    headers += [(b"x-visitor", visitor.encode())] if visitor else []
    scope = {"type": "http", "method": "POST", "headers": headers, "query_string": f"model={model}".encode()}
    return Request(scope, receive)


def _answered(request: Request, route: LiveAnswers | None = None) -> str:
    return asyncio.run((route or LiveAnswers()).answer(request)).body.decode()


async def _rest() -> None:
    """Let all other tasks run until they wait."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_the_queue_lets_in_by_order_of_arrival():
    async def run():
        queue, order = Queue(2), []

        async def visit(key):
            assert await queue.enter(key)
            order.append(key)

        tasks = [asyncio.create_task(visit(key)) for key in "abcd"]
        await _rest()
        assert order == ["a", "b"]
        queue.leave()
        await _rest()
        assert order == ["a", "b", "c"]
        for _ in range(3):
            queue.leave()
        await asyncio.gather(*tasks)
        assert order == list("abcd")
        assert queue._free == 2

    asyncio.run(run())


def test_a_newer_picture_takes_the_place_of_the_one_that_waits():
    async def run():
        queue, order = Queue(1), []
        assert await queue.enter("first")

        async def visit(key, name):
            order.append((name, await queue.enter(key)))

        tasks = [asyncio.create_task(visit(*who)) for who in (("a", "old"), ("b", "other"), ("a", "new"))]
        await _rest()
        assert order == [("old", False)]
        queue.leave()
        await _rest()
        assert order == [("old", False), ("new", True)]  # before the other, which came after the old one
        queue.leave()
        await asyncio.gather(*tasks)
        assert order[-1] == ("other", True)

    asyncio.run(run())


@pytest.mark.parametrize("order", ["goes", "is let in, goes", "goes, is let in", "goes, comes again"])
def test_who_goes_away_blocks_nobody(order):
    """Also at the very moment that one is let in, or replaced."""

    async def run():
        queue = Queue(1)
        assert await queue.enter("first")
        gone = asyncio.create_task(queue.enter("a"))
        await _rest()
        for step in order.split(", "):
            if step == "goes":
                gone.cancel()
            elif step == "is let in":
                queue.leave()
            else:
                again = asyncio.create_task(queue.enter("a"))
        other = asyncio.create_task(queue.enter("b"))
        await _rest()
        if "is let in" not in order:
            queue.leave()
        if "again" in order:
            assert await asyncio.wait_for(again, 5)
            queue.leave()
        assert await asyncio.wait_for(other, 5)
        queue.leave()
        assert queue._free == 1
        assert not len(queue)

    asyncio.run(run())


def test_a_picture_is_answered_with_what_it_reads():
    url = _url(7).encode()
    assert _answered(_request(url[:100], url[100:])) == (
        '<div class="ink-answer sure">7</div><div class="ink-sentence">Sure it&#x27;s a 7.</div>'
    )


BLANK = np.full((380, 560), 255, np.uint8)
JPEG = overlay.data_url(draw(placed(DIGITS[7], 150, 60, 220)), ".jpg")
LARGE = overlay.data_url(draw(placed(DIGITS[7], 150, 60, 1200), width=1500, height=1500, pen=80))


@pytest.mark.parametrize(
    "picture",
    [b"", b"data:image/png;base64,AAAA", b"\xff" * 99, b"<script>", overlay.data_url(BLANK), JPEG, LARGE],
    ids=["empty", "short", "bytes", "markup", "blank", "jpeg", "large"],
)
def test_what_is_no_picture_of_a_canvas_with_digits_is_answered_with_a_sentence(picture):
    said = _answered(_request(picture if isinstance(picture, bytes) else picture.encode()))
    assert "find a digit in this drawing yet" in said
    assert "script" not in said


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (_request(_url(3).encode(), visitor=""), 400),
        (_request(_url(3).encode(), goes=True), 400),
        (_request(b"a", length=None), 411),
        (_request(b"a", length="-1"), 411),
        (_request(b"a", length="\u00b2"), 411),
        (_request(b"a", length=str(live_answers.LARGEST + 1)), 413),
        (_request(b"a", length="9" * 400), 413),
        (_request(b"aaaa", b"b" * 100, length="4"), 413),
        (_request(_url(3).encode(), model="no such model"), 404),
        (_request(_url(3).encode(), model="../../etc"), 404),
    ],
)
def test_what_cannot_be_read_is_refused_and_held_no_longer(request_, status):
    route = LiveAnswers()
    with pytest.raises(HTTPException) as raised:
        _answered(request_, route)
    assert raised.value.status_code == status
    assert route._held == 0
    assert route._queue._free == live_answers.AT_ONCE


def test_a_picture_that_never_arrives_is_given_up(monkeypatch):
    monkeypatch.setattr(live_answers, "PATIENCE", 0.01)
    request = _request(b"a" * 1000)

    async def receive():
        await asyncio.sleep(60)

    request._receive = receive
    with pytest.raises(HTTPException) as raised:
        _answered(request)
    assert raised.value.status_code == 408


@pytest.mark.parametrize(("limit", "least"), [("MOST_HELD", 100), ("MOST_WAITING", 0)])
def test_more_than_can_be_held_or_wait_is_refused(monkeypatch, limit, least):
    monkeypatch.setattr(live_answers, limit, least)
    route = LiveAnswers()
    with pytest.raises(HTTPException) as raised:
        _answered(_request(_url(3).encode()), route)
    assert raised.value.status_code == 503
    assert route._held == 0
