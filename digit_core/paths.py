"""Where things lie on disk: what the program writes, what it may find, what it ships.

Read from the environment at every call, so that tests and servers can point
elsewhere without reloading anything.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

PROJECT = Path(__file__).resolve().parent.parent
SHIPPED_MODELS = PROJECT / "models"
SHIPPED_PAGE_NETWORK = SHIPPED_MODELS / "page"  # no classifier
PARENT = "INKLING_PARENT"  # environment variable: the process id with which one of our commands ends


def home() -> Path:
    """Folder for everything the program writes: `$DIGIT_HOME`, by default `.inkling/`; always absolute."""
    return Path(os.path.expanduser(os.environ.get("DIGIT_HOME") or PROJECT / ".inkling")).absolute()


def data_dir() -> Path | None:
    """Folder in which data sets may already lie (`$DIGIT_DATA_DIR`), absolute, or None if unset."""
    folder = os.environ.get("DIGIT_DATA_DIR")
    return Path(os.path.expanduser(folder)).absolute() if folder else None


@contextlib.contextmanager
def replacing_file(target: Path) -> Iterator[BinaryIO]:
    """Give a file to write; when the block ends well it takes `target`'s place, else nothing has changed.

    Raises:
        OSError: nothing can be written there.
    """
    handle, scratch = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    try:
        with open(handle, "wb") as file:
            yield file
        os.chmod(scratch, 0o644)  # mkstemp makes it private
        os.replace(scratch, target)
    except BaseException:
        os.unlink(scratch)
        raise


@contextlib.contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """Give an empty folder to fill; when the block ends well it takes `target`'s place.

    A crash inside the block leaves `target` as it was: nobody ever sees half a folder.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    recover_folders(target.parent)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", suffix=NEW, dir=target.parent))
    scratch.chmod(0o755)  # mkdtemp makes it private, which would hide a shipped model
    try:
        yield scratch
        _swap(scratch, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


NEW, OLD = ".inkling-new", ".inkling-old"  # ends of the hidden folders while one replaces another


def recover_folders(parent: Path, ours: bool = False) -> None:
    """Mend what a process that was killed while replacing a folder left behind.

    Where it got no further than moving the old one aside, that one goes back. Younger
    remains are left alone, for they may be somebody's at this moment; unless the parent
    is `ours`, and nobody else replaces folders in it.
    """
    try:
        hidden = [parent / name for name in os.listdir(parent) if name.endswith((NEW, OLD))]
    except OSError:  # there is no such folder yet, or it cannot be read: nothing to mend
        return
    for remains in hidden:
        with contextlib.suppress(OSError):  # another process tidies as well, or the folder is read-only
            age = time.time() - remains.stat().st_ctime
            target = parent / remains.stem[1:].rpartition("-")[0]
            if remains.suffix == OLD and (ours or age > 10) and not target.exists():
                remains.rename(target)
            elif ours or age > 24 * 3600:
                shutil.rmtree(remains)


def _swap(new: Path, target: Path) -> None:
    """Put folder `new` in `target`'s place."""
    if target.exists():
        old = new.with_suffix(OLD)
        target.rename(old)
        new.rename(target)
        shutil.rmtree(old)
    else:
        new.rename(target)


def environment() -> dict[str, str]:
    """What a process of our own is started with, so that it reads and writes where this one does."""
    folder = data_dir()
    return {**os.environ, "DIGIT_HOME": str(home()), **({"DIGIT_DATA_DIR": str(folder)} if folder else {})}


def command(*words: str, **variables: str) -> dict[str, Any]:
    """One of our own commands, `python -m digit_core ...`: the arguments of `subprocess.run` or `Popen`.

    It ends when this process does, however that ends; `**{PARENT: ""}` lets it outlive it. `variables` are added to
    the environment.
    """
    return {
        "args": [sys.executable, "-m", "digit_core", *words],
        "cwd": PROJECT,
        "env": {**environment(), PARENT: str(os.getpid()), **variables},
        "stdin": subprocess.DEVNULL,
    }


def keep_newest(folder: Path, most: int) -> None:
    """Remove all but the newest files of a folder, so that what can be made again does not pile up."""
    with contextlib.suppress(OSError):  # another process tidies as well
        files = sorted((path for path in folder.iterdir() if path.is_file()), key=lambda path: -path.stat().st_mtime)
        for path in files[most:]:
            path.unlink()
