"""Backups: consistent copies of the database, made while it is in use.

The copy is made from one snapshot, on a connection of its own: the writer does not wait, and the log grows until the
copy has ended. A backup is one file, checked as a whole before it gets its name.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from config.language.text import Sentences, Text, text_of
from gatewayd.store.engine.connection import connect_reader
from gatewayd.store.engine.errors import StoreDamagedError, StoreUnavailableError, unavailable
from gatewayd.store.engine.fsync import leave_to_the_owner, sync_file, sync_folder
from gatewayd.store.engine.wal_owner import set_generation
from gatewayd.store.integrity import check_owner, faults
from gatewayd.store.store_files import is_own
from gatewayd.store.store_owner import known_owner, owner_of

log = logging.getLogger(__name__)

# Pages copied at a time: a megabyte, after which a request to cancel is noticed.
_STEP_PAGES = 2048

# Space that a backup must leave free on its disk, which may be the disk of the database.
_LEAVE_BYTES = 64 << 20

_NAME = re.compile(r"gatewayd-([0-9]{6,})\.db")


class BackupError(Exception):
    """The backup cannot be made; the text says why and what helps. A file of that name is unchanged or missing."""


class BackupCancelledError(BackupError):
    """The backup was cancelled."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Pages copied so far, and all pages. After the last page the copy is checked."""

    copied: int
    pages: int


def back_up(
    source: Path,
    target: Path,
    *,
    now: int,
    overwrite: bool,
    on_progress: Callable[[Progress], None],
    cancelled: threading.Event,
) -> int:
    """Copy the database to `target`, checked, synced and readable by its owner only; the size in bytes.

    Raises:
        BackupError: see there.
    """
    try:
        owner = _check_target(source, target, overwrite=overwrite)
        # Another gateway may be making one of the same name in the same folder.
        part = target.with_name(f"{target.name}.{owner[:8]}.part")
        if is_own(part, source):
            raise BackupError(Text("{part} is a file of the store: name another file", part=part))
        _check_room(source, target.parent)
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            _copy(source, part, on_progress, cancelled)
            _finish(part, now, cancelled)
            sync_file(part)
            _leave_to_the_owner(part)
            _name(part, target, overwrite=overwrite)
        finally:
            part.unlink(missing_ok=True)
        return target.stat().st_size
    except OSError as error:
        raise BackupError(
            Sentences(
                [Text("the backup cannot be written: {reason}", reason=str(error)), _advice(error, source)],
                ". ",
            )
        ) from error


def _check_target(source: Path, target: Path, *, overwrite: bool) -> str:
    """The id of the store. Makes a missing folder of backups beside the database.

    Raises BackupError where `target` must not be written, and OSError.
    """
    if is_own(target, source):
        raise BackupError(Text("{target} is a file of the store itself: name another file", target=target))
    owner = known_owner(source) or owner_of(source)
    folder = target.parent
    if not folder.exists() and folder.parent.resolve() == source.parent.resolve():
        folder.mkdir(mode=0o700)
        leave_to_the_owner(folder, source.parent)
    if not os.path.lexists(target):
        return owner
    if not overwrite:
        raise BackupError(Text("{target} is there already: name another file, or use --force", target=target))
    if target.exists() and not target.is_file():
        raise BackupError(Text("{target} is no file: name another", target=target))
    if owner_of(target) not in ("", owner):
        raise BackupError(Text("{target} is a backup of another gateway: name another file", target=target))
    return owner


def _leave_to_the_owner(part: Path) -> None:
    try:
        leave_to_the_owner(part, part.parent)
    except OSError as error:  # a file system without owners, as on a USB stick
        log.debug("%s keeps its owner: %s", part, error)


def _advice(error: OSError, source: Path) -> str:
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Text("Name a file in {folder}, or run this with sudo", folder=source.parent / "backups")
    if error.errno == errno.ENOENT:
        return Text("Make its folder first")
    return ""


def kept(folder: Path) -> list[Path]:
    """The automatic backups in a folder, oldest first. Raises OSError."""
    if not folder.is_dir():
        return []
    found = [(int(name[1]), path) for path in folder.iterdir() if (name := _NAME.fullmatch(path.name))]
    return [path for _, path in sorted(found)]


