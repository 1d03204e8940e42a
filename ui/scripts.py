"""The scripts of our own components, each with what they share before it."""

from pathlib import Path

FOLDER = Path(__file__).parent


def text(name: str) -> str:
    """The script of that name in this folder."""
    return "\n".join((FOLDER / file).read_text(encoding="utf-8") for file in ("layers.js", name))
