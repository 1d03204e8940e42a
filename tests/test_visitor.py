"""Who may change which run on a public host."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from digit_core.runs import store as runs
from digit_core.training.settings import TrainingSettings
from ui import visitor

ROOT = Path(__file__).resolve().parent.parent
SMALL = TrainingSettings(architecture="lenet5", data="builtin", epochs=2)
TOKEN = "ab" * 32


@pytest.fixture
def run(tmp_path, monkeypatch):
    """An ended run that belongs to the host."""
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    monkeypatch.setattr(runs, "_launch", lambda folder: runs.write_status(folder, {"state": "failed"}))
    return runs.start(SMALL, "the host's")


def page(run, **state) -> AppTest:
    at = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    at.query_params["run"] = run.id
    for key, value in state.items():
        at.session_state[key] = value
    return at.switch_page("pages/train.py").run()


def keys(at: AppTest) -> set[str]:
    return {button.key for button in at.button}


@pytest.mark.parametrize(
    ("name", "known"), [("Asia/Tokyo", "Asia/Tokyo"), ("Etc/Unknown", None), ("../secret", None), ("", None)]
)
def test_an_unknown_time_zone_is_the_servers(monkeypatch, name, known):
    monkeypatch.setattr("streamlit.context", SimpleNamespace(timezone=name))
    assert getattr(visitor.zone(), "key", None) == known


def test_on_ones_own_machine_everything_may_be_changed(run):
    assert "train_resume" in keys(page(run))


def test_on_a_public_host_others_only_watch(run, monkeypatch):
    monkeypatch.setenv("DIGIT_PUBLIC", "true")
    at = page(run, visitor_token=TOKEN)
    assert not at.exception
    assert "train_resume" not in keys(at)
    assert "train_start" in keys(at)
    assert "train_resume" in keys(page(run, visitor_token=TOKEN, is_owner=True))


@pytest.mark.parametrize("shared_by", ["DIGIT_PUBLIC", "a password"])
def test_what_a_visitor_starts_is_the_visitors(run, monkeypatch, shared_by):
    if shared_by == "DIGIT_PUBLIC":
        monkeypatch.setenv("DIGIT_PUBLIC", "true")
    else:
        monkeypatch.setattr("ui.visitor._password", lambda: "open sesame")
    at = page(run, visitor_token=TOKEN)
    at.button("train_start").click().run()
    [own] = [found for found in runs.list_runs() if found.owner]
    assert TOKEN not in (own.folder / "about.json").read_text()
    assert "train_resume" in keys(page(own, visitor_token=TOKEN))
    assert "train_resume" not in keys(page(own, visitor_token="cd" * 32))


def test_only_the_password_makes_an_owner(run, monkeypatch):
    monkeypatch.setenv("DIGIT_PUBLIC", "true")
    monkeypatch.setattr("ui.visitor._password", lambda: "open sesame")
    at = page(run, visitor_token=TOKEN)
    at.text_input("owner_password").set_value("sesame").run()
    assert "is_owner" not in at.session_state
    at.text_input("owner_password").set_value("open sesame").run()
    assert at.session_state["is_owner"]


def test_without_a_password_nobody_is_asked(run, monkeypatch):
    monkeypatch.setenv("DIGIT_PUBLIC", "true")
    assert not page(run, visitor_token=TOKEN).text_input


def test_secrets_that_cannot_be_read_make_nobody_the_owner(tmp_path, monkeypatch):
    class Broken:
        def get(self, name, default):
            raise FileNotFoundError("Error parsing secrets file")

    file = tmp_path / "secrets.toml"
    monkeypatch.setattr("streamlit.secrets", Broken())
    monkeypatch.setattr("streamlit.session_state", {})
    monkeypatch.setattr("streamlit.get_option", lambda name: [str(file)])
    assert visitor.is_owner()  # there are no secrets: one's own machine
    file.write_text('owner_password = "sesame')
    assert not visitor.is_owner()
