import json

import cv2
import numpy as np
import pytest

from digit_core.data import datasets
from digit_core.data.datasets import DatasetError, Split


@pytest.fixture(scope="module")
def builtin():
    return datasets.load("builtin")


def _all_parts(dataset):
    return {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}


@pytest.mark.slow
def test_builtin_digits_are_scikit_learns(builtin):
    from sklearn.datasets import load_digits

    bunch = load_digits()
    some = datasets._from_8x8(bunch.images[700])
    parts = _all_parts(builtin).values()
    assert sum(map(len, parts)) == len(bunch.target)
    assert np.array_equal(sum(np.bincount(part.labels, minlength=10) for part in parts), np.bincount(bunch.target))
    assert any((part.images == some).all((1, 2)).any() for part in parts)


def test_without_scikit_learns_file_the_builtin_digits_are_missed_in_words(monkeypatch):
    monkeypatch.setattr(datasets.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DatasetError, match="not in this installation"):
        datasets.load("builtin")


def test_builtin_digits_have_mnists_form(builtin):
    for split in _all_parts(builtin).values():
        assert split.images.dtype == split.labels.dtype == np.uint8
        assert split.images.shape == (len(split), 28, 28)
        assert set(split.labels) == set(range(10))
    longest = [max(cv2.boundingRect((image > 60).astype(np.uint8))[2:]) for image in builtin.train.images]
    assert np.mean(np.isin(longest, (19, 20))) > 0.95


def test_parts_share_no_picture_and_leave_none_out(builtin):
    seen = [image.tobytes() for split in _all_parts(builtin).values() for image in split.images]
    assert len(seen) == 1797
    assert len(set(seen)) == 1797


def test_validation_is_stratified_and_the_same_every_time():
    labels = np.repeat(np.arange(10, dtype=np.uint8), [600, 660, 540, 600, 600, 480, 600, 660, 600, 600])
    split = Split(np.arange(len(labels), dtype=np.uint32).view(np.uint8).reshape(-1, 2, 2), labels)
    rest, taken = datasets._split(split, 1 / 12)
    assert np.bincount(taken.labels).tolist() == [50, 55, 45, 50, 50, 40, 50, 55, 50, 50]
    assert len(rest) + len(taken) == len(split)
    assert datasets._split(split, 1 / 12)[1].digest() == taken.digest()


def test_a_digest_tells_data_apart(builtin):
    changed = Split(builtin.test.images, np.roll(builtin.test.labels, 1))
    assert changed.digest() != builtin.test.digest()


def test_mnist_is_split_out_of_the_training_part(mnist):
    assert [len(split) for split in _all_parts(mnist).values()] == [
        54_999,
        5_001,
        10_000,
    ]  # validation: a twelfth of each digit, rounded


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(DatasetError, match="mnist, builtin"):
        datasets.load("emnist")


def test_own_files_are_split_and_keep_their_test_part(tmp_path, builtin):
    np.savez(tmp_path / "own.npz", x_train=builtin.train.images, y_train=builtin.train.labels)
    own = datasets.load(str(tmp_path / "own.npz"))
    assert len(own.train) + len(own.validation) + len(own.test) == len(builtin.train)
    test = {"x_test": builtin.test.images, "y_test": builtin.test.labels}
    np.savez(tmp_path / "own.npz", x_train=builtin.train.images, y_train=builtin.train.labels, **test)
    assert datasets.load(str(tmp_path / "own.npz")).test.digest() == builtin.test.digest()


def test_no_writer_stands_in_two_parts():
    writers = np.array([f"w{i % 40}" for i in range(400)])
    images = np.zeros((400, 28, 28), np.uint8)
    images[:, 0, 0] = np.arange(400) % 40  # the first pixel identifies the writer
    digits = datasets.Digits(images, np.zeros(400, np.uint8), writers)
    parts = [set(split.images[:, 0, 0]) for split in datasets._split_by_writer(digits)]
    assert sum(map(len, parts)) == 40
    assert set.union(*parts) == set(range(40))
    assert all(parts)


def test_too_few_or_malformed_digits_are_a_sentence(tmp_path):
    np.savez(tmp_path / "few.npz", x=np.zeros((2, 28, 28), np.uint8), y=np.array([1, 2]))
    with pytest.raises(DatasetError, match="too few"):
        datasets.load(str(tmp_path / "few.npz"))
    (tmp_path / "bad.csv").write_text("1,2,3")
    with pytest.raises(DatasetError, match="row 1"):
        datasets.load(str(tmp_path / "bad.csv"))


