"""The architecture's import rules, checked in the source files."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ORDER = {  # a package may import those with the same or a lower number
    "cli": 9,
    "runs": 8,
    "training": 7,
    "evaluation": 6,
    "explanation": 6,
    "feedback": 6,
    "reading": 5,
    "data": 4,
    "models": 3,
    "pictures": 2,
    "paths": 1,
}
LOADS_TENSORFLOW = {  # on import; the app may load all other modules of the core
    "frameworks",
    "training/adaptation",
    "training/architectures",
    "training/distribution",
    "training/endless",
    "training/guests",
    "training/line_training",
    "training/mark_training",
    "training/page_architecture",
    "training/page_export",
    "training/page_training",
    "training/state",
    "training/training",
    "runs/tensorboard",
}
SCREEN = {"streamlit", "streamlit_drawable_canvas", "ui", "pages", "streamlit_app"}
CORE = sorted((ROOT / "digit_core").rglob("*.py"))
PACKAGED = [path for path in CORE if path.parent.name in ORDER and path.stem != "__init__"]
UI, PAGES = sorted((ROOT / "ui").rglob("*.py")), sorted((ROOT / "pages").glob("*.py"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").as_posix().removeprefix("digit_core/")


def imports(path: Path, top_level_only: bool = False) -> set[str]:
    """Dotted names of all modules imported by a file; `from a import b` counts as a and a.b."""
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
    return {imported.split(".")[0] for imported in imports(path, **options)}


def test_the_check_sees_imports_in_every_form(tmp_path):
    file = tmp_path / "x.py"
    file.write_text("import a.b\nfrom c import d\ndef f():\n    import e\n")
    assert imports(file) == {"a.b", "c", "c.d", "e"}
    assert roots(file, top_level_only=True) == {"a", "c"}


@pytest.mark.parametrize("path", CORE, ids=name)
def test_the_core_knows_no_screen(path):
    assert not roots(path) & SCREEN


@pytest.mark.parametrize("path", PACKAGED, ids=name)
def test_packages_import_downwards_only(path):
    used = {imported.split(".")[1] for imported in imports(path) if imported.startswith("digit_core.")}
    own = ORDER[path.parent.name]
    assert not {package for package in used if ORDER.get(package, 0) > own}


@pytest.mark.parametrize("path", UI, ids=name)
def test_the_ui_knows_no_page(path):
    assert not roots(path) & {"pages", "streamlit_app"}


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_pages_know_no_other_page(path):
    assert not roots(path) & {"pages", "streamlit_app"}


@pytest.mark.parametrize("path", [p for p in CORE if p.parent.name in ("pictures", "data")], ids=name)
def test_pictures_and_data_run_no_model(path):
    assert not roots(path) & {"tensorflow", "keras", "ai_edge_litert"}
    assert "digit_core.frameworks" not in imports(path)


@pytest.mark.parametrize("path", [p for p in CORE if p.parent.name == "reading"], ids=name)
def test_reading_has_no_tensorflow_at_all(path):
    assert not roots(path) & {"tensorflow", "keras"}
    assert "digit_core.frameworks" not in imports(path)


@pytest.mark.parametrize("path", CORE, ids=name)
def test_tensorflow_is_imported_in_one_place(path):
    assert name(path) == "frameworks" or not roots(path) & {"tensorflow", "keras"}


@pytest.mark.parametrize("path", [p for p in [*CORE, *UI, *PAGES] if name(p) not in LOADS_TENSORFLOW], ids=name)
def test_what_the_app_loads_never_loads_tensorflow(path):
    loaded = imports(path, top_level_only=True)
    assert not {imported.split(".")[0] for imported in loaded} & {"tensorflow", "keras"}
    modules = {imported.removeprefix("digit_core.").replace(".", "/") for imported in loaded}
    assert not modules & LOADS_TENSORFLOW


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_pages_are_thin(path):
    assert len(path.read_text().splitlines()) <= 100
