"""A model's folder: `model.keras`, `model.tflite` and `card.json`, and where such folders lie.

Shipped models are in the project's `models/`, a user's own in `$DIGIT_HOME/models/`; shipped names are reserved.
Callers pass names, not paths, and a file is used only if its hash is in its card. Only `save` needs TensorFlow.
"""

import hashlib
import logging
import os
import re
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from digit_core import paths, records
from digit_core.models import card as cards
from digit_core.models import export

if TYPE_CHECKING:
    from digit_core.frameworks import keras

log = logging.getLogger(__name__)

DEFAULT_MODEL = "inkling"
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")


class ModelError(Exception):
    """A model is not available; the message tells users why."""


@dataclass(frozen=True)
class StoredModel:
    """A model on disk: its name, its folder, and its card as the program wrote it. `title` is its display name, if
    its training was given one; `owner` the visitor who saved it, "" for the host."""

    name: str
    folder: Path
    card: dict[str, Any]

    @property
    def is_default(self) -> bool:
        return self.name == default_name()

    @property
    def is_shipped(self) -> bool:
        return self.folder.parent == paths.SHIPPED_MODELS

    @property
    def title(self) -> str:
        return self.card.get("title", "")

    @property
    def owner(self) -> str:
        return self.card.get("owner", "")

    @property
    def digest(self) -> str:
        """Identifies this network: the digest of its Keras file, or of its LiteRT file if it is the only one."""
        files = self.card["files"]
        return files.get("model.keras", files["model.tflite"])["sha256"]

    @property
    def has_keras(self) -> bool:
        """Whether there is a Keras file beside the LiteRT one; a network that was brought may have none."""
        return "model.keras" in self.card["files"]

    @property
    def trained_on(self) -> tuple[str, ...]:
        """Digests of its training digits and of the files that they are from, where the card tells them."""
        data = self.card["data"]
        return (*data.get("files", ()), *([data["train"]["sha256"]] if "train" in data else ()))

    @property
    def litert_file(self) -> Path:
        return self.folder / "model.tflite"

    def litert_bytes(self) -> bytes:
        """The LiteRT file, checked against the card.

        Raises:
            ModelError: it is missing or not the file that the card speaks of.
        """
        return self._checked("model.tflite")

    def keras_bytes(self) -> bytes:
        """The Keras file, checked the same way."""
        return self._checked("model.keras")

    def load_keras(self) -> "keras.Model":
        """The Keras model, for what LiteRT cannot do; loads TensorFlow.

        Raises:
            ModelError: its file is missing or not the file that the card speaks of.
        """
        from digit_core.frameworks import keras

        self._checked("model.keras")  # only what the program made is loaded: such files can run code
        return keras.models.load_model(self.folder / "model.keras", compile=False)

    def _checked(self, file: str) -> bytes:
        if file not in self.card["files"]:
            raise ModelError(f"The model {self.name!r} is a LiteRT file alone: this needs a Keras file.")
        try:
            content = (self.folder / file).read_bytes()
        except OSError as error:
            raise ModelError(f"The model {self.name!r} cannot be read: {error.strerror}.") from error
        if hashlib.sha256(content).hexdigest() != self.card["files"][file]["sha256"]:
            raise ModelError(f"The model {self.name!r} is damaged: its file is not the one that was saved.")
        return content


def default_name() -> str:
    """Name of the default model: the one that this host has chosen, else the shipped one.

    The choice applies only to the chosen network, by its digest: not to another of that name, nor to a damaged one.
    """
    try:
        name, _, digest = _choice().read_text()[:200].strip().partition(" ")
        folder = _folder(name)
        return name if folder is not None and read(folder).digest == digest else DEFAULT_MODEL
    except (OSError, UnicodeDecodeError, ModelError):
        return DEFAULT_MODEL


