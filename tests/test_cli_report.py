"""The `report` command: its sections, as HTML and as PDF."""

import re

import numpy as np
import pytest

from digit_core.cli import main as cli
from digit_core.evaluation import documents
from digit_core.evaluation.documents import Chart, Heading, Paragraph, Pictures, Table
from digit_core.models import store

SECTIONS = [
    "The data", "The network", "The training", "What it reaches", "Which digit was read as which", "Per digit",
    "When it says 90 %, are nine in ten right?", "Misread digits", "Why it answered so", "To repeat it",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("DIGIT_HOME", str(tmp_path / "home"))


def test_a_report_as_html(tmp_path):
    assert cli.main(["report", "--model", "lenet5", "--data", "builtin", "--out", str(tmp_path / "r.html")]) == 0
    text = (tmp_path / "r.html").read_text()
    headings = re.findall("<h2>([^<]*)</h2>", text)
    assert [found for found, expected in zip(headings, SECTIONS, strict=True) if not found.startswith(expected)] == []
    assert "61,706 parameters" in text
    assert "http" not in re.sub(r'xmlns="[^"]*"', "", text)  # self-contained


def test_a_report_shows_how_the_training_went(tmp_path):
    history = {"loss": [0.9, 0.4, 0.2], "validation_accuracy": [0.8, 0.9, 0.95]}
    mine = store.copy(store.find("lenet5"), "mine", training={"epochs": 3, "history": history})
    for name, text in (("r.html", "loss by epoch: 0.9, 0.4, 0.2"), ("r.pdf", None)):
        out = tmp_path / name
        assert cli.main(["report", "--model", mine.name, "--data", "builtin", "--out", str(out)]) == 0
        assert text is None or text in out.read_text()
    assert "validation accuracy by epoch" in (tmp_path / "r.html").read_text()
    assert "history" not in re.sub("<svg.*?</svg>", "", (tmp_path / "r.html").read_text())


def test_a_report_as_pdf(tmp_path):
    assert cli.main(["report", "--model", "simple_cnn", "--data", "builtin", "--out", str(tmp_path / "r.pdf")]) == 0
    content = (tmp_path / "r.pdf").read_bytes()
    assert content.startswith(b"%PDF-")
    assert content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") >= 3
    assert b"/Subtype /Image" in content


@pytest.mark.parametrize(("out", "status"), [("r.doc", 2), ("missing/r.html", 1)])
def test_files_that_cannot_be_are_told(tmp_path, out, status, capsys):
    assert cli.main(["report", "--model", "lenet5", "--data", "builtin", "--out", str(tmp_path / out)]) == status
    assert out in capsys.readouterr().err


def test_texts_from_outside_are_texts():
    hostile = "<script>alert(1)</script> “7” → ☃"
    pictures = Pictures([np.zeros((28, 28), np.uint8)] * 9, [hostile + "\nb"] * 9)
    chart = Chart('<svg viewBox="0 0 1 1"></svg>')
    blocks = [Heading(hostile), Paragraph(hostile), Table([[hostile]], [hostile]), chart, pictures]
    assert "<script" not in documents.to_html(hostile, blocks)
    assert documents.to_pdf(hostile, blocks).startswith(b"%PDF-")
