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
from digit_core.training import training
from digit_core.training.distribution import DistributionError
from digit_core.training.training import TrainingSettings

build, models = training.build, []
training.build = lambda settings: models.append(build(settings)) or models[-1]

def tell(event):
    if hasattr(event, "validation_loss"):
        weights = hashlib.sha256(b"".join(weight.tobytes() for weight in models[-1].get_weights())).hexdigest()
        said = {"epoch": event.epoch, "validation_loss": event.validation_loss, "weights": weights}
        print(json.dumps(said), flush=True)

try:
    training.train(TrainingSettings(**json.loads(sys.argv[1])), tell, checkpoint=Path(sys.argv[2]))
except DistributionError as error:
    sys.exit(str(error))
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


def test_two_workers_learn_what_one_would_and_one_goes_on_when_the_other_is_lost(two_workers, tmp_path):
    from digit_core.training.training import TrainingSettings, train

    staying, leaving = two_workers(epochs=400)
    first, second = ([json.loads(worker.stdout.readline()) for _ in range(3)] for worker in (staying, leaving))
    assert first == second  # bit-identical weights after each epoch
    assert len({line["weights"] for line in first}) == 3
    leaving.kill()
    killed = time.monotonic()
    assert staying.wait(PATIENCE) == 1
    assert time.monotonic() - killed < 60
    assert "Another worker has gone, or the connection to it" in (tmp_path / "worker0.err").read_text()
    epochs_done = []

    def note(event):
        epochs_done.append(getattr(event, "epoch", 0))

    settings = TrainingSettings(**SETTINGS, epochs=400)
    with pytest.raises(RuntimeError):  # stop once training has resumed: 400 epochs take too long
        train(settings, _until_next_epoch(note), checkpoint=tmp_path / "state.npz")
    assert next(filter(None, epochs_done)) > 3
    losses = []

    def until_third(event):
        losses.append(getattr(event, "validation_loss", None))
        if sum(loss is not None for loss in losses) == 3:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        train(settings, until_third)
    assert [line["validation_loss"] for line in first] == pytest.approx([*filter(None, losses)], abs=2e-3)


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
