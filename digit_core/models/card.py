"""A model's card, `card.json`: what the program wrote when it made the model. Checked as it is read."""

import datetime
import hashlib
import json
import platform
from pathlib import Path
from typing import Any

import numpy as np

from digit_core import paths, records

CARD = "card.json"
FILES = ("model.keras", "model.tflite")  # of a model; one that was brought may have the latter alone


def read(folder: Path) -> dict[str, Any]:
    """The card in a folder.

    Raises:
        OSError: it cannot be read.
        ValueError, KeyError, TypeError, AttributeError: something that the program relies on is missing or of another
            type.
    """
    card = records.read_json(folder / CARD)
    _check(card)
    return card


def write(card: dict[str, Any], folder: Path) -> None:
    """Write the card atomically."""
    with paths.replacing_file(folder / "card.json") as file:
        file.write((json.dumps(card, indent=2) + "\n").encode())


def write_new(folder: Path, name: str, about: dict[str, Any]) -> None:
    """Write the card of a model whose files lie in the folder."""
    created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    files = {file.name: fingerprint(file.read_bytes()) for file in sorted(folder.iterdir())}
    write({"name": name, "created": created, **about, "files": files}, folder)


def _check(card: dict) -> None:
    """Access all that the program relies on; a missing value or a wrong type raises an error."""
    if not {"model.tflite"} <= set(card["files"]) <= set(FILES):
        raise ValueError("a LiteRT file is needed")
    for file in card["files"].values():
        records.number(file["bytes"])
        bytes.fromhex(file["sha256"])
    bytes.fromhex(card["data"].get("train", {}).get("sha256", ""))
    for digest in card["data"].get("files", ()):
        bytes.fromhex(digest)
    for value in (card["settings"]["architecture"], card["created"], card["data"]["name"], card["name"]):
        records.text(value)
    datetime.datetime.fromisoformat(card["created"])
    records.number(card["parameters"])
    for value in (card["metrics"]["test_accuracy"], *card["metrics"].values()):
        records.number(value)
    for values in card.get("training", {}).get("history", {}).values():
        for value in values:
            records.number(value)
    for name in ("title", "owner"):
        records.text(card.get(name, ""))
    if "taught" in card:
        for value in (card["taught"]["from"], card["taught"].get("origin", ""), card["taught"]["base"]):
            records.text(value)
        for name in ("kept_apart", "corrections", "own_before", "own_after", "base_before", "base_after"):
            records.number(card["taught"][name])
    if "explanations" in card:
        for own in card["explanations"]["maps"].values():
            for value in own.values():
                records.number(value or 0)
    if "brought" in card:
        records.text(card["brought"]["measured_on"])
        records.text(card["brought"]["form"])


def fingerprint(content: bytes) -> dict[str, Any]:
    """A card's entry for a file."""
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def versions() -> dict[str, str]:
    from digit_core.frameworks import keras, tf

    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
    }
