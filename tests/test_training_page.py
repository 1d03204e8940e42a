"""Page, mark and line networks: losses, training, resuming and export."""

import functools
from pathlib import Path

import numpy as np
import pytest

from digit_core.data import datasets, fonts
from digit_core.data.marks import Sources
from digit_core.data.page_targets import Targets, stack, targets
from digit_core.data.scenes import Scene
from digit_core.data.synthetic_lines import SyntheticLines
from digit_core.data.synthetic_pages import SyntheticPages
from digit_core.models import page_model
from digit_core.models.line_format import NOTHING
from digit_core.models.mark_format import SIDE
from digit_core.models.page_format import CHANNELS, CLASSES, SLOT_CHANNELS, SLOTS, STRIDE
from digit_core.reading.page_network import PageNetwork
from digit_core.reading.page_reader import PageReader
from digit_core.training.mark_examples import MarkExamples

pytestmark = pytest.mark.slow


def pages(seed: int) -> SyntheticPages:
    digits = datasets.load("builtin").train
    return SyntheticPages(Sources(digits.images, digits.labels, fonts=fonts.load([])), seed=seed)


def lines(seed: int) -> SyntheticLines:
    digits = datasets.load("builtin").train
    return SyntheticLines(Sources(digits.images, digits.labels, fonts=fonts.load([])), seed=seed)


