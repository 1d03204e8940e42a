"""The process that precomputes data for the Inside page: one at a time, and no retry after a failure."""

import subprocess
import sys
import time
from dataclasses import replace

import pytest
import streamlit as st

from digit_core.explanation import neighbours, quality
from digit_core.models import store
from ui import neighbour_index


@pytest.fixture(autouse=True)
def _fresh(tmp_path, monkeypatch):
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(neighbour_index, "data_name", lambda: "builtin")
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


@pytest.fixture
def started(monkeypatch):
    """Records each start, and runs the test's program instead."""
    begun, popen = [], subprocess.Popen

    def start(program: str):
        def instead(args, **options):
            begun.append(args[args.index("--model") + 1])
            return popen([sys.executable, "-c", program])

        monkeypatch.setattr(neighbour_index.subprocess, "Popen", instead)
        return begun

    return start


def _until(condition) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_one_is_made_at_a_time(started):
    begun = started("import time; time.sleep(1.5)")
    neighbour_index.make(store.find("lenet5"))
    neighbour_index.make(store.find("lenet5"))
    neighbour_index.make(store.find("resnet"))
    assert begun == ["lenet5"]
    _until(lambda: not neighbour_index.is_busy())


@pytest.mark.parametrize("program", ["raise SystemExit(1)", "pass"])
def test_a_try_that_leaves_nothing_is_not_repeated(started, program):
    begun, model = started(program), store.find("lenet5")
    neighbour_index.make(model)
    _until(lambda: neighbour_index.has_failed(model))
    neighbour_index.make(model)
    assert begun == ["lenet5"]
    assert not neighbour_index.has_failed(store.find("resnet"))


def test_a_process_that_cannot_be_started_has_failed(monkeypatch):
    def refuse(*about, **options):
        raise OSError("no process")

    monkeypatch.setattr(neighbour_index.subprocess, "Popen", refuse)
    model = store.find("lenet5")
    neighbour_index.make(model)
    assert neighbour_index.has_failed(model)
    assert not neighbour_index.is_busy()


def test_what_was_made_is_found(monkeypatch):
    monkeypatch.setattr(neighbours, "LOOKED_UP", 4)
    monkeypatch.setattr(neighbours, "MAPPED", 4)
    shipped = store.find("lenet5")
    model = replace(shipped, card={name: said for name, said in shipped.card.items() if name != "explanations"})
    assert neighbour_index.find(model) is None
    neighbours.keep(model, "builtin")
    assert len(neighbour_index.find(model).labels) == 40
    assert neighbour_index.quality_of(model) is None
    monkeypatch.setattr(quality, "MEASURED_ON", 2)
    quality.keep(model, "builtin")
    assert neighbour_index.quality_of(model)
