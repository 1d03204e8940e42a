"""Link previews for messengers and search engines, the limit on a visitor's uploads, memory, and the shutdown."""

import asyncio
import io
import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import streamlit
from browser import ROOT, serving
from PIL import Image
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from websockets.sync.client import connect

from ui import server as link
from ui.frame import TITLES

PAGE = b"<html><head><title>Streamlit</title></head><body></body></html>"


def _asked(path: str, headers=((b"host", b"digits.example"),), method="GET", page=PAGE):
    """The headers and body `LinkPreview` returns for a page in two chunks, and the headers it passed to the app."""
    sent, seen = [], {}

    async def app(scope, receive, send):
        seen.update(scope)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(page))]})
        await send({"type": "http.response.body", "body": page[:20], "more_body": True})
        await send({"type": "http.response.body", "body": page[20:]})

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": list(headers), "scheme": "http"}
    asyncio.run(link.LinkPreview(app)(scope, None, send))
    return dict(sent[0]["headers"]), b"".join(message["body"] for message in sent[1:]), dict(seen["headers"])


@pytest.mark.parametrize("name", TITLES)
def test_each_page_says_what_it_is(name):
    headers, body, _ = _asked(f"/{name}")
    assert f"<title>{TITLES[name]}</title>".encode() in body
    assert link.DESCRIPTIONS[name].encode() in body
    assert b'content="http://digits.example/preview.png"' in body
    assert int(headers[b"content-length"]) == len(body)
    assert body.startswith(b"<html><head>")
    assert body.endswith(b"</head><body></body></html>")


def test_the_page_is_asked_for_plain_since_it_is_written_into():
    assert b"accept-encoding" not in _asked("/", [(b"host", b"a"), (b"accept-encoding", b"gzip")])[2]
    assert b"accept-encoding" in _asked("/static/a.js", [(b"host", b"a"), (b"accept-encoding", b"gzip")])[2]


@pytest.mark.parametrize(("path", "method"), [("/static/index.js", "GET"), ("/_stcore/health", "GET"), ("/", "HEAD")])
def test_all_else_passes_as_it_is(path, method):
    assert _asked(path, method=method)[1] == PAGE


def test_a_page_without_that_title_stays_as_it_is():
    assert _asked("/", page=b"<html></html>" * 3)[1] == b"<html></html>" * 3


@pytest.mark.parametrize(("path", "base"), [("", ""), (None, ""), ("numbers", "/numbers"), ("/a/b/", "/a/b")])
def test_live_answers_lie_below_the_server_s_base_path(monkeypatch, path, base):
    monkeypatch.setattr(link.config, "get_option", lambda name: path)
    assert link._base() == base


@pytest.mark.parametrize("host", [b'a"><script>alert(1)</script>', b"a b", b"", b"a/b", b"\xff", b"x" * 300])
def test_a_host_that_is_none_names_no_picture(host):
    body = _asked("/", [(b"host", host)])[1]
    assert b"og:image" not in body
    assert b"og:title" in body
    assert b"<script" not in body


def test_behind_a_proxy_the_address_is_the_one_that_visitors_see():
    seen = [(b"host", b"127.0.0.1:8501"), (b"x-forwarded-host", b"digits.example"), (b"x-forwarded-proto", b"https")]
    assert b'content="https://digits.example/preview.png"' in _asked("/", seen)[1]


async def _put(limit: link.BoundedUploads, size: bytes | None, session="one") -> int | None:
    """The status of a rejected upload, or None if it reached the app."""
    sent = []

    async def send(message):
        sent.append(message)

    headers = [(b"content-length", size)] if size is not None else []
    path = f"/_stcore/upload_file/{session}/file"
    await limit({"type": "http", "method": "PUT", "path": path, "headers": headers}, None, send)
    return sent[0]["status"] if sent else None


def _upload(limit, *what) -> int | None:
    return asyncio.run(_put(limit, *what))


@pytest.fixture
def limit(monkeypatch):
    monkeypatch.setattr(link, "MOST_HELD", 100)
    monkeypatch.setattr(link, "held", {"one": 60, "other": 0}.get)

    async def app(scope, receive, send):
        pass

    return link.BoundedUploads(app)


