"""Measure how many visitors can draw at once: `python benchmarks/load.py [VISITORS:STROKES_A_SECOND ...]`.

Visitors are WebSocket sessions that send what `ui/browser.js` sends: pictures while the pen moves, as long as the
server is not busy; after each stroke its picture for the answer, and then the picture again for everything beside it,
but only when the pen has rested if the server is busy. They do not wait for answers. Each draws one digit after another
on a blank canvas, so no strokes are sent, which would pile up. Latency is measured from the end of the stroke that an
answer belongs to; a stroke whose picture was replaced by a newer one counts as answered with that one. The visitors
share the machine with the server.
Needs requirements-dev.txt.
"""

import asyncio
import base64
import contextlib
import json
import multiprocessing
import re
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import cv2
import numpy as np
import psutil
from browser import serving
from drawing import DIGITS, draw, placed
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect

LOADS = ("25:1", "50:1", "100:1", "200:1")
SECONDS = 15
BUSY, RESTS = 0.6, 1.2  # seconds, as in ui/browser.js
MOVING, PAUSE = 3, 0.13  # pictures of a stroke before it ends, and seconds between them
PEN = 18  # pixels
PATIENCE = 20.0  # seconds to wait for the last answers
PATH = "/read-drawing?model="
ANSWER = re.compile(rb'class="ink-answer[^>]*>(\d+)<')


def main() -> None:
    print(
        "| visitors | strokes a second | answers a second | median | 95 % within | right | updates a second | errors |"
    )
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server:
        for load in sys.argv[1:] or LOADS:
            visitors, rate = map(float, load.split(":"))
            with multiprocessing.get_context("spawn").Pool(1) as process:
                answers, runs, errors = process.apply(measure, (server.url, int(visitors), rate))
            waits = [wait for wait, _ in answers]
            right = np.mean([is_right for _, is_right in answers])
            print(
                f"| {visitors:.0f} | {visitors * rate:.0f} | {len(answers) / SECONDS:.0f} | {np.median(waits):.2f} s "
                f"| {np.percentile(waits, 95):.2f} s | {right:.1%} "
                f"| {runs / SECONDS:.0f} | {errors} |",
                flush=True,
            )
        print(f"\nMemory of the server: {psutil.Process(server.process.pid).memory_info().rss / 1e6:.0f} MB")
        errors = server.tracebacks()
        print(f"Tracebacks in its log: {len(errors)}")


def measure(url: str, visitors: int, rate: float) -> tuple[list[tuple[float, bool]], int, int]:
    """Simulate visitors for SECONDS; return (seconds waited, is right) of every answer, and the counts of runs that
    reached the end, and of errors."""
    return asyncio.run(_measure(url, visitors, rate))


async def _measure(url: str, visitors: int, rate: float):
    crowd = [
        Visitor(number, [_pictures(number, stroke) for stroke in range(int(SECONDS * rate))])
        for number in range(visitors)
    ]
    opened = []
    for first in range(0, visitors, 10):  # in groups: a first page load is expensive
        opened += await asyncio.gather(
            *[visitor.open(url) for visitor in crowd[first : first + 10]], return_exceptions=True
        )
    came = [visitor for visitor, error in zip(crowd, opened, strict=True) if error is None]
    rng = np.random.default_rng(0)
    results = await asyncio.gather(
        *[visitor.draw(rate, float(rng.uniform(0, 1 / rate))) for visitor in came], return_exceptions=True
    )
    errors = visitors - len(came) + sum(isinstance(result, BaseException) for result in results)
    errors += sum(visitor.errors for visitor in came)
    for visitor in came:
        await visitor.leave()
    return [answer for visitor in came for answer in visitor.answers], sum(v.runs for v in came), errors


