"""Where things lie on disk: what the program writes, what it may find, what it ships.

Read from the environment at every call, so that tests and servers can point
elsewhere without reloading anything.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
SHIPPED_MODELS = PROJECT / "models"


def home() -> Path:
    """Folder for everything the program writes: `$DIGIT_HOME`, by default `.inkling/`."""
    return Path(os.path.expanduser(os.environ.get("DIGIT_HOME") or PROJECT / ".inkling"))


def data_dir() -> Path | None:
    """Folder in which data sets may already lie (`$DIGIT_DATA_DIR`), or None if unset."""
    folder = os.environ.get("DIGIT_DATA_DIR")
    return Path(os.path.expanduser(folder)) if folder else None


@contextlib.contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """Give an empty folder to fill; when the block ends well it takes `target`'s place.

    A crash inside the block leaves `target` as it was: nobody ever sees half a folder.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    scratch.chmod(0o755)  # mkdtemp makes it private, which would hide a shipped model
    try:
        yield scratch
        _swap(scratch, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _swap(new: Path, target: Path) -> None:
    """Put folder `new` in `target`'s place; `new` holds what stood there before, if anything."""
    if target.exists():
        old = new.with_name(new.name + "-old")
        target.rename(old)
        new.rename(target)
        shutil.rmtree(old)
    else:
        new.rename(target)
