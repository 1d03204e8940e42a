"""Locations on disk: what the program writes, may find, and ships.

The environment is read at every call, so that tests and servers can change
locations without reloading anything.
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
PARENT = "INKLING_PARENT"  # environment variable: a command exits when the process with this id does


def home() -> Path:
    """Folder for everything the program writes: `$DIGIT_HOME`, by default `.inkling/`; always absolute."""
    return Path(os.path.expanduser(os.environ.get("DIGIT_HOME") or PROJECT / ".inkling")).absolute()


def data_dir() -> Path | None:
    """Folder in which data sets may already lie (`$DIGIT_DATA_DIR`), absolute, or None if unset."""
    folder = os.environ.get("DIGIT_DATA_DIR")
    return Path(os.path.expanduser(folder)).absolute() if folder else None


@contextlib.contextmanager
def replacing_file(target: Path) -> Iterator[BinaryIO]:
    """Yield a file to write that replaces `target` if the block succeeds; otherwise nothing changes.

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
    """Yield an empty folder to fill that replaces `target` if the block succeeds.

    A crash inside the block leaves `target` unchanged: no partial folder is visible.
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


NEW, OLD = ".inkling-new", ".inkling-old"  # suffixes of hidden folders during a replacement


def recover_folders(parent: Path, ours: bool = False) -> None:
    """Clean up after a process that was killed while replacing a folder.

    If it had only moved the old folder aside, that folder is restored. Recent
    leftovers are kept, since another process may be using them, unless the parent
    is `ours` and no other process replaces folders in it.
    """
    try:
        hidden = [parent / name for name in os.listdir(parent) if name.endswith((NEW, OLD))]
    except OSError:  # the folder is missing or unreadable: nothing to clean up
        return
    for remains in hidden:
        with contextlib.suppress(OSError):  # another process also cleans up, or the folder is read-only
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
    """Environment of a child process, so that it uses the same folders as this one."""
    folder = data_dir()
    return {**os.environ, "DIGIT_HOME": str(home()), **({"DIGIT_DATA_DIR": str(folder)} if folder else {})}


def command(*words: str, **variables: str) -> dict[str, Any]:
    """Arguments of `subprocess.run` or `Popen` for one of our commands, `python -m digit_core ...`.

    The command exits when this process does, even if killed; `**{PARENT: ""}` lets it outlive it. `variables` are
    added to the environment.
    """
    return {
        "args": [sys.executable, "-m", "digit_core", *words],
        "cwd": PROJECT,
        "env": {**environment(), PARENT: str(os.getpid()), **variables},
        "stdin": subprocess.DEVNULL,
    }


def keep_newest(folder: Path, most: int) -> None:
    """Remove all but the newest `most` files of a cache folder, to bound its size."""
    with contextlib.suppress(OSError):  # another process also cleans up
        files = sorted((path for path in folder.iterdir() if path.is_file()), key=lambda path: -path.stat().st_mtime)
        for path in files[most:]:
            path.unlink()
