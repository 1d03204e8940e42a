"""The arrows of the design: who may import whom, read from the sources."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = sorted((ROOT / "digit_core").glob("*.py"))
TRAINING_ONLY = {
    "line_training",
    "run_board",
    "architectures",
    "distribution",
    "training",
    "trust",
}  # they load TensorFlow
KNOW_NO_MODEL = {"images", "normalization", "segmentation", "cutting", "counterexamples", "evaluation", "charts"}
MODEL_MODULES = {"recognition", "model_store", "training", "architectures"}


def imports(path: Path, top_level_only: bool = False) -> set[str]:
    """Dotted names of all modules that a file imports; `from a import b` counts as a and a.b."""
    tree = ast.parse(path.read_text())
    nodes = ast.walk(tree)
    if top_level_only:
        nodes = [n for n in tree.body if not (isinstance(n, ast.If) and "TYPE_CHECKING" in ast.dump(n.test))]
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def roots(path: Path, **options) -> set[str]:
    return {name.split(".")[0] for name in imports(path, **options)}


def test_the_check_sees_imports_in_every_form(tmp_path):
    file = tmp_path / "x.py"
    file.write_text("import a.b\nfrom c import d\ndef f():\n    import e\n")
    assert imports(file) == {"a.b", "c", "c.d", "e"}
    assert roots(file, top_level_only=True) == {"a", "c"}


@pytest.mark.parametrize("path", CORE, ids=lambda p: p.stem)
def test_the_core_knows_no_screen(path):
    assert not roots(path) & {"streamlit", "streamlit_drawable_canvas", "ui", "pages", "streamlit_app"}


@pytest.mark.parametrize("path", sorted((ROOT / "ui").glob("*.py")), ids=lambda p: p.stem)
def test_the_ui_knows_no_page(path):
    assert not roots(path) & {"pages", "streamlit_app"}


@pytest.mark.parametrize("path", sorted((ROOT / "pages").glob("*.py")), ids=lambda p: p.stem)
def test_pages_know_no_other_page(path):
    assert not roots(path) & {"pages", "streamlit_app"}


@pytest.mark.parametrize("name", sorted(KNOW_NO_MODEL))
def test_these_modules_know_no_model(name):
    names = imports(ROOT / "digit_core" / f"{name}.py")
    assert not {n.rsplit(".", 1)[-1] for n in names if n.startswith("digit_core")} & MODEL_MODULES
    assert not {n.split(".")[0] for n in names} & {"tensorflow", "keras", "ai_edge_litert"}


@pytest.mark.parametrize(
    "path",
    [p for p in [*CORE, *(ROOT / "ui").glob("*.py"), *(ROOT / "pages").glob("*.py")] if p.stem not in TRAINING_ONLY],
    ids=lambda p: p.stem,
)
def test_what_the_app_loads_never_loads_tensorflow(path):
    assert not roots(path, top_level_only=True) & {"tensorflow", "keras"}
    loaded = {n.rsplit(".", 1)[-1] for n in imports(path, top_level_only=True) if n.startswith("digit_core")}
    assert not loaded & TRAINING_ONLY


def test_recognition_has_no_tensorflow_at_all():
    assert not roots(ROOT / "digit_core" / "recognition.py") & {"tensorflow", "keras"}


@pytest.mark.parametrize("path", sorted((ROOT / "pages").glob("*.py")), ids=lambda p: p.stem)
def test_pages_are_thin(path):
    assert len(path.read_text().splitlines()) <= 130
