"""Additions to Streamlit's server: answers while the pen moves, link previews, a limit on each visitor's uploads, and a
bounded shutdown.

Streamlit serves the same empty page for every URL and fills it with JavaScript. `LinkPreview` adds a title, a
description and an image URL (Open Graph, https://ogp.me) for messengers and search engines that run no scripts.
"""

import contextlib
import html
import logging
import re
import signal
import threading
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.middleware import Middleware
from starlette.responses import FileResponse, PlainTextResponse
from starlette.routing import Route
from streamlit import config, runtime

from ui.frame import TITLES
from ui.live_answers import PATH, LiveAnswers

log = logging.getLogger(__name__)

PICTURE = Path(__file__).with_name("preview.png")  # made by `make screenshots`
SIZE = 1200, 630  # its pixels
DESCRIPTIONS = {
    "": "Draw a digit or a whole number and see it read as you write. Upload a photo, or use your camera.",
    "train": "Train a network on handwritten digits, and watch it learn.",
    "evaluate": "See which digits a network misreads, how well calibrated it is, and how it handles distortion.",
    "inside": "Follow a digit through every layer of a network, and see what led to its answer.",
    "models": "Every network with its card: accuracy, size, speed, and how it was trained.",
}
GRACE = 5  # seconds for pending responses at shutdown
MOST_HELD = 200_000_000  # bytes of a visitor's uploads, which Streamlit keeps in memory until the visitor leaves
UPLOAD = re.compile(r"/_stcore/upload_file/([^/]+)/[^/]+$")
PLACE = b"<title>Streamlit</title>"
HOST = re.compile(r"[A-Za-z0-9.-]{1,255}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")


async def _picture(request) -> FileResponse:
    return FileResponse(PICTURE, headers={"Cache-Control": "public, max-age=86400"})


class LinkPreview:
    """ASGI middleware that inserts `tags` into the initial HTML page."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send) -> None:
        name = scope["path"].rstrip("/").rpartition("/")[2] if scope["type"] == "http" else None
        if name not in TITLES or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        plain = [(key, value) for key, value in scope["headers"] if key != b"accept-encoding"]  # no compressed page
        started, parts = {}, []

        async def hold(message) -> None:
            if message["type"] == "http.response.start":
                started.update(message)
                return
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                body = b"".join(parts).replace(PLACE, tags(name, dict(scope["headers"]), scope["scheme"]).encode(), 1)
                headers = [(key, value) for key, value in started["headers"] if key != b"content-length"]
                size = (b"content-length", str(len(body)).encode())
                has_body = started["status"] not in (204, 304)
                await send({**started, "headers": [*headers, size] if has_body else headers})
                await send({**message, "body": body})

        await self.app({**scope, "headers": plain}, receive, hold)


def tags(name: str, headers: dict[bytes, bytes], scheme: str) -> str:
    """Return the HTML title and meta tags of a page.

    Args:
        name: the page's name in its URL; "" is the first page.
        headers: the request headers. Behind a proxy they contain the public host and scheme.
    """
    host = headers.get(b"x-forwarded-host", headers.get(b"host", b"")).decode("latin-1")
    scheme = headers.get(b"x-forwarded-proto", scheme.encode()).decode("latin-1")
    about = {"og:type": "website", "og:site_name": "Inkling", "og:title": TITLES[name]}
    about["og:description"] = DESCRIPTIONS[name]
    if HOST.fullmatch(host) and scheme in ("http", "https"):
        width, height = map(str, SIZE)
        about |= {"og:image": f"{scheme}://{host}/preview.png", "og:image:width": width, "og:image:height": height}
        about |= {"og:image:alt": "A number drawn by hand, and what Inkling reads"}
    lines = [f'<meta property="{key}" content="{html.escape(value)}" />' for key, value in about.items()]
    lines += [f'<meta name="description" content="{html.escape(DESCRIPTIONS[name])}" />']
    lines += ['<meta name="twitter:card" content="summary_large_image" />']
    return "\n    ".join([f"<title>{html.escape(TITLES[name])}</title>", *lines])


class BoundedUploads:
    """ASGI middleware that rejects an upload beyond the session's limit; uploads in progress count too."""

    def __init__(self, app):
        self.app, self._coming = app, Counter()

    async def __call__(self, scope, receive, send) -> None:
        found = UPLOAD.search(scope["path"]) if scope["type"] == "http" and scope["method"] == "PUT" else None
        if found is None:
            await self.app(scope, receive, send)
            return
        session, size = found[1], _length(scope)
        if size is None or held(session) + self._coming[session] + size > MOST_HELD:
            log.warning("An upload of %s bytes was refused: the session holds %s", size, held(session))
            await PlainTextResponse("Too many files. Remove some first.", 413)(scope, receive, send)
            return
        self._coming[session] += size
        try:
            await self.app(scope, receive, send)
        finally:
            self._coming[session] -= size
            self._coming += Counter()  # drops sessions without uploads in progress


def _length(scope) -> int | None:
    """Return the Content-Length in bytes, or None if missing or invalid."""
    said = dict(scope["headers"]).get(b"content-length", b"")
    return int(said) if re.fullmatch(rb"\d{1,15}", said) else None


def held(session: str) -> int:
    """Bytes of a session's uploads in memory."""
    files = runtime.get_instance().uploaded_file_mgr.file_storage.get(session, {})
    return sum(len(file.data) for file in list(files.values()))


@contextlib.asynccontextmanager
async def _bounded_shutdown(app) -> AsyncIterator[None]:
    """Force shutdown `GRACE` seconds after SIGTERM or SIGINT.

    uvicorn waits until every response has been sent, which never ends if a client stops reading. A second SIGINT
    makes it exit at once.
    """
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _then_at_once(signal.getsignal(number)))
    yield


def _then_at_once(handler):
    def handle(number, frame) -> None:
        timer = threading.Timer(GRACE, signal.raise_signal, [signal.SIGINT])
        timer.daemon = True
        timer.start()
        handler(number, frame)

    return handle


def _base() -> str:
    """The path below which Streamlit serves, without a slash at its end."""
    path = (config.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}" if path else ""


ADDITIONS = {  # to `st.App`
    "lifespan": _bounded_shutdown,
    "middleware": [Middleware(LinkPreview), Middleware(BoundedUploads)],
    "routes": [
        Route("/preview.png", _picture),
        Route(_base() + PATH, LiveAnswers().answer, methods=["POST"]),
    ],
}
