"""Distributed training: two worker processes on this machine train one network."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

WORKER = """
import hashlib, json, sys
from pathlib import Path
from digit_core.training.distribution import DistributionError
from digit_core.training.training import TrainingSettings, train

def tell(event):
    if hasattr(event, "validation_loss"):
        print(json.dumps({"epoch": event.epoch, "validation_loss": event.validation_loss}), flush=True)

try:
    trained = train(TrainingSettings(**json.loads(sys.argv[1])), tell, checkpoint=Path(sys.argv[2]))
except DistributionError as error:
    sys.exit(str(error))
weights = b"".join(weight.tobytes() for weight in trained.model.get_weights())
print(json.dumps({"weights": hashlib.sha256(weights).hexdigest()}))
"""
SETTINGS = {"architecture": "lenet5", "data": "builtin", "batch_size": 64, "averaging": 0.9}
PATIENCE = 240  # seconds


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for opened in sockets:
        opened.bind(("127.0.0.1", 0))
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports


@pytest.fixture
def two_workers(tmp_path):
    """Start two workers with the given settings; kill any that still run at the end."""
    started = []

    def start(**settings):
        cluster = {"worker": [f"127.0.0.1:{port}" for port in _free_ports(2)]}
        for index in (0, 1):
            config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
            command = [sys.executable, "-c", WORKER, json.dumps(SETTINGS | settings), str(tmp_path / "state.npz")]
            with open(tmp_path / f"worker{index}.err", "w") as errors:
                started.append(
                    subprocess.Popen(
                        command,
                        env=os.environ | {"TF_CONFIG": config},
                        stdout=subprocess.PIPE,
                        stderr=errors,
                        text=True,
                        cwd=Path(__file__).resolve().parent.parent,
                    )
                )
        return started

    yield start
    for process in started:
        process.kill()
        process.wait()


def _lines(process: subprocess.Popen) -> list[dict]:
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    return [json.loads(line) for line in output.splitlines()]


def test_two_workers_hold_equal_weights_and_learn_what_one_would(two_workers):
    from digit_core.training.training import TrainingSettings, train

    first, second = (_lines(process) for process in two_workers(epochs=2))
    assert first == second  # identical curves, and bit-identical weights
    assert "weights" in first[-1]
    alone = train(TrainingSettings(**SETTINGS, epochs=2))
    assert [line["validation_loss"] for line in first[:-1]] == pytest.approx(
        [event.validation_loss for event in alone.history], abs=1e-3
    )


def test_when_a_worker_is_lost_the_other_says_so_and_one_machine_goes_on(two_workers, tmp_path):
    from digit_core.training.training import TrainingSettings, train

    staying, leaving = two_workers(epochs=400)
    assert json.loads(leaving.stdout.readline())["epoch"] == 1
    leaving.kill()
    killed = time.monotonic()
    assert staying.wait(PATIENCE) == 1
    assert time.monotonic() - killed < 60
    assert "Another worker has gone, or the connection to it" in (tmp_path / "worker0.err").read_text()
    epochs_done = []

    def note(event):
        epochs_done.append(getattr(event, "epoch", 0))

    with pytest.raises(RuntimeError):  # stop once training has resumed: 400 epochs take too long
        train(TrainingSettings(**SETTINGS, epochs=400), _until_next_epoch(note), checkpoint=tmp_path / "state.npz")
    assert next(filter(None, epochs_done)) > 1


def _until_next_epoch(note):
    def on_event(event):
        note(event)
        if hasattr(event, "validation_loss"):
            raise RuntimeError

    return on_event


@pytest.mark.parametrize(
    "wrong",
    [
        "nonsense",
        "[]",
        '{"cluster": {"worker": ["a:1", "b:1"]}}',
        '{"cluster": {"chief": ["a:1"], "worker": ["b:1"]}, "task": {"type": "chief", "index": 0}}',
        '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}}',
    ],
)
def test_a_tf_config_that_cannot_be_understood_is_said_plainly(monkeypatch, wrong):
    from digit_core.training import distribution

    monkeypatch.setenv("TF_CONFIG", wrong)
    with pytest.raises(distribution.DistributionError, match="TF_CONFIG cannot be understood"):
        distribution.workers()


def test_one_machine_is_its_own_chief():
    from digit_core.training import distribution

    assert distribution.workers() == 1
    assert distribution.is_chief(distribution.strategy())
