"""Users' own data in every supported format; errors name the file and row."""

import gzip
import io
import json
import struct
import zipfile

import cv2
import numpy as np
import pictures
import pytest
from drawing import DIGITS, draw, placed

from digit_core.data import datasets, file_formats, picture_folders
from digit_core.data.file_formats import DigitFileError

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 28, 28), np.uint8)
LABELS = (np.arange(12) % 10).astype(np.uint8)


def _idx(array, kind=0x08):
    return struct.pack(f">4B{array.ndim}I", 0, 0, kind, array.ndim, *array.shape) + array.tobytes()


def _is_ours(digits, images=IMAGES, labels=LABELS):
    return np.array_equal(digits.images, images) and np.array_equal(digits.labels, labels)


@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_come_in_parts(tmp_path, packed):
    pack, gz = (gzip.compress, ".gz") if packed else (bytes, "")
    for part, count in (("train", 12), ("t10k", 5)):
        (tmp_path / f"{part}-images-idx3-ubyte{gz}").write_bytes(pack(_idx(IMAGES[:count])))
        (tmp_path / f"{part}-labels-idx1-ubyte{gz}").write_bytes(pack(_idx(LABELS[:count])))
    parts = file_formats.read(tmp_path)
    assert _is_ours(parts["train"])
    assert _is_ours(parts["test"], IMAGES[:5], LABELS[:5])
    assert _is_ours(file_formats.read(tmp_path / f"train-images-idx3-ubyte{gz}")["train"])


def test_emnists_pictures_are_turned_back(tmp_path):
    (tmp_path / "emnist-digits-train-images-idx3-ubyte").write_bytes(_idx(IMAGES.transpose(0, 2, 1).copy()))
    (tmp_path / "emnist-digits-train-labels-idx1-ubyte").write_bytes(_idx(LABELS))
    assert _is_ours(file_formats.read(tmp_path)["train"])


def test_qmnists_labels_are_the_first_of_eight_numbers(tmp_path):
    facts = np.full((12, 8), 77, ">i4")
    facts[:, 0] = LABELS
    (tmp_path / "qmnist-train-images-idx3-ubyte").write_bytes(_idx(IMAGES))
    (tmp_path / "qmnist-train-labels-idx2-int").write_bytes(_idx(facts, 0x0C))
    assert _is_ours(file_formats.read(tmp_path)["train"])


@pytest.mark.parametrize(
    "arrays",
    [
        {"x_train": IMAGES, "y_train": LABELS},
        {"images": IMAGES.reshape(12, 784), "labels": LABELS.astype(np.int64)},
        {"x": IMAGES[..., None].astype(np.float64) / 255, "y": LABELS[:, None]},
    ],
)
def test_npz_under_its_usual_names(tmp_path, arrays):
    np.savez(tmp_path / "d.npz", **arrays)
    assert _is_ours(file_formats.read(tmp_path / "d.npz")["train"])


def test_npz_may_keep_a_test_part(tmp_path):
    np.savez(tmp_path / "d.npz", x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:3], y_test=LABELS[:3])
    assert _is_ours(file_formats.read(tmp_path / "d.npz")["test"], IMAGES[:3], LABELS[:3])


@pytest.mark.parametrize("heading", ["", "label," + ",".join(f"pixel{i}" for i in range(784)) + "\n"])
def test_csv_with_the_label_first(tmp_path, heading):
    rows = "\n".join(",".join(map(str, [label, *image.ravel()])) for label, image in zip(LABELS, IMAGES, strict=True))
    (tmp_path / "d.csv").write_text(heading + rows)
    assert _is_ours(file_formats.read(tmp_path / "d.csv")["train"])


def test_a_folder_of_pictures_a_class(tmp_path):
    for digit in (3, 8):
        (tmp_path / str(digit)).mkdir()
        cv2.imwrite(str(tmp_path / str(digit) / "a.png"), draw(placed(DIGITS[digit], 60, 80, 200)))
    digits = file_formats.read(tmp_path)["train"]
    assert digits.labels.tolist() == [3, 8]
    assert (digits.images.max((1, 2)) == 255).all()


