import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from digit_core.training import checkpoints
from digit_core.training.checkpoints import Checkpoint, CheckpointError


def _checkpoint(value: float) -> Checkpoint:
    arrays = [np.full((3, 4), value, np.float32), np.array(7, np.int64)]
    return Checkpoint({"settings": {"epochs": 2}, "history": []}, arrays, [*arrays, *arrays], arrays[:1])


def test_what_was_written_comes_back(tmp_path):
    checkpoints.save(_checkpoint(1.5), tmp_path / "below" / "state.npz")
    back = checkpoints.load(tmp_path / "below" / "state.npz")
    assert back.about == _checkpoint(1.5).about
    for group, count in (("model", 2), ("optimizer", 4), ("best", 1)):
        ours, theirs = getattr(_checkpoint(1.5), group), getattr(back, group)
        assert len(theirs) == count
        for a, b in zip(ours, theirs, strict=True):
            assert (a == b).all()
            assert a.dtype == b.dtype


def test_more_than_ten_arrays_keep_their_order(tmp_path):
    arrays = [np.array(i) for i in range(23)]
    checkpoints.save(Checkpoint({}, arrays, [], []), tmp_path / "state")
    assert [int(a) for a in checkpoints.load(tmp_path / "state").model] == list(range(23))


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04 half an archive"])
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / "state.npz").write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoints.load(tmp_path / "state.npz")


def test_what_is_no_checkpoint_is_named(tmp_path):
    np.save(tmp_path / "array.npy", np.arange(3))
    np.savez(tmp_path / "list.npz", about=np.array("[]"))
    np.savez(tmp_path / "deep.npz", about=np.array("[" * 100_000))
    for name in ("array.npy", "list.npz", "deep.npz"):
        with pytest.raises(CheckpointError, match="damaged, or is none"):
            checkpoints.load(tmp_path / name)


def test_removing_is_done_once_and_for_all(tmp_path):
    checkpoints.save(_checkpoint(1), tmp_path / "state.npz")
    for _ in range(2):
        checkpoints.remove(tmp_path / "state.npz")
    assert not list(tmp_path.iterdir())
    with pytest.raises(CheckpointError, match="cannot be removed"):
        checkpoints.remove(tmp_path)


def test_half_a_checkpoint_is_damaged(tmp_path):
    checkpoints.save(_checkpoint(1), tmp_path / "state.npz")
    whole = (tmp_path / "state.npz").read_bytes()
    (tmp_path / "state.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoints.load(tmp_path / "state.npz")


def test_a_pickle_is_never_opened(tmp_path):
    np.savez(tmp_path / "state.npz", about=np.array([{"a": 1}], object))
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoints.load(tmp_path / "state.npz")


def test_a_missing_file_and_a_folder_that_cannot_be_written(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint"):
        checkpoints.load(tmp_path / "state.npz")
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot be written"):
        checkpoints.save(_checkpoint(1), tmp_path / "file" / "state.npz")


@pytest.mark.slow
def test_killed_at_any_moment_there_is_a_whole_checkpoint(tmp_path):
    """Kill a process that keeps writing checkpoints, at twenty random moments."""
    program = (
        "import sys, itertools; import numpy as np; from pathlib import Path\n"
        "from digit_core.training import checkpoints\n"
        "for i in itertools.count():\n"
        "    a = [np.full(200_000, i)]\n"
        "    checkpoints.save(checkpoints.Checkpoint({'i': i}, a, a, a), Path(sys.argv[1]))\n"
        "    print(i, flush=True)\n"
    )
    path, rng = tmp_path / "state.npz", np.random.default_rng(1)
    for _ in range(20):
        with subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(rng.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
        whole = checkpoints.load(path)
        assert {int(a[0]) for a in (*whole.model, *whole.optimizer, *whole.best)} == {whole.about["i"]}
        assert os.path.getsize(path) > 3 * 200_000 * 8


def test_what_a_killed_writer_left_goes_with_the_checkpoint(tmp_path):
    checkpoints.save(_checkpoint(1), tmp_path / "state.npz")
    (tmp_path / ".state.npz-abc").write_bytes(b"half")
    (tmp_path / "other.npz").write_bytes(b"somebody else's")
    checkpoints.remove(tmp_path / "state.npz")
    assert list(tmp_path.iterdir()) == [tmp_path / "other.npz"]
