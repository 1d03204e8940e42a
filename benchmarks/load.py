"""Measure how many visitors can draw at once: `python benchmarks/load.py [VISITORS:STROKES_A_SECOND ...]`.

Visitors are WebSocket sessions that send what `ui/browser.js` sends: after each stroke, its picture and its points;
once an answer took longer than BUSY, the picture for the answer alone, and everything when the pen has rested. They
do not wait for answers. Latency is measured from the stroke that an answer belongs to; a stroke whose picture was
replaced by a newer one counts as answered with that one. The visitors share the machine with the server.
Needs requirements-dev.txt.
"""

import asyncio
import base64
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
PEN = 18  # pixels
PATIENCE = 20.0  # seconds to wait for the last answers
ANSWER = re.compile(rb'class="ink-answer[^>]*>(\d+)<')


def main() -> None:
    print("| visitors | strokes a second | answers a second | median | 95 % within | right | errors |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server:
        for load in sys.argv[1:] or LOADS:
            visitors, rate = map(float, load.split(":"))
            with multiprocessing.get_context("spawn").Pool(1) as process:
                answers, errors, seconds = process.apply(measure, (server.url, int(visitors), rate))
            waits = [wait for wait, _ in answers]
            right = np.mean([is_right for _, is_right in answers])
            print(
                f"| {visitors:.0f} | {visitors * rate:.0f} | {len(answers) / seconds:.0f} | {np.median(waits):.2f} s "
                f"| {np.percentile(waits, 95):.2f} s | {right:.1%} | {errors} |",
                flush=True,
            )
        print(f"\nMemory of the server: {psutil.Process(server.process.pid).memory_info().rss / 1e6:.0f} MB")
        errors = server.tracebacks()
        print(f"Tracebacks in its log: {len(errors)}")


def measure(url: str, visitors: int, rate: float) -> tuple[list[tuple[float, bool]], int, float]:
    """Simulate visitors; return (seconds waited, is right) of every answer, the error count, and the seconds drawn."""
    return asyncio.run(_measure(url, visitors, rate))


async def _measure(url: str, visitors: int, rate: float):
    crowd = [
        Visitor(number, [_picture(number, stroke) for stroke in range(int(SECONDS * rate))])
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
    for visitor in came:
        await visitor.leave()
    return [answer for visitor in came for answer in visitor.answers], errors, SECONDS


@dataclass
class Visitor:
    """One simulated session: its pictures, answers and unanswered strokes."""

    number: int
    pictures: list[tuple[str, list]]  # each a data URL and its strokes of [x, y]
    answers: list[tuple[float, bool]] = field(default_factory=list)
    waiting: list[tuple[float, str]] = field(default_factory=list)  # send time and digit of each stroke

    async def open(self, url: str) -> None:
        """Load the page; return when its script has finished and both places of our component are known."""
        self.socket = await connect(
            url.replace("http", "ws") + "/_stcore/stream", subprotocols=["streamlit"], max_size=None, open_timeout=60
        )
        self.places, self.is_busy = {}, False
        await self._run(BackMsg())
        while len(self.places) < 2 or not self.ended:
            self._learn(ForwardMsg.FromString(await asyncio.wait_for(self.socket.recv(), 60)))
        await self._send(live=None)
        self.listener = asyncio.create_task(self._listen())
        await asyncio.sleep(0.5)

    async def _run(self, message: BackMsg) -> None:
        message.rerun_script.page_script_hash = ""
        self.ended = False
        await self.socket.send(message.SerializeToString())

    def _learn(self, message: ForwardMsg) -> None:
        if message.WhichOneof("type") == "script_finished":
            self.ended = True
        component = message.delta.new_element.bidi_component
        if component.component_name.endswith("inkling_browser"):
            is_answer = b'"answers"' in component.SerializeToString()
            self.places["answer" if is_answer else "whole"] = component.id, message.delta.fragment_id

    async def _send(self, live: dict | None, place: str = "whole") -> None:
        """Send to one of the component's two places: "whole" refreshes everything, "answer" only the answer."""
        message = BackMsg()
        run = message.rerun_script
        component, run.fragment_id = self.places[place]
        state = {"live": live} if live else {}
        if place == "whole":
            state |= {"width": 560, "kept": ""}
        run.widget_states.widgets.add(id=component, json_value=json.dumps(state))
        await self.socket.send(message.SerializeToString())

    async def draw(self, rate: float, begin: float) -> None:
        """Draw one digit after another for SECONDS, each on a blank canvas."""
        start, rests = time.monotonic() + begin, None
        for stroke, (picture, strokes) in enumerate(self.pictures):
            await asyncio.sleep(max(start + stroke / rate - time.monotonic(), 0))
            digit = (self.number + stroke) % 10
            if rests:
                rests.cancel()
            live = {"number": int(time.time() * 1000), "down": False, "data": picture}
            self.waiting.append((time.monotonic(), str(digit)))
            drawn = [{"number": live["number"] - 1, "pen": PEN, "points": points} for points in strokes]
            if self.is_busy:
                await self._send(live, "answer")
                rests = asyncio.create_task(self._rest({**live, "strokes": drawn}))
            else:
                await self._send({**live, "strokes": drawn})
        until = time.monotonic() + PATIENCE
        while self.waiting and time.monotonic() < until:
            await asyncio.sleep(0.05)
        if self.waiting or self.listener.done():
            raise RuntimeError("some strokes were never answered")

    async def _rest(self, live: dict) -> None:
        """Refresh everything, unless the pen goes on."""
        await asyncio.sleep(RESTS)
        await self._send({**live, "number": live["number"] + 1})

    async def _listen(self) -> None:
        async for message in self.socket:
            if found := ANSWER.search(message):
                self._answered(found[1].decode())

    def _answered(self, text: str) -> None:
        """Mark the newest waiting stroke of that digit as answered, and drop all before it."""
        now = time.monotonic()
        for place in reversed(range(len(self.waiting))):
            sent, digit = self.waiting[place]
            if digit == text:
                self.answers.append((now - sent, True))
                self.is_busy = self.is_busy or now - sent > BUSY
                del self.waiting[: place + 1]
                return
        if self.waiting and now - self.waiting[0][0] > 2:  # it was read as something else
            self.answers.append((now - self.waiting.pop(0)[0], False))

    async def leave(self) -> None:
        self.listener.cancel()
        await self.socket.close()


def _picture(number: int, stroke: int) -> tuple[str, list]:
    """Return a digit as a data URL, and its strokes; each visitor's digits look different."""
    strokes = placed(
        DIGITS[(number + stroke) % 10], 60 + (37 * number) % 300, 40 + (11 * stroke + number) % 60, 180 + number % 40
    )
    rgb = np.repeat(draw(strokes, width=560, height=380, pen=PEN)[..., None], 3, 2)
    encoded = cv2.imencode(".png", rgb, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
    points = [[[float(x), float(y)] for x, y in stroke] for stroke in strokes]
    return "data:image/png;base64," + base64.b64encode(encoded).decode(), points


if __name__ == "__main__":
    main()