@dataclass
class Visitor:
    """One simulated session: its pictures, answers and unanswered strokes."""

    number: int
    pictures: list[list[str]]  # of each stroke while it grows, as data URLs
    answers: list[tuple[float, bool]] = field(default_factory=list)
    waiting: int = 0  # the first stroke that is not answered
    idle: list = field(default_factory=list)  # open connections to the server
    flying: int = 0  # pictures without an answer
    is_calm: bool = True  # whether the server is not busy
    runs: int = 0
    errors: int = 0
    rests: asyncio.Task | None = None  # will rerun the tab

    async def open(self, url: str) -> None:
        """Load the page; return when its script has finished and the place of our component is known."""
        self.host = url.removeprefix("http://")
        self.socket = await connect(
            f"ws://{self.host}/_stcore/stream", subprotocols=["streamlit"], max_size=None, open_timeout=60
        )
        self.place, ended = None, False
        message = BackMsg()
        message.rerun_script.page_script_hash = ""
        await self.socket.send(message.SerializeToString())
        while not (self.place and ended):
            message = ForwardMsg.FromString(await asyncio.wait_for(self.socket.recv(), 60))
            ended = ended or message.WhichOneof("type") == "script_finished"
            self._learn(message)
        await self._rerun(None)
        self.listener = asyncio.create_task(self._listen())
        await asyncio.sleep(0.5)

    def _learn(self, message: ForwardMsg) -> None:
        component = message.delta.new_element.bidi_component
        if component.component_name.endswith("inkling_browser") and b'"answered"' in component.SerializeToString():
            self.place = component.id, message.delta.fragment_id

    async def _rerun(self, live: dict | None, seconds: float = 0) -> None:
        """Rerun the drawing tab with a picture, after the pen has rested."""
        await asyncio.sleep(seconds)
        message = BackMsg()
        run = message.rerun_script
        component, run.fragment_id = self.place
        state = {"width": 560, "kept": ""} | ({"live": live} if live else {})
        run.widget_states.widgets.add(id=component, json_value=json.dumps(state))
        await self.socket.send(message.SerializeToString())

    async def draw(self, rate: float, begin: float) -> None:
        """Draw for SECONDS."""
        start, asked = time.monotonic() + begin + PAUSE * MOVING, []
        for stroke, (*moving, whole) in enumerate(self.pictures):
            self.is_calm = True
            for place, picture in enumerate(moving):
                await _until(start + stroke / rate - PAUSE * (MOVING - place))
                if self.rests:
                    self.rests.cancel()
                if self.is_calm and not self.flying:
                    asked.append(asyncio.create_task(self._ask(picture)))
            await _until(start + stroke / rate)
            live = {"number": int(time.time() * 1000), "data": whole, "strokes": []}
            self.rests = asyncio.create_task(self._rerun(live, RESTS))
            asked.append(asyncio.create_task(self._finish(stroke, live, self.rests)))
        await asyncio.gather(*asked)
        self.rests.cancel()
        if self.waiting < len(self.pictures) or self.listener.done():
            raise RuntimeError("some strokes were never answered")

    async def _finish(self, stroke: int, live: dict, rests: asyncio.Task) -> None:
        """Post a whole stroke's picture; its answer stands for those of all strokes before it. Then rerun the tab."""
        sent = time.monotonic()
        status, body = await self._ask(live["data"])
        took = time.monotonic() - sent
        if status == 200 and stroke >= self.waiting:
            self.waiting = stroke + 1
            found = ANSWER.search(body)
            digit = str((self.number + stroke) % 10).encode()
            self.answers.append((took, bool(found) and found[1] == digit))
        if status == 200 and rests is self.rests and self.is_calm and took < BUSY and not rests.done():
            rests.cancel()
            await self._rerun(live)

    async def _ask(self, picture: str) -> tuple[int, bytes]:
        """Post a picture; return the answer's status and body."""
        self.flying += 1
        try:
            status, is_busy, body = await asyncio.wait_for(self._post(PATH, picture.encode()), PATIENCE)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            status, is_busy, body = 0, True, b""
        self.flying -= 1
        self.is_calm = not is_busy
        self.errors += status not in (200, 204)
        return status, body

    async def _post(self, path: str, body: bytes) -> tuple[int, bool, bytes]:
        """Return the status, whether the server is busy, and the body."""
        head = f"POST {path} HTTP/1.1\r\nHost: {self.host}\r\nX-Visitor: {self.number}\r\n"
        request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        while self.idle:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):  # the server has closed it, as idle
                return await self._exchange(*self.idle.pop(), request)
        return await self._exchange(*await asyncio.open_connection(*self.host.split(":")), request)

    async def _exchange(self, reader, writer, request: bytes) -> tuple[int, bool, bytes]:
        try:
            writer.write(request)
            status, *headers = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
            sizes = [int(line.partition(b":")[2]) for line in headers if line.startswith(b"content-length")]
            answer = await reader.readexactly(sizes[0]) if sizes else b""
        except BaseException:
            writer.close()
            raise
        self.idle.append((reader, writer))
        return int(status.split()[1]), any(line.startswith(b"x-busy") for line in headers), answer

    async def _listen(self) -> None:
        async for message in self.socket:
            self.runs += ForwardMsg.FromString(message).WhichOneof("type") == "script_finished"

    async def leave(self) -> None:
        self.listener.cancel()
        await self.socket.close()
        for _, writer in self.idle:
            writer.close()


async def _until(moment: float) -> None:
    await asyncio.sleep(max(moment - time.monotonic(), 0))


def _pictures(number: int, stroke: int) -> list[str]:
    """A digit while it grows, as data URLs; each visitor's digits look different."""
    strokes = placed(
        DIGITS[(number + stroke) % 10], 60 + (37 * number) % 300, 40 + (11 * stroke + number) % 60, 180 + number % 40
    )
    first = strokes[0]
    return [_url([first[: 2 + len(first) * part // (MOVING + 1)]]) for part in range(MOVING)] + [_url(strokes)]


def _url(strokes: list) -> str:
    rgb = np.repeat(draw(strokes, width=560, height=380, pen=PEN)[..., None], 3, 2)
    encoded = cv2.imencode(".png", rgb, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
    return "data:image/png;base64," + base64.b64encode(encoded).decode()


if __name__ == "__main__":
    main()
