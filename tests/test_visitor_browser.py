"""A visitor's token in a real browser: created once, kept across reloads, different in every browser."""

import hashlib

import pytest
from browser import serving, wait_until_idle

from digit_core.runs import store as runs
from digit_core.training.settings import TrainingSettings

pytestmark = pytest.mark.browser
TOKEN = "localStorage.getItem('inkling-visitor')"


def test_each_browser_changes_its_own_runs_alone(new_page, tmp_path, monkeypatch):
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(runs, "_launch", lambda folder: runs.write_status(folder, {"state": "failed"}))
    with serving(tmp_path, DIGIT_PUBLIC="true") as server:
        first, second = new_page(), new_page()
        for page in (first, second):
            page.goto(f"{server.url}/train")
            page.wait_for_function(TOKEN, timeout=30_000)
        token = first.evaluate(TOKEN)
        assert token != second.evaluate(TOKEN)
        owner = hashlib.sha256(token.encode()).hexdigest()[:32]
        run = runs.start(TrainingSettings(architecture="lenet5", data="builtin", epochs=2), who=owner)
        for page, resumes in ((first, 1), (second, 0)):
            page.goto(f"{server.url}/train?run={run.id}")
            page.get_by_text("The log's last lines").or_(page.locator(".st-key-train_progress")).first.wait_for()
            wait_until_idle(page)
            page.wait_for_timeout(1000)
            assert page.locator(".st-key-train_resume").count() == resumes
        assert first.evaluate(TOKEN) == token
