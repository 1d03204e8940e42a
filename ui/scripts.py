"""The scripts of our own components."""

from pathlib import Path

FOLDER = Path(__file__).parent


def alone(name: str) -> str:
    """The script of that name in this folder."""
    return (FOLDER / name).read_text(encoding="utf-8")


def text(name: str) -> str:
    """The same, with what several of them share before it."""
    return "\n".join((FOLDER / file).read_text(encoding="utf-8") for file in ("layers.js", name))
