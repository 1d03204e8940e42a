"""The JavaScript of our custom components."""

from pathlib import Path

FOLDER = Path(__file__).parent


def alone(name: str) -> str:
    """Return a script from this folder."""
    return (FOLDER / name).read_text(encoding="utf-8")


def text(name: str) -> str:
    """Return a script with the shared `layers.js` prepended."""
    return "\n".join((FOLDER / file).read_text(encoding="utf-8") for file in ("layers.js", name))
