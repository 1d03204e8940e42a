"""What is added to Streamlit's server: what a link to a page shows elsewhere, a limit on a visitor's uploads, and an
end to its shutdown.

Streamlit sends every visitor the same bare page and fills it by a script. `LinkPreview` writes a title, a description
and the address of a picture into it (Open Graph, https://ogp.me), for messengers and search engines, which run none.
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
from streamlit import runtime

from ui.frame import TITLES

log = logging.getLogger(__name__)

PICTURE = Path(__file__).with_name("preview.png")  # made by `make screenshots`
SIZE = 1200, 630  # its pixels
DESCRIPTIONS = {
    "": "Draw a digit or a whole number, and it is read as you write. Upload a photo, or hold it up to the camera.",
    "train": "Train a network on handwritten digits, and watch it learn.",
    "evaluate": "Which digits a network misreads, whether its confidence is justified, how it copes with distortion.",
    "inside": "Follow a digit through every layer of a network, and see why it answered so.",
    "models": "Every network with its card: accuracy, size, speed, and how it was trained.",
}
GRACE = 5  # seconds that answers under way have when the server ends
MOST_HELD = 200_000_000  # bytes of a visitor's uploads, which Streamlit keeps in memory until the visitor leaves
UPLOAD = re.compile(r"/_stcore/upload_file/([^/]+)/[^/]+$")
PLACE = b"<title>Streamlit</title>"
HOST = re.compile(r"[A-Za-z0-9.-]{1,255}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")


async def _picture(request) -> FileResponse:
    return FileResponse(PICTURE, headers={"Cache-Control": "public, max-age=86400"})


class LinkPreview:
    """ASGI middleware: puts `tags` into the page that a browser gets first."""

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
    """HTML that says what a page is.

    Args:
        name: of the page, as in its address; "" is the first one.
        headers: of the request. Behind a proxy they tell the host and scheme that the visitor sees.
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
    """ASGI middleware: refuses a file that a session has no room for; those on their way count as well."""

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
            self._coming += Counter()  # forgets sessions of which nothing is coming


def _length(scope) -> int | None:
    """Bytes of a request's body; None if it does not say."""
    said = dict(scope["headers"]).get(b"content-length", b"")
    return int(said) if re.fullmatch(rb"\d{1,15}", said) else None


def held(session: str) -> int:
    """Bytes of a session's uploads in memory."""
    files = runtime.get_instance().uploaded_file_mgr.file_storage.get(session, {})
    return sum(len(file.data) for file in list(files.values()))


@contextlib.asynccontextmanager
async def _bounded_shutdown(app) -> AsyncIterator[None]:
    """The server ends `GRACE` seconds after SIGTERM or SIGINT.

    uvicorn waits for every answer to be fetched, for ever if a browser has stopped reading; a second SIGINT makes it
    wait no longer.
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


ADDITIONS = {  # to `st.App`
    "lifespan": _bounded_shutdown,
    "middleware": [Middleware(LinkPreview), Middleware(BoundedUploads)],
    "routes": [Route("/preview.png", _picture)],
}