def test_a_zip_of_folders_is_read_as_the_folders_are(tmp_path):
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        for digit in (3, 8):
            picture = pictures.png(draw(placed(DIGITS[digit], 60, 80, 200)))
            archive.writestr(f"my digits/{digit}/a.png", picture)
            archive.writestr(f"__MACOSX/my digits/{digit}/._a.png", b"no picture")
        archive.writestr("my digits/read me.txt", "hello")
    digits = file_formats.read(tmp_path / "mine.zip")["train"]
    assert digits.labels.tolist() == [3, 8]
    assert (digits.images.max((1, 2)) == 255).all()


def _zip(**files: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("_", "/", 1) + ".png", data)
    return content.getvalue()


def _newer(content: bytes) -> bytes:
    """The same zip, declaring that it needs a zip version that does not exist."""
    place = content.index(b"PK\x01\x02") + 6
    return content[:place] + b"\x63\x00" + content[place + 2 :]


def _read_upload(path):
    file_formats.check_size(path, 100_000_000)
    return file_formats.read(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK nothing", "cannot be unpacked"),
        (_zip(**{"3_\u00e9": b"1"}).replace("\u00e9".encode(), b"\xff\xfe"), "cannot be unpacked"),
        (_newer(_zip(**{"3_a": b"1"})), "cannot be unpacked"),
        (_zip(), "no folders named 0 to 9"),
        (_zip(x_a=b"1"), "no folders named 0 to 9"),
        (_zip(**{"3_a": b"no picture"}), "3/a.png"),
        (_zip(**{"3_a": pictures.png(np.full((40, 40, 3), 255, np.uint8))}), "nothing drawn"),
        (_zip(**{"3_a": bytes(30_000_000)}), "too large"),
        (_zip(**{"3_a": pictures.png(draw(placed(DIGITS[3], 60, 80, 200)))})[:-40], "cannot be unpacked"),
    ],
)
def test_a_zip_that_holds_no_digits_is_named(tmp_path, content, said):
    (tmp_path / "d.zip").write_bytes(content)
    with pytest.raises(DigitFileError, match=said):
        _read_upload(tmp_path / "d.zip")


def test_a_zip_of_huge_pictures_is_refused_before_it_takes_long(tmp_path, monkeypatch):
    monkeypatch.setattr(picture_folders, "MOST_PIXELS", 100_000)
    picture = pictures.png(draw(placed(DIGITS[3], 60, 80, 200)))
    (tmp_path / "d.zip").write_bytes(_zip(**{f"3_{number}": picture for number in range(3)}))
    with pytest.raises(DigitFileError, match="together they have more"):
        file_formats.read(tmp_path / "d.zip")


def test_a_zip_s_size_is_known_before_it_is_unpacked(tmp_path):
    (tmp_path / "d.zip").write_bytes(_zip(**{"3_a": bytes(30_000_000)}))
    with pytest.raises(DigitFileError, match="larger than 20 MB"):
        file_formats.check_size(tmp_path / "d.zip", 20_000_000)


