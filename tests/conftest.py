"""Shared fixtures: a temporary home directory, and the data sets that are available.

Tests that need MNIST or real handwriting are skipped if these are missing, and say so;
with INKLING_REQUIRE_DATA=1 they fail instead.
"""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from digit_core import records

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("INKLING_SHARED", ROOT.parent / "shared"))
sys.path.insert(0, str(Path(__file__).parent))  # for the test helpers

# The canvas library raises this error if Streamlit replaces a canvas just after creating it, as on a slow machine:
# the old canvas still tries to clear itself. The new one works.
ABANDONED = "Cannot read properties of undefined (reading 'clearRect')"
WINDOW = {"width": 1280, "height": 900}


def pytest_collection_modifyitems(items):
    """Put files with slow tests first, so that two workers end at the same time."""
    slow = {item.path for item in items if item.get_closest_marker("slow") or item.get_closest_marker("browser")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True, scope="session")
def _home(tmp_path_factory):
    """Keep test output out of the project, and use local data instead of downloading it."""
    os.environ["DIGIT_HOME"] = str(tmp_path_factory.mktemp("home"))
    if (SHARED / "data" / "mnist.npz").exists():
        os.environ.setdefault("DIGIT_DATA_DIR", str(SHARED / "data"))


@pytest.fixture(autouse=True)
def _main_module():
    """Restore `__main__`: AppTest leaves the app's entry there, and spawned processes would run it."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(autouse=True)
def _said():
    """Let every test log the warnings that are logged only once."""
    records.warn_once.cache_clear()


def _absent(what: str) -> None:
    if os.environ.get("INKLING_REQUIRE_DATA") == "1":
        pytest.fail(f"{what} is required here and is not at hand")
    pytest.skip(f"{what} is not at hand")


@pytest.fixture(scope="session")
def mnist():
    """MNIST, if it is on this machine; tests do not download it."""
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
    """A server of the app; tracebacks in its log are errors. A module's `SERVER` sets its environment variables."""
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
    """`new_page(**context options)`: a new visitor's page, with reduced motion. Page errors fail the test."""
    errors, pages = [], []

    def note(error):
        if ABANDONED not in str(error):
            errors.append(str(error))

    def new(**options):
        pages.append(page := visitors.arrive(**{"viewport": WINDOW, **options}))
        page.on("pageerror", note)
        return page

    yield new
    for page in pages:
        page.remove_listener("pageerror", note)
    visitors.leave()
    assert not errors