def test_a_session_uploads_as_much_as_there_is_room_for(limit):
    assert _upload(limit, b"40") is None
    assert _upload(limit, b"41") == 413
    assert _upload(limit, b"41", "other") is None
    assert _upload(limit, b"40") is None  # rejected and finished uploads no longer count


def test_what_comes_at_the_same_time_counts(limit):
    second = []

    async def app(scope, receive, send):
        second.append(await _put(limit, b"30"))

    limit.app = app
    assert _upload(limit, b"30") is None
    assert second == [413]


@pytest.mark.parametrize("size", [None, b"", b"-1", b"many", b"9" * 20])
def test_an_upload_that_does_not_say_its_size_is_refused(limit, size):
    assert _upload(limit, size, "other") == 413


@pytest.mark.slow
def test_the_running_app_sends_title_and_picture(server):
    with urllib.request.urlopen(f"{server.url}/train") as answer:
        page = answer.read().decode()
    assert f"<title>{TITLES['train']}</title>" in page
    address = re.search(r'og:image" content="([^"]+)"', page)[1]
    assert address.startswith(server.url)
    with urllib.request.urlopen(address) as answer:
        assert answer.headers["Content-Type"] == "image/png"
        assert Image.open(io.BytesIO(answer.read())).size == link.SIZE


def _until_the_script_ends(connection) -> list[ForwardMsg]:
    messages = []
    while not messages or messages[-1].WhichOneof("type") != "script_finished":
        messages.append(ForwardMsg.FromString(connection.recv(timeout=30)))
    return messages


@pytest.mark.slow
def test_a_click_on_a_tab_that_was_sent_with_a_fragment_opens_the_tab(server):
    """The frontend merges what is sent at the same moment, and the fragment wins."""
    address = server.url.replace("http", "ws") + "/_stcore/stream"
    with connect(address, subprotocols=["streamlit"], max_size=None) as connection:
        connection.send(BackMsg(rerun_script=ClientState()).SerializeToString())
        deltas = [message.delta for message in _until_the_script_ends(connection)]
        tabs = next(filter(None, (delta.add_block.tab_container.id for delta in deltas)))
        drawing = next(d for d in deltas if d.new_element.bidi_component.component_name.endswith("inkling_browser"))
        state = WidgetStates(widgets=[WidgetState(id=tabs, string_value="Upload")])
        click = ClientState(fragment_id=drawing.fragment_id, widget_states=state)
        connection.send(BackMsg(rerun_script=click).SerializeToString())
        shown = [*_until_the_script_ends(connection), *_until_the_script_ends(connection)]
    assert any("No photo at hand?" in str(message) for message in shown)


@pytest.mark.slow
def test_the_server_ends_though_a_browser_has_stopped_reading(tmp_path):
    files = (Path(streamlit.__file__).parent / "static/static/js").glob("*.js")
    largest = max(files, key=lambda path: path.stat().st_size)  # larger than the socket buffers
    with serving(tmp_path) as server, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", server.port))
        client.sendall(f"GET /static/js/{largest.name} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        assert client.recv(12) == b"HTTP/1.1 200"
        server.process.terminate()
        with pytest.raises(subprocess.TimeoutExpired):  # it waits for the response to be read ...
            server.process.wait(link.GRACE / 2)
        server.process.wait(3 * link.GRACE)  # ... but not forever


@pytest.mark.skipif(sys.platform != "linux", reason="the heap is found in /proc")
def test_large_arrays_are_never_placed_on_the_heap():
    """By default glibc places arrays there after a larger one has been freed."""
    script = """
import re, numpy
from ui import resources
resources.keep_memory_small.__wrapped__()
larger = numpy.ones(20_000_000, numpy.uint8)
del larger
place = numpy.ones(5_000_000, numpy.uint8).ctypes.data
low, high = re.search(r"(?m)^([0-9a-f]+)-([0-9a-f]+) .*\\[heap\\]$", open("/proc/self/maps").read()).groups()
print(int(low, 16) <= place < int(high, 16))
"""
    said = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False"]