def choose_default(name: str) -> None:
    """Make a model the default for everyone on this host.

    Raises:
        ModelError: there is no such model, or the choice cannot be written.
    """
    model = find(name)
    try:
        _choice().parent.mkdir(parents=True, exist_ok=True)
        with paths.replacing_file(_choice()) as file:
            file.write(f"{name} {model.digest}".encode())
    except OSError as error:
        raise ModelError(f"The choice cannot be kept: {error.strerror or error}.") from error


def _choice() -> Path:
    return paths.home() / "default-model.txt"


def find(name: str | None = None) -> StoredModel:
    """The model of that name, the default one for None.

    Raises:
        ModelError: there is none, or its card cannot be read.
    """
    name = default_name() if name is None else name
    paths.recover_folders(paths.home() / "models")
    if (folder := _folder(name)) is not None:
        return read(folder)
    known = ", ".join(model.name for model in list_models()) or "none yet"
    raise ModelError(f"There is no model called {name!r}. Known models: {known}.")


def list_models() -> list[StoredModel]:
    """Every model with a readable card, by name, the default one first."""
    paths.recover_folders(paths.home() / "models")
    found: dict[str, StoredModel] = {}
    for root in _roots():
        for folder in sorted(root.iterdir()) if os.access(root, os.R_OK | os.X_OK) and root.is_dir() else ():
            try:
                if NAME.fullmatch(folder.name) and folder != paths.SHIPPED_PAGE_NETWORK:
                    found.setdefault(folder.name, read(folder))
            except ModelError as error:  # one broken folder hides itself, not the others
                records.warn_once(f"{error} ({error.__cause__!r})")
    default = default_name()
    return sorted(found.values(), key=lambda model: (model.name != default, model.name))


def check_name(name: str) -> None:
    """Raises ModelError if that cannot be a model's name."""
    if not NAME.fullmatch(name):
        raise ModelError(
            f"{name!r} cannot be a model's name: use up to 64 small letters, digits, '-', '_' and '.', "
            "beginning with a letter or digit."
        )


def check_target(name: str, root: Path | None = None) -> Path:
    """Check that `save` can write a model of that name; return its folder.

    Raises:
        ModelError: the name is invalid or taken, or the folder cannot be written.
    """
    check_name(name)
    if root is None and (paths.SHIPPED_MODELS / name).exists():
        raise ModelError(f"{name!r} is the name of a model that comes with Inkling. Please choose another.")
    root = root or paths.home() / "models"
    if os.path.lexists(root / name) and not (root / name / cards.CARD).is_file():
        raise ModelError(f"{root / name} holds something other than a model. Please choose another name or folder.")
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            return root / name
    except OSError as error:
        raise _unwritable(root, error) from error


def check_new(name: str) -> None:
    """Check that `save` can write a model of that name and replaces nothing; raises ModelError as `check_target`."""
    check_name(name)
    if any(os.path.lexists(root / name) for root in _roots()):
        raise ModelError(f"There is already a model called {name!r}. Please choose another name.")
    check_target(name)


def save(
    model: "keras.Model", name: str, about: dict[str, Any], digits: np.ndarray, root: Path | None = None
) -> StoredModel:
    """Write a Keras model, its LiteRT twin and its card as `root/name`, all at once or not at all.

    Args:
        about: what the card says beside name, date, versions and files (`training.describe`).
        digits: uint8 (n, 28, 28), on which the LiteRT file is compared with the Keras model.
        root: `$DIGIT_HOME/models` if None.

    Raises:
        ModelError: the name is not allowed, or the folder cannot be written.
        ExportError: the LiteRT file disagrees with the model.
    """
    folder = check_target(name, root)
    try:
        with paths.replacing_folder(folder) as scratch:
            model.save(scratch / "model.keras")
            verification = export.export(model, "litert", scratch / "model.tflite", digits)
            more = {"exports": {"litert": asdict(verification)}, "versions": cards.versions()}
            cards.write_new(scratch, name, {**about, **more})
    except OSError as error:
        raise _unwritable(folder, error) from error
    return read(folder)