def own(folder: Path, owner: str) -> list[Path]:
    """The backups of `kept` that belong to this store (by its id, `owner`), oldest first. Raises OSError.

    Backups of older versions have no id. They count if no other gateway uses the folder. `owner` "": the id is not
    known; then all backups count if they belong to one gateway, else none.
    """
    owners = {path: owner_of(path) for path in kept(folder)}
    named = set(owners.values()) - {""}
    owner = owner or (named.pop() if len(named) == 1 else "")
    alone = not named - {owner}
    return [path for path, whose in owners.items() if (whose == owner and owner) or (not whose and alone)]


def next_name(folder: Path) -> Path:
    """The path of the next backup in a folder. Numbers give the order, because a clock may be wrong."""
    have = kept(folder)
    last = _NAME.fullmatch(have[-1].name) if have else None
    return folder / f"gatewayd-{int(last[1]) + 1 if last else 1:06}.db"


def check_backup(path: Path) -> None:
    """Raise StoreDamagedError if a file is not an undamaged backup of gatewayd."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as db:
            check_owner(db)
            faults(db, "integrity_check")
            if not db.execute("SELECT count(*) FROM backup_of").fetchone()[0]:
                raise StoreDamagedError(Text("it is no backup, but a database that was in use"))
    except StoreDamagedError:
        raise
    except (sqlite3.Error, UnicodeDecodeError, StoreUnavailableError) as error:
        raise StoreDamagedError(str(error)) from error


def _check_room(source: Path, folder: Path) -> None:
    size = source.stat().st_size
    there = os.statvfs(folder)
    free = there.f_bavail * there.f_frsize
    if free < size + _LEAVE_BYTES:
        raise BackupError(
            Text(
                "there is no room for it in {folder}: it takes {size} MiB and must leave {spare} MiB, and {free} MiB are free",
                folder=folder,
                size=size >> 20,
                spare=_LEAVE_BYTES >> 20,
                free=free >> 20,
            )
        )


def _copy(
    source: Path, part: Path, on_progress: Callable[[Progress], None], cancelled: threading.Event
) -> None:
    def step(_: int, remaining: int, total: int) -> None:
        if cancelled.is_set():
            raise BackupCancelledError(Text("the backup was given up"))
        on_progress(Progress(total - remaining, total))

    try:
        with closing(connect_reader(source)) as db, closing(sqlite3.connect(part)) as copy:
            copy.execute("PRAGMA synchronous = OFF")  # the whole file is synced at the end
            db.execute("BEGIN")
            db.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # the snapshot begins with this read
            db.backup(copy, pages=_STEP_PAGES, progress=step)
    except sqlite3.Error as error:
        raise _explained(error) from error


def _finish(part: Path, now: int, cancelled: threading.Event) -> None:
    """Mark the copy as a backup, make it a single file, and check it."""
    try:
        with closing(sqlite3.connect(part, isolation_level=None)) as copy:
            copy.set_progress_handler(cancelled.is_set, 10_000)
            copy.execute("PRAGMA synchronous = OFF")
            copy.execute("PRAGMA journal_mode = DELETE")
            copy.execute("DELETE FROM backup_of")
            copy.execute("INSERT INTO backup_of VALUES (?)", (now,))
            set_generation(copy)  # so no log or journal of the database is taken for one of the backup
            faults(copy, "integrity_check")
    except StoreDamagedError as error:
        if cancelled.is_set():
            raise BackupCancelledError(Text("the backup was given up")) from error
        raise BackupError(
            Text("the copy is damaged, and so may the database be: {reason}", reason=text_of(error))
        ) from error
    except sqlite3.Error as error:
        if cancelled.is_set():
            raise BackupCancelledError(Text("the backup was given up")) from error
        raise _explained(error) from error


def _explained(error: sqlite3.Error) -> Exception:
    if unavailable(error):
        return BackupError(Text("the database cannot be copied: {reason}", reason=text_of(error)))
    return error


def _name(part: Path, target: Path, *, overwrite: bool) -> None:
    """Give a finished backup its name. Raises BackupError if a file has it, unless `overwrite`."""
    if not overwrite:
        try:
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError as error:
            raise BackupError(
                Text("{target} is there already: name another file, or use --force", target=target)
            ) from error
    os.replace(part, target)
    sync_folder(target.parent)
