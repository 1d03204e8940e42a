"""The notebook runs from start to end, and the sample images are read as their README says."""

import re
from pathlib import Path

import pytest

from digit_core.pictures import image_files

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "notebooks" / "walkthrough.ipynb"


@pytest.mark.slow
def test_the_notebook_runs(monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("WALKTHROUGH_DATA", "builtin")
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": ROOT}}).execute()
    printed = "\n".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", ()) if "text" in output
    )
    reached = [float(figure) for figure in re.findall(r"validation ([\d.]+)%", printed)]
    assert len(reached) == 3
    assert min(reached) > 85
    assert "same answers after loading: True" in printed
    assert "litert-int8" in printed


@pytest.mark.parametrize(
    "line", re.findall(r"\| `(\w+\.jpg)` \|.*\| ([\d /]+) \|", (ROOT / "sample_images" / "README.md").read_text())
)
def test_sample_images_read_what_their_readme_says(recognizer, line):
    file, text = line
    assert recognizer.read(image_files.read_file(ROOT / "sample_images" / file)).text == text.replace(" ", "")