def perfect_answer(target: Targets) -> np.ndarray:
    """Logits that match the targets exactly, float32 (1, rows, cells, 52)."""
    slots = np.zeros((*target.heat.shape, SLOT_CHANNELS), np.float32)
    slots[..., 0] = np.where(target.heat == 1, 12, -12)
    slots[..., 1 : 1 + CLASSES] = 20 * np.eye(CLASSES)[np.maximum(target.label, 0)]
    slots[..., -4:-2] = target.size.transpose(0, 2, 3, 1)
    slots[..., -2:] = target.offset.transpose(0, 2, 3, 1)
    batch, rows, columns = target.heat.shape
    cells = slots.reshape(batch, rows, columns // SLOTS, SLOTS * SLOT_CHANNELS)
    ink = np.where(target.ink > 128, 15.0, -15.0).reshape(batch, rows, STRIDE, columns // SLOTS, STRIDE)
    ink = ink.transpose(0, 1, 3, 2, 4).reshape(batch, rows, columns // SLOTS, STRIDE**2)
    return np.concatenate([cells, ink], -1).astype(np.float32)


def test_a_perfect_answer_has_no_loss_and_a_wrong_one_has():
    from digit_core.training.page_training import page_losses

    scene = Scene()
    scene.put(np.full((32, 8), 255, np.uint8), 80, 60, 1)
    scene.put(np.full((30, 20), 255, np.uint8), 40, 60, 7)
    target = stack([targets(scene)])
    answer = perfect_answer(target)
    assert answer.shape[-1] == CHANNELS
    losses, accuracy = page_losses(answer, target)
    assert float(accuracy) > 0.9  # the denominator is the number of slots plus one
    np.testing.assert_allclose(losses, 0, atol=2e-3)
    worse, _ = page_losses(np.zeros_like(answer), target)
    assert (np.asarray(worse) > 10 * np.asarray(losses) + 0.01).all()


def test_a_training_begins_with_given_weights(tmp_path):
    from digit_core.training import endless
    from digit_core.training.line_training import TASK

    start = [np.asarray(variable) for variable in TASK.build().variables]
    model, _ = endless.train(TASK, endless.Settings(examples=0, precision="float32"), lines, tmp_path, start)
    for given, kept in zip(start, model.variables, strict=True):
        np.testing.assert_array_equal(given, kept)


def test_weights_of_before_are_blended_in():
    from digit_core.training import endless
    from digit_core.training.line_training import TASK

    model = TASK.build()
    own = [np.array(variable) for variable in model.variables]
    endless.blend(model, [np.ones_like(weights) for weights in own], 0.3)
    for before, after in zip(own, model.variables, strict=True):
        np.testing.assert_allclose(after, 0.3 + 0.7 * before, atol=1e-6)


@pytest.mark.parametrize("share", ["1.5", "1", "-0.1"])
def test_a_share_to_blend_is_below_one(share, capsys):
    from digit_core.cli import main

    assert main.main(["train-page", f"--blend={share}"]) == 2
    assert "--blend takes a share" in capsys.readouterr().err


def test_when_no_tiles_come_the_training_says_so(tmp_path, monkeypatch):
    from digit_core.data import tile_workers
    from digit_core.training import endless
    from digit_core.training.page_training import TASK

    monkeypatch.setattr(tile_workers, "PATIENCE", 0.5)
    settings = endless.Settings(examples=48, precision="float32")
    with pytest.raises(RuntimeError, match="have died"):
        endless.train(TASK, settings, functools.partial(int, "no seed"), tmp_path)


def test_the_rate_rises_stays_and_falls():
    from digit_core.training.endless import Settings

    settings = Settings(examples=10_000, batch=10, learning_rate=1.0, warm_up=10, decay=0.2)
    assert [settings.rate(done) for done in (0, 40, 5000, 9000, 10_000)] == pytest.approx([0.1, 0.5, 1, 0.5, 0.01])


def test_the_exported_network_answers_as_the_trained_one(tmp_path: Path):
    from digit_core.training import page_architecture, page_export

    model = page_architecture.build()
    content = page_export.to_litert(model)
    assert len(content) < 1_000_000
    inputs, _ = pages(1).batch(1)
    page = np.pad(inputs[0, ..., 0].astype(np.float32), ((0, 16), (0, 48)))
    ours, theirs = PageNetwork(content).run(page), np.asarray(model(page[np.newaxis, ..., np.newaxis], training=False))
    assert ours.shape == theirs.shape[1:] == (44, 52, CHANNELS)
    np.testing.assert_allclose(ours, theirs[0], atol=0.1)


def test_the_loss_of_a_line_is_the_surprise_at_its_marks():
    from digit_core.training.line_training import line_losses

    logits = np.full((2, 3, 12), -30.0, np.float32)
    logits[:, [0, 1, 2], [NOTHING, 5, NOTHING]] = 0
    logits[1, 1, 7] = 0  # as likely as the 5
    [loss], likelihood = line_losses(logits, np.array([[5, -1], [5, -1]], np.int32))
    assert float(loss) == pytest.approx(np.log(2) / 2, abs=1e-3)
    assert float(likelihood) == pytest.approx((1 + 0.5) / 2, abs=1e-3)


def test_a_network_learns_stops_goes_on_and_its_export_answers_as_it_does(tmp_path, monkeypatch):
    from digit_core.models.line_format import HEIGHT
    from digit_core.models.litert import Interpreters
    from digit_core.training import endless, page_export
    from digit_core.training.line_training import TASK

    losses = []
    monkeypatch.setattr(endless, "REPORT_EVERY", 10)
    settings = endless.Settings(examples=240, batch=8, warm_up=20, learning_rate=3e-3, precision="float32")
    endless.train(TASK, settings, lines, tmp_path, should_stop=iter([False] * 5 + [True] * 9).__next__)
    with np.load(tmp_path / "checkpoint.npz") as arrays:
        assert arrays["examples"] == 40
        before = arrays["weights_0"]
    model, examples = endless.train(
        TASK, settings, lines, tmp_path, on_event=lambda event: losses.append(event.losses["line"])
    )
    assert examples == 240
    with np.load(tmp_path / "checkpoint.npz") as arrays:
        assert arrays["examples"] == 240
        assert not np.array_equal(before, arrays["weights_0"])
        np.testing.assert_array_equal(arrays["ema_0"], model.variables[0])
    assert losses[-1] < losses[0] / 1.5
    inputs, _ = lines(3).batch(4)
    assert inputs.shape[1] == HEIGHT
    [ours] = Interpreters(page_export.to_litert(model)).run(inputs[:1])
    theirs = np.asarray(model(inputs[:1], training=False))
    np.testing.assert_allclose(_shares(ours), _shares(theirs), atol=0.05)  # 8-bit weights


def _shares(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


def found_marks(litert: bytes, seed: int) -> MarkExamples:
    return MarkExamples(pages(seed), PageReader(PageNetwork(litert, threads=1)), seed, first=150)


def test_the_mark_network_learns_from_what_the_page_network_finds(tmp_path, monkeypatch):
    from digit_core.reading.mark_network import MarkNetwork
    from digit_core.training import endless, page_export
    from digit_core.training.mark_training import TASK

    supply = functools.partial(found_marks, page_model.find().litert_bytes())
    accuracies = []
    monkeypatch.setattr(endless, "REPORT_EVERY", 50)
    settings = endless.Settings(examples=2 * 800, batch=16, warm_up=20, precision="float32")
    model, _ = endless.train(TASK, settings, supply, tmp_path, on_event=lambda event: accuracies.append(event.accuracy))
    assert accuracies[0] < accuracies[1]
    assert accuracies[1] > 0.6
    inputs, labels = supply(2).batch(70)
    assert inputs.shape == (70, SIDE, SIDE, 2)
    assert 10 in labels
    assert len(set(labels)) > 3
    look = MarkNetwork(page_export.to_litert(model))
    ours = look(np.round(255 * inputs).astype(np.uint8))
    theirs = np.exp(np.asarray(model(inputs, training=False)))
    np.testing.assert_allclose(ours, theirs / theirs.sum(1, keepdims=True), atol=0.1)  # 8-bit weights


def test_the_command_says_when_a_network_has_learnt_too_little(tmp_path, monkeypatch, capsys):
    from digit_core.cli import main, train_page

    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    for what in ("PAGES", "SHEETS", "DRAWINGS", "LINES"):
        monkeypatch.setattr(train_page, f"VALIDATION_{what}", 2)
    command = ["train-page", "--data", "builtin", "--tiles", "0", "--marks", "96", "--lines", "64"]
    assert main.main([*command, "--only", "page"]) == 1
    assert "needs more training" in capsys.readouterr().err
    assert not (tmp_path / "page").exists()
    assert (tmp_path / "checkpoints" / "page" / "checkpoint.npz").exists()
    assert main.main([*command, "--go-on"]) == 2


def test_strokes_that_cannot_be_read_are_named_and_leave_no_training(tmp_path, monkeypatch, capsys):
    from digit_core.cli import main

    monkeypatch.setenv("DIGIT_HOME", str(tmp_path))
    command = ["train-page", "--data", "builtin", "--strokes", str(tmp_path / "none.jsonl"), "--tiles", "24"]
    for more in ([], ["--calibrate"]):
        assert main.main([*command, *more]) == 1
        assert "none.jsonl cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "checkpoints").exists()


def test_the_command_overwrites_nothing_else(tmp_path, monkeypatch, capsys):
    from digit_core.cli import main

    monkeypatch.setenv("DIGIT_HOME", str(tmp_path / "home"))
    (tmp_path / "mine.txt").write_text("precious")
    assert main.main(["train-page", "--tiles", "24", "--into", str(tmp_path)]) == 1
    assert "something else" in capsys.readouterr().err
