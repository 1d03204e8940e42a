"""Answers while the pen moves: a route of the server that reads a picture of the canvas and returns HTML.

`browser.js` posts here. A Streamlit run takes several times as long as a reading, so one follows only when the pen has
been lifted, for everything beside the answer, and on a busy server only when the pen has rested. A few pictures are
read at a time; a visitor's newer picture replaces the one that waits, and keeps its place in the queue.

Anyone can post, so everything is bounded: the number of waiting pictures, their bytes, and the size of each.
"""

import asyncio
from asyncio import Future

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response

from digit_core.models.store import ModelError
from ui import components, resources, sent_drawing, turns

PATH = "/read-drawing"
AT_ONCE = 3  # concurrent readings
MOST_WAITING = 400  # pictures
LARGEST = 2_000_000  # bytes of a picture
LARGEST_CANVAS = 1_500_000  # pixels; a canvas as wide as a 4K screen has that many
MOST_HELD = 64_000_000  # total bytes of pictures being received or waiting
PATIENCE = 10.0  # seconds for a picture to arrive
LONGEST_KEY = 64  # characters


class Queue:
    """Admits `at_once` callers at a time, in order of arrival; only the newest of each key waits.

    Use it in one event loop.
    """

    def __init__(self, at_once: int):
        self._at_once = self._free = at_once
        self._waiting: dict[str, Future[bool]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, key: str) -> bool:
        return key in self._waiting

    @property
    def is_crowded(self) -> bool:
        """Whether at least `at_once` are waiting."""
        return len(self._waiting) >= self._at_once

    async def enter(self, key: str) -> bool:
        """Wait for a turn. Return False if a newer caller with this key took its place; otherwise call `leave`
        afterwards."""
        if self._free:
            self._free -= 1
            return True
        turn = asyncio.get_running_loop().create_future()
        older, self._waiting[key] = self._waiting.get(key), turn  # a key that waits keeps its place
        if older and not older.done():
            older.set_result(False)
        try:
            return await turn
        except asyncio.CancelledError:
            if self._waiting.get(key) is turn:
                del self._waiting[key]
            elif not turn.cancelled() and turn.result():  # cancelled while it was let in
                self.leave()
            raise

    def leave(self) -> None:
        """Let the next one in."""
        while self._waiting:
            turn = self._waiting.pop(next(iter(self._waiting)))
            if not turn.done():  # else it was cancelled
                turn.set_result(True)
                return
        self._free += 1


class LiveAnswers:
    """The route's endpoint, with what it holds."""

    def __init__(self):
        self._queue, self._held = Queue(AT_ONCE), 0

    async def answer(self, request: Request) -> Response:
        """Read the posted data URL with the model `?model=`, and return the answer as HTML.

        The header `X-Visitor` tells visitors apart; browsers send it only from our own pages. Status 204: a newer
        picture of this visitor replaced this one. On a busy server the answer has the header `X-Busy`: a run may wait.

        Raises:
            HTTPException: 400 visitor missing or disconnected; 404 unknown model; 408 too slow; 411 no length;
                413 too large; 503 too many at a time.
        """
        visitor, size = request.headers.get("x-visitor", "")[:LONGEST_KEY], _length(request)
        if not visitor:
            raise HTTPException(400)
        parts: list[bytes] = []
        try:
            await self._receive(request, size, parts)
            if len(self._queue) >= MOST_WAITING and visitor not in self._queue:
                raise HTTPException(503)
            if not await self._queue.enter(visitor):
                return Response(status_code=204)
            try:
                if await request.is_disconnected():
                    raise HTTPException(400)
                url = b"".join(parts).decode("latin-1")
                html = await run_in_threadpool(_answer, url, request.query_params.get("model"))
            finally:
                self._queue.leave()
        finally:
            self._held -= sum(map(len, parts))
        busy = {"X-Busy": "1"} if turns.is_busy() or self._queue.is_crowded else {}
        return HTMLResponse(html, headers={"Cache-Control": "no-store", "X-Answer": "1", **busy})

    async def _receive(self, request: Request, size: int, parts: list[bytes]) -> None:
        """Receive a body of at most `size` bytes in parts, counted in `_held`."""
        try:
            async with asyncio.timeout(PATIENCE):
                async for part in request.stream():
                    size -= len(part)
                    if size < 0:  # a chunked body has no length that a server would check
                        raise HTTPException(413)
                    if self._held + len(part) > MOST_HELD:
                        raise HTTPException(503)
                    self._held += len(part)
                    parts.append(part)
        except TimeoutError:
            raise HTTPException(408) from None
        except ClientDisconnect:
            raise HTTPException(400) from None


def _length(request: Request) -> int:
    said = request.headers.get("content-length", "")
    if not said.isascii() or not said.isdigit():
        raise HTTPException(411)
    if len(said) > 9 or int(said) > LARGEST:
        raise HTTPException(413)
    return int(said)


def _answer(url: str, model: str | None) -> str:
    picture = sent_drawing.decoded(url, LARGEST_CANVAS)
    try:
        reading = None if picture is None else resources.read_drawing(picture, resources.load(model or None))
    except ModelError:
        raise HTTPException(404) from None
    return components.reading_html(reading)