def test_strokes_are_drawn_and_letters_passed_over(tmp_path, recognizer):
    rows = [{"label": d, "writer": f"w{d % 2}", "strokes": strokes} for d, strokes in DIGITS.items()]
    rows.append({"label": -1, "writer": "w0", "strokes": [[[0, 0], [1, 1]]]})
    text = "\n".join(map(json.dumps, rows))
    (tmp_path / "d.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    digits = file_formats.read(tmp_path / "d.jsonl.gz")["train"]
    assert digits.labels.tolist() == list(range(10))
    assert digits.writers.tolist() == ["w0", "w1"] * 5
    assert recognizer.classify(digits.images).argmax(1).tolist() == list(range(10))


GOOD_ROW = "3," + ",".join(["0"] * 784)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.csv", None, "no file"),
        ("odd.xyz", b"1", "no known form"),
        ("a.csv", b"", "no digits"),
        ("a.csv", f"{GOOD_ROW}\n3,1,2".encode(), "row 2: 3 values"),
        ("a.csv", f"{GOOD_ROW}\n{GOOD_ROW.replace('3,', '11,', 1)}".encode(), "row 2: a label"),
        ("a.csv", f"{GOOD_ROW}\n{GOOD_ROW}.5".encode(), "row 2: not all"),
        ("a.csv", f"{GOOD_ROW}\n{GOOD_ROW[:-1]}256".encode(), "row 2: a label"),
        ("a.csv", b"\xff\xfe\x00\x81", "not a text"),
        ("a.csv.gz", b"\x1f\x8b half", "cannot be read"),
        ("a.npz", b"PK nothing", "NPZ"),
        ("a.jsonl", b'{"label": 3, "strokes": [[[0, 0]]]}\nnot json', "row 2: not JSON"),
        ("a.jsonl", b'{"label": 3, "strokes": [[["x", 0]]]}', "row 1: not a label"),
        ("a.jsonl", b'{"label": 3, "strokes": []}', "row 1: not a label"),
        ("a.jsonl", b'{"label": 3, "strokes": [[[1e999, 0]]]}', "row 1: not a label"),
        ("a.jsonl", b"[1]", "row 1: not a label"),
        ("a-images-idx3-ubyte", b"\0\0\x08\x03", "labels of"),
    ],
)
def test_what_is_malformed_is_named(tmp_path, name, content, said):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DigitFileError, match=said) as error:
        file_formats.read(tmp_path / name)
    assert name in str(error.value)


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (b"", "not an IDX"),
        (b"\0\0\x0d\x03" + bytes(12), "not an IDX"),
        (b"\0\0\x08\x03\0\0", "inside its header"),
        (_idx(IMAGES)[:-1], "should hold 9,408"),
        (struct.pack(">4B3I", 0, 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1), "should hold"),
        (struct.pack(">4B3I", 0, 0, 8, 3, 2**32 - 1, 2**32 - 1, 0), "holds nothing"),
        (_idx(IMAGES[:5]), "5 pictures and 12 labels"),
        (_idx(np.zeros((12, 30, 30), np.uint8)), "not 28x28"),
    ],
)
def test_a_malformed_idx_file_is_named(tmp_path, images, said):
    (tmp_path / "a-images-idx3-ubyte").write_bytes(images)
    (tmp_path / "a-labels-idx1-ubyte").write_bytes(_idx(LABELS))
    with pytest.raises(DigitFileError, match=said):
        file_formats.read(tmp_path)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x_train": IMAGES}, "needed"),
        ({"x_train": IMAGES, "y_train": LABELS[:4]}, "12 pictures and 4 labels"),
        ({"x_train": IMAGES, "y_train": LABELS + 5}, "row 6"),
        ({"x_train": IMAGES, "y_train": LABELS / 2}, "whole number"),
        ({"x_train": IMAGES.astype(float), "y_train": LABELS}, "between 0 and 1"),
        ({"x_train": IMAGES.astype(int) - 1, "y_train": LABELS}, "between 0 and 255"),
        ({"x_train": np.array([{}] * 12, object), "y_train": LABELS}, "NPZ"),
    ],
)
def test_malformed_arrays_are_named(tmp_path, arrays, said):
    np.savez(tmp_path / "d.npz", **arrays)
    with pytest.raises(DigitFileError, match=said):
        file_formats.read(tmp_path / "d.npz")