def test_joined_data_train_together_and_the_first_one_tests(tmp_path):
    own = np.zeros((100, 28, 28), np.uint8)
    own[:, 5:20, 10:14] = 255
    labels = np.tile(np.arange(10), 10)
    np.savez(tmp_path / "own.npz", x_train=own, y_train=labels, x_test=own, y_test=labels)
    builtin, mine = datasets.load("builtin"), datasets.load(str(tmp_path / "own.npz"))
    both = datasets.load(f"builtin+3*{tmp_path / 'own.npz'}")
    assert both.name == "builtin+3*own.npz"
    assert len(both.train) == len(builtin.train) + 3 * len(mine.train)
    assert len(both.validation) == len(builtin.validation) + len(mine.validation)
    assert both.test.digest() == builtin.test.digest()
    assert both.sources == builtin.sources
    with pytest.raises(DatasetError, match="no data set and no file called 'nothing'"):
        datasets.load("builtin+nothing")
    for wrong in ("1000000000*builtin", "99*99*builtin", "0*builtin", "*builtin", "9" * 5000 + "*builtin"):
        with pytest.raises(DatasetError, match="no data set"):
            datasets.load(wrong)


def _strokes(path, writers):
    rows = [
        {"label": n % 10, "strokes": [[[0, 0], [n % 7, 9], [9, n % 5]]], "writer": writers[n % len(writers)]}
        for n in range(200)
    ]
    path.write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    return str(path)


@pytest.mark.parametrize("writers", [["me"], [None], ["me", "you"]])
def test_the_hand_of_one_is_enough_to_train_on(tmp_path, writers):
    dataset = datasets.load(_strokes(tmp_path / "own.jsonl", writers))
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [160, 20, 20]


def test_a_file_of_one_part_is_tested_on_as_a_whole_unless_the_model_has_learnt_from_it(tmp_path):
    path = _strokes(tmp_path / "own.jsonl", ["me"])
    assert len(datasets.load_test(path)[1]) == 200
    assert len(datasets.load_test(path, trained_on=("another's",))[1]) == 200
    assert len(datasets.load_test(path, trained_on=(datasets.load(path).train.digest(),))[1]) == 20


def _own(folder, count: int = 600) -> str:
    """A file of built-in digits without a test part."""
    digits = datasets.load("builtin").train
    shifted = np.roll(digits.images[:count], 1, 2)  # found in no other data set
    np.savez(folder / "own.npz", x_train=shifted, y_train=digits.labels[:count])
    return str(folder / "own.npz")


@pytest.mark.parametrize("trained_on", ["{}", "builtin+{}", "3*{}", "2*{}+builtin"])
def test_digits_that_a_model_has_seen_do_not_test_it(tmp_path, trained_on):
    path = _own(tmp_path)
    dataset = datasets.load(trained_on.format(path), validation_share=0.2)
    _, test = datasets.load_test(path, trained_on=dataset.files)
    assert 50 < len(test) < 70
    known = {image.tobytes() for image in dataset.train.images} | {i.tobytes() for i in dataset.validation.images}
    assert not known & {image.tobytes() for image in test.images}
    assert datasets.load("builtin").files == ()


def test_a_plus_in_a_path_is_no_second_data_set(tmp_path):
    folder = tmp_path / "a+b"
    folder.mkdir()
    path = _own(folder)
    assert datasets.parts_of(f"builtin+2*{path}+mnist") == ["builtin", f"2*{path}", "mnist"]
    once, twice = datasets.load(path), datasets.load(f"2*{path}")
    assert len(twice.train) == 2 * len(once.train)
    assert len(datasets.load(f"builtin+{path}").train) == len(datasets.load("builtin").train) + len(once.train)


def test_no_part_of_any_data_set_may_be_empty():
    with pytest.raises(DatasetError, match="none is left for the validation part"):
        datasets.load("builtin", validation_share=0.003)


def test_test_digits_alone_can_be_evaluated_and_not_trained_on(tmp_path):
    images, labels = np.full((20, 28, 28), 9, np.uint8), np.arange(20, dtype=np.uint8) % 10
    np.savez(tmp_path / "own.npz", x_test=images, y_test=labels)
    name, test = datasets.load_test(str(tmp_path / "own.npz"))
    assert name == "own.npz"
    np.testing.assert_array_equal(test.labels, labels)
    with pytest.raises(DatasetError, match="no training part"):
        datasets.load(str(tmp_path / "own.npz"))
