"""What all tests share: a home of their own, and the data sets where they are at hand.

Tests that need MNIST or real handwriting are skipped where these are absent, with the
reason; with INKLING_REQUIRE_DATA=1 they fail instead.
"""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from digit_core import records

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("INKLING_SHARED", ROOT.parent / "shared"))
sys.path.insert(0, str(Path(__file__).parent))  # the tests' own helpers

# The canvas's library says this of a canvas that Streamlit replaces in the moment that it is made, as it does on a
# slow machine: the abandoned one still wants to clear itself. The one in its place works.
ABANDONED = "Cannot read properties of undefined (reading 'clearRect')"
WINDOW = {"width": 1280, "height": 900}


@pytest.fixture(autouse=True, scope="session")
def _home(tmp_path_factory):
    """Nothing that a test writes lands in the project, and nothing is fetched that lies ready."""
    os.environ["DIGIT_HOME"] = str(tmp_path_factory.mktemp("home"))
    if (SHARED / "data" / "mnist.npz").exists():
        os.environ.setdefault("DIGIT_DATA_DIR", str(SHARED / "data"))


@pytest.fixture(autouse=True)
def _main_module():
    """AppTest leaves the app's entry as the main module, which processes that are spawned later would run."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(autouse=True)
def _said():
    """What one test had in its log, another may expect in its own."""
    records.warn_once.cache_clear()


def _absent(what: str) -> None:
    if os.environ.get("INKLING_REQUIRE_DATA") == "1":
        pytest.fail(f"{what} is required here and is not at hand")
    pytest.skip(f"{what} is not at hand")


@pytest.fixture(scope="session")
def mnist():
    """MNIST, if it lies on this machine; tests do not download it."""
    from digit_core import paths
    from digit_core.data import datasets

    folder = paths.data_dir()
    if not folder or not (folder / "mnist.npz").exists():
        _absent("mnist.npz (name its folder in DIGIT_DATA_DIR)")
    return datasets.load("mnist")


@pytest.fixture(scope="session")
def handwriting() -> Path:
    """The folder of real handwriting that is not MNIST."""
    if not (SHARED / "real" / "strokes").is_dir():
        _absent("real handwriting (name its folder's parent in INKLING_SHARED)")
    return SHARED / "real"


@pytest.fixture(scope="session")
def recognizer():
    """The default recognizer, loaded once."""
    from digit_core import Recognizer

    return Recognizer.load()


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture(scope="module")
def browser():
    """Chromium."""
    from browser import chromium

    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def server(request, tmp_path_factory):
    """A server of the app; nothing may go wrong in it. A module's `SERVER` holds environment variables for it."""
    from browser import serving

    with serving(tmp_path_factory.mktemp("server"), **getattr(request.module, "SERVER", {})) as server:
        yield server
        assert not server.tracebacks()


@pytest.fixture(scope="module")
def visitors(browser):
    from browser import Visitors

    return Visitors(browser)


@pytest.fixture
def new_page(visitors):
    """A visitor: `new_page(**context options)`; nothing may go wrong in the page. Nothing moves by itself."""
    errors = []

    def note(error):
        if ABANDONED not in str(error):
            errors.append(str(error))

    def new(**options):
        page = visitors.arrive(**{"viewport": WINDOW, **options})
        page.on("pageerror", note)
        return page

    yield new
    visitors.leave()
    assert not errors