def test_a_picture_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "bad.png").write_bytes(b"nothing")
    with pytest.raises(DigitFileError, match=r"bad\.png"):
        file_formats.read(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", "1," + "0" * 200_000 + "\n"),
        ("x.csv", "1" + ",99999999999999999999999" * 784 + "\n"),
        ("x.jsonl", '{"label": Infinity, "strokes": [[[0, 0]]]}\n'),
        ("x.jsonl", '{"label": 1, "strokes": [[[' + "9" * 400 + ", 0]]]}\n"),
        ("x.jsonl", "[" * 100_000 + "\n"),
    ],
)
def test_texts_that_no_reader_expects_are_named_by_row(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(file_formats.DigitFileError, match="row 1"):
        file_formats.read(tmp_path / name)


@pytest.mark.parametrize(
    ("pictures", "labels"),
    [
        (np.array(3), np.array([1])),
        (np.array([["a"] * 784]), np.array([1])),
        (np.zeros((1, 28, 28), "datetime64[s]"), np.array([1])),
        (np.zeros((1, 28, 28), np.uint8), np.array(["1"])),
        (np.zeros((1, 28, 28), np.uint8), np.array([1.5])),
        (np.zeros((1, 28, 28), np.uint8), np.array([np.nan])),
    ],
)
def test_arrays_that_are_no_digits_are_told(tmp_path, pictures, labels):
    np.savez(tmp_path / "x.npz", x_train=pictures, y_train=labels)
    with pytest.raises(file_formats.DigitFileError):
        file_formats.read(tmp_path / "x.npz")


def test_labels_may_be_decimal_numbers_and_strokes_empty(tmp_path):
    np.savez(tmp_path / "x.npz", x_train=np.zeros((2, 28, 28), np.uint8), y_train=np.array([3.0, 0.0]))
    assert file_formats.read(tmp_path / "x.npz")["train"].labels.tolist() == [3, 0]
    (tmp_path / "x.jsonl").write_text('{"label": 1, "strokes": [[], [[0, 0], [0, 9]]]}\n')
    assert file_formats.read(tmp_path / "x.jsonl")["train"].images.any()


def test_size_is_looked_at_before_a_file_is_read(tmp_path):
    with gzip.open(tmp_path / "x.csv.gz", "wt") as file:
        file.write("1\n" * 5000)
    file_formats.check_size(tmp_path / "x.csv.gz", 10_000, 5000)
    with pytest.raises(file_formats.DigitFileError, match="4,999 rows"):
        file_formats.check_size(tmp_path / "x.csv.gz", 10_000, 4999)
    with pytest.raises(file_formats.DigitFileError, match="unpacked"):
        file_formats.check_size(tmp_path / "x.csv.gz", 9000, 5000)
    np.savez_compressed(tmp_path / "x.npz", x=np.zeros(100_000, np.uint8))
    with pytest.raises(file_formats.DigitFileError, match="unpacked"):
        file_formats.check_size(tmp_path / "x.npz", 50_000, 1)
    (tmp_path / "x.npz").rename(tmp_path / "X.NPZ")
    with pytest.raises(file_formats.DigitFileError, match="unpacked"):
        file_formats.check_size(tmp_path / "X.NPZ", 50_000, 1)
    (tmp_path / "y.npz").write_text("no archive")
    with pytest.raises(file_formats.DigitFileError, match="cannot be unpacked"):
        file_formats.check_size(tmp_path / "y.npz", 50_000, 1)


@pytest.mark.parametrize(
    "row",
    [
        {"label": 3, "strokes": [[[0, 0, 17], [5, 9, 18]]]},  # points with timestamps
        {"label": 3, "strokes": [[1, 2, 3, 4]]},
        {"label": 3.7, "strokes": [[[0, 0], [5, 9]]]},
        {"label": True, "strokes": [[[0, 0], [5, 9]]]},
    ],
)
def test_strokes_in_another_form_are_named_and_not_guessed(tmp_path, row):
    (tmp_path / "own.jsonl").write_text("\n" + json.dumps(row))
    with pytest.raises(DigitFileError, match="row 2"):
        file_formats.read(tmp_path / "own.jsonl")


def test_letters_among_strokes_are_passed_over(tmp_path):
    rows = [{"label": label, "strokes": [[[0, 0], [5, 9]]]} for label in ("A", "7", 7)]
    (tmp_path / "own.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert file_formats.read(tmp_path / "own.jsonl")["train"].labels.tolist() == [7, 7]


def test_idx_names_may_be_in_capitals(tmp_path):
    (tmp_path / "Train-Images-idx3-ubyte").write_bytes(_idx(IMAGES))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(_idx(LABELS))
    assert _is_ours(file_formats.read(tmp_path)["train"])


def test_two_training_parts_in_a_folder_are_named(tmp_path):
    for stem in ("emnist-digits-train", "emnist-mnist-train"):
        (tmp_path / f"{stem}-images-idx3-ubyte").write_bytes(_idx(IMAGES))
        (tmp_path / f"{stem}-labels-idx1-ubyte").write_bytes(_idx(LABELS))
    with pytest.raises(DigitFileError, match="more than one train part"):
        file_formats.read(tmp_path)


def test_a_first_row_with_a_bad_label_is_no_heading(tmp_path):
    (tmp_path / "own.csv").write_text("x" + ",0" * 784 + "\n")
    with pytest.raises(DigitFileError, match="row 1"):
        file_formats.read(tmp_path / "own.csv")


def test_a_very_long_name_of_a_writer_is_refused_and_costs_nothing(tmp_path):
    rows = [{"label": 1, "strokes": [[[0, 0], [0, 1]]], "writer": "x" * 1_000_000}]
    rows += [{"label": 1, "strokes": [[[0, 0], [0, 1]]], "writer": "b"}] * 1000
    with gzip.open(tmp_path / "long.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    with pytest.raises(DigitFileError, match="row 1: a writer's name has at most 100"):
        file_formats.read(tmp_path / "long.jsonl.gz")


def test_a_drawing_of_very_many_points_is_refused(tmp_path):
    row = {"label": 1, "strokes": [[[0, i] for i in range(20_001)]]}
    (tmp_path / "many.jsonl").write_text(json.dumps(row))
    with pytest.raises(DigitFileError, match="row 1"):
        file_formats.read(tmp_path / "many.jsonl")


@pytest.mark.parametrize("separator", ["\r", "\u2028", "\x85", "\x0b"])
def test_rows_end_at_line_feeds_alone(tmp_path, separator):
    row = json.dumps({"label": 1, "strokes": [[[0, 0], [0, 1]]]})
    (tmp_path / "rows.jsonl").write_text(separator.join([row] * 3), encoding="utf-8", newline="")
    file_formats.check_size(tmp_path / "rows.jsonl", 10_000, 1)
    with pytest.raises(DigitFileError, match="row 1: not JSON"):
        file_formats.read(tmp_path / "rows.jsonl")


def test_rows_may_end_as_on_windows(tmp_path):
    row = json.dumps({"label": 1, "strokes": [[[0, 0], [0, 1]]]})
    (tmp_path / "rows.jsonl").write_text(f"{row}\r\n{row}\r\n", newline="")
    assert len(file_formats.read(tmp_path / "rows.jsonl")["train"].labels) == 2


def test_a_lone_surrogate_in_a_name_is_a_name_like_others(tmp_path):
    row = '{"label": 1, "strokes": [[[0, 0], [0, 1]]], "writer": "\\ud800"}\n'
    (tmp_path / "odd.jsonl").write_text(row * 20)
    assert len(datasets.load(str(tmp_path / "odd.jsonl")).train)
    assert datasets.part_of("\ud800") in ("train", "validation", "test")


def test_an_npz_that_unpacks_to_too_much_is_refused_before_it_is_read(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "bomb.npz", images=np.zeros((500, 28, 28), np.uint8), labels=np.zeros(500, np.uint8))
    monkeypatch.setattr(file_formats, "MOST_BYTES", 100_000)
    monkeypatch.setattr(np, "load", None)  # fails if called
    with pytest.raises(DigitFileError, match="larger than"):
        file_formats.read(tmp_path / "bomb.npz")


def test_an_idx_file_of_255_dimensions_is_refused(tmp_path):
    (tmp_path / "x-images-idx3-ubyte").write_bytes(b"\0\0\x08\xff" + b"\0\0\0\1" * 255 + b"\7")
    (tmp_path / "x-labels-idx1-ubyte").write_bytes(b"\0\0\x08\1\0\0\0\1\7")
    with pytest.raises(DigitFileError, match="not an IDX file"):
        file_formats.read(tmp_path / "x-images-idx3-ubyte")


@pytest.mark.parametrize("name", ["long.jsonl", "long.csv"])
def test_a_row_has_a_length(tmp_path, monkeypatch, name):
    monkeypatch.setattr(file_formats, "LONGEST_ROW", 5000)
    row = json.dumps({"label": 1, "strokes": [[[0, 0], [1, 1]]]}) if "json" in name else ",".join(["1"] * 785)
    path = tmp_path / name
    path.write_text(f"{row}\n" * 3)
    assert len(file_formats.read(path)["train"].labels) == 3
    path.write_text(f"{row}\n{row[:-1]}{' ' * 5000}{row[-1]}\n")
    with pytest.raises(DigitFileError, match="row 2: a row has at most 5,000 characters"):
        file_formats.read(path)