def save_litert(content: bytes, name: str, about: dict[str, Any]) -> StoredModel:
    """Write a LiteRT file that somebody brought, and its card, as `save` does; there is no Keras file then.

    Raises:
        ModelError: the name will not do, or the folder cannot be written.
    """
    folder = check_target(name)
    try:
        with paths.replacing_folder(folder) as scratch:
            (scratch / "model.tflite").write_bytes(content)
            cards.write_new(scratch, name, about)
    except OSError as error:
        raise _unwritable(folder, error) from error
    return read(folder)


def record_export(model: StoredModel, form: str, verification: export.Verification) -> None:
    """Add the verification of an export to the model's card; raises as `record` does."""
    record(model, "exports", {**read(model.folder).card.get("exports", {}), form: asdict(verification)})


def record(model: StoredModel, name: str, what: dict[str, Any]) -> None:
    """Set a field of a model's card; raises ModelError if it cannot be read or written."""
    try:
        cards.write({**read(model.folder).card, name: what}, model.folder)
    except OSError as error:
        raise ModelError(f"The card of {model.name!r} cannot be written: {error.strerror}.") from error


def read(folder: Path) -> StoredModel:
    """The model in a folder, which need not be one of the stored ones: a run's, for example.

    Raises:
        ModelError: its card cannot be read.
    """
    try:
        card = cards.read(folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"The card of the model {folder.name!r} cannot be read.") from error
    return StoredModel(folder.name, folder, card)


def copy(model: StoredModel, name: str, **about: str) -> StoredModel:
    """Copy a model to another name in `$DIGIT_HOME/models`, replacing any model of that name.

    `about`, "title" and "owner", is added to its card.

    Raises:
        ModelError: the name is not allowed, the model is damaged, or the folder cannot be written.
    """
    folder, card = check_target(name), {**model.card, "name": name, **about}
    known = read(folder).card if os.path.isfile(folder / "card.json") else {}
    if all(known.get(key) == card[key] for key in ("files", *about)):  # exports are recorded only on its card
        return read(folder)
    try:
        with paths.replacing_folder(folder) as scratch:
            for file in model.card["files"]:
                (scratch / file).write_bytes(model._checked(file))
            cards.write(card, scratch)
    except OSError as error:
        raise _unwritable(folder, error) from error
    return read(folder)


def rename(model: StoredModel, name: str) -> StoredModel:
    """Give one's own model another name.

    Raises:
        ModelError: it comes with Inkling, the name will not do or is taken, or the folder cannot be written.
    """
    _check_own(model)
    if name == model.name:
        return model
    check_new(name)
    was_default, renamed = model.is_default, copy(model, name, title="")
    if was_default:
        choose_default(name)
    delete(model)
    return renamed


def delete(model: StoredModel) -> None:
    """Remove a user's own model, atomically for all readers.

    Raises:
        ModelError: it comes with Inkling, or its folder cannot be removed.
    """
    _check_own(model)
    try:
        aside = Path(tempfile.mkdtemp(prefix=f".{model.name}-", suffix=".deleted", dir=model.folder.parent))
        model.folder.rename(aside / model.name)
        shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        log.warning("The model in %s cannot be deleted", model.folder, exc_info=error)
        raise ModelError(f"The model cannot be deleted: {error.strerror or 'its folder cannot be used'}.") from error


def _check_own(model: StoredModel) -> None:
    if model.is_shipped or model.folder.parent != paths.home() / "models":
        raise ModelError(f"{model.name!r} comes with Inkling: it cannot be changed.")


def _unwritable(folder: Path, error: OSError) -> ModelError:
    """The error shown to users, perhaps visitors; only the log names the folder."""
    log.warning("No model can be written to %s", folder, exc_info=error)
    return ModelError(f"The model cannot be written: {error.strerror or 'the folder cannot be used'}.")


def _roots() -> tuple[Path, ...]:
    return paths.SHIPPED_MODELS, paths.home() / "models"


def _folder(name: str) -> Path | None:
    """Where the model of that name lies; None where there is none."""
    folders = [root / name for root in _roots()] if NAME.fullmatch(name) else []
    return next((folder for folder in folders if os.path.isfile(folder / "card.json")), None)
