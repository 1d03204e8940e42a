"""The database of corrections: SQLite under `$DIGIT_HOME`, or what `$DIGIT_DATABASE_URL` names.

Many sessions, several servers and a training may use it at once. SQLite runs in WAL mode, and a writer takes the lock
when its transaction begins, so that no transaction fails halfway for lack of it. Tables are created and migrated when
the database is first opened.
"""

import contextlib
import functools
import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from filelock import FileLock
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from digit_core import paths

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"
PATIENCE = 30  # seconds to wait for the lock
CONNECT_TIMEOUT = 5  # seconds
RETRY_AFTER = 15  # seconds in which a server that failed is not asked again: everybody who taps would wait in turn
MIGRATION_LOCK = 7_315_202  # our key of the PostgreSQL advisory lock for migrations
ORDINARY = "postgresql://"  # SQLAlchemy takes this for psycopg2; psycopg 3 is the maintained driver


class FeedbackError(Exception):
    """Corrections cannot be saved or read; the text says why, in words for people."""


def url() -> str:
    """The URL of the database, in SQLAlchemy's form."""
    given = os.environ.get("DIGIT_DATABASE_URL", "").strip()
    if given.startswith(ORDINARY):
        return given.replace(ORDINARY, "postgresql+psycopg://", 1)
    return given or f"sqlite:///{_file()}"


def is_there() -> bool:
    """Whether anything may have been saved; if not, there is no need to open a database."""
    return bool(os.environ.get("DIGIT_DATABASE_URL", "").strip()) or _file().exists()


def _file() -> Path:
    return paths.home() / "corrections.sqlite3"


@contextlib.contextmanager
def reading() -> Iterator[Connection]:
    """Open a connection for reading.

    Raises:
        FeedbackError: the database cannot be reached or read.
    """
    with _said("cannot be read"), _engine(url()).connect() as connection:
        yield connection


@contextlib.contextmanager
def writing() -> Iterator[Connection]:
    """Open a connection for writing; the block is one transaction.

    Raises:
        FeedbackError: the database cannot be reached or written.
    """
    with _said("cannot be saved"), _engine(url()).execution_options(writes=True).begin() as connection:
        yield connection


@contextlib.contextmanager
def _said(what: str) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, CommandError, OSError, ImportError) as error:
        log.warning("The database of corrections: %s", error)
        raise FeedbackError(f"Corrections {what} at the moment.") from error


_opening = threading.Lock()
_retry_at: dict[str, float] = {}  # by address, in seconds of the monotonic clock


def _engine(address: str) -> Engine:
    """The engine of a database, opened once, by one thread: SQLAlchemy's imports and Alembic are not thread-safe."""
    with _opening:
        if time.monotonic() < _retry_at.get(address, 0):
            raise OSError("the database did not answer a moment ago")
        try:
            return _opened(address)
        except (SQLAlchemyError, OSError):
            _retry_at[address] = time.monotonic() + (0 if address.startswith("sqlite") else RETRY_AFTER)
            raise


@functools.lru_cache(maxsize=4)
def _opened(address: str) -> Engine:
    is_sqlite = address.startswith("sqlite")
    if is_sqlite:
        paths.home().mkdir(parents=True, exist_ok=True)
    waits = {"timeout": PATIENCE} if is_sqlite else {"connect_timeout": CONNECT_TIMEOUT}
    engine = create_engine(address, connect_args=waits, pool_pre_ping=not is_sqlite)
    if is_sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    _migrate(engine, is_sqlite)
    return engine


def _prepare_sqlite(connection, _) -> None:
    connection.isolation_level = None  # we begin transactions ourselves
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # saved corrections survive a power failure


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(engine: Engine, is_sqlite: bool) -> None:
    """Migrate the tables to the latest schema; one process at a time."""
    config = Config(attributes={"connection": None})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    lock = FileLock(paths.home() / ".corrections.lock", timeout=PATIENCE) if is_sqlite else contextlib.nullcontext()
    with lock, engine.execution_options(writes=True).begin() as connection:
        if not is_sqlite:
            connection.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE}s'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
