"""Detect a log beside a database that belongs to another database.

SQLite replays any log (`-wal`) or rollback journal (`-journal`) beside a database. If a person has replaced the database
meanwhile, by a backup or an older copy, the result is a mixture of both.

So each start gives the database a new generation, a random number in its header, and writes the same number at the end of
its new log. A generation changes only while the log is empty. A log is marked only while it is empty and the header is on
the disk. Therefore a log with another generation has no data of this database. If either number is missing, the log counts
as the log of the database, because an accepted message must not be lost.
"""

from __future__ import annotations

import logging
import os
import secrets
import struct
from contextlib import closing
from pathlib import Path
from sqlite3 import OperationalError

from gatewayd.store.engine.connection import BUSY_TIMEOUT_MS, SqliteConnection, log_of, make_log_room
from gatewayd.store.engine.fsync import sync_folder

log = logging.getLogger(__name__)

# https://www.sqlite.org/fileformat.html, 1.3: the header of the database, in its first page.
_HEADER = 100
_MAGIC = b"SQLite format 3\x00"
_PAGE_SIZE_AT, _WRITE_VERSION_AT, _USER_VERSION_AT, _APPLICATION_ID_AT = 16, 18, 60, 68
_ROLLBACK = 1  # the version of a file that is written through a rollback journal: such a file has no log

# The user version is the generation XOR this value, so that a damaged header is not taken for another generation.
_CHECK = 0x6757_D0A5

# 4.1: the header of a log. 3: that of a rollback journal; then its records, each a number, a page and a checksum.
_LOG_MAGICS = (0x377F0682, 0x377F0683)
_JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")

# The mark at the end of a log's room: this and the generation, twice.
_MARK = b"gatewayd log of generation "
_MARK_BYTES = len(_MARK) + 8

_CHECKPOINT_WAIT_MS = 100  # for readers of other processes


def set_foreign_logs_aside(path: Path) -> None:
    """Rename a log or a rollback journal that belongs to another database than that at `path`.

    For the holder of the lock, before this process opens the database.

    Raises OSError.
    """
    header = _read(path, 0, _HEADER)
    if header[: len(_MAGIC)] != _MAGIC:
        return
    for suffix, foreign in (("-wal", _is_foreign_log), ("-journal", _is_foreign_journal)):
        file = path.with_name(path.name + suffix)
        if file.exists() and file.stat().st_size and foreign(file, header):
            aside = _free_name(path, suffix)
            os.rename(file, aside)
            path.with_name(path.name + "-shm").unlink(missing_ok=True)
            sync_folder(path.parent)
            log.error(
                "%s belongs to another database than %s, which was put in its place: it is not used, and is kept as %s",
                file,
                path,
                aside,
            )


def begin_generation(db: SqliteConnection) -> None:
    """Empty the log, give the database a new generation, then fill and mark the log. For the writer, at start.

    While another process reads, or the disk is full, the generation does not change.
    """
    try:
        db.execute(f"PRAGMA busy_timeout = {_CHECKPOINT_WAIT_MS}")
        if _emptied(db):
            db.execute("BEGIN IMMEDIATE")
            set_generation(db)
            db.execute("COMMIT")
            _emptied(db)
    except OperationalError as error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        log.debug("the database keeps its generation: %s", error)
    finally:
        db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    mark_log(db)


def set_generation(db: SqliteConnection) -> None:
    """Give a database a new generation."""
    generation = 1 + secrets.randbelow(2**31 - 1)
    db.execute(f"PRAGMA application_id = {generation}")
    db.execute(f"PRAGMA user_version = {_signed(generation ^ _CHECK)}")


def mark_log(db: SqliteConnection) -> None:
    """Fill the log to its size; an empty log is marked with the generation of its database."""
    # Read through the connection: to open and close the file itself would drop all locks that SQLite holds on it for
    # this process (POSIX). Another process could then take itself for the last one and remove the log.
    generation: int = db.execute("PRAGMA application_id").fetchone()[0]
    user_version: int = db.execute("PRAGMA user_version").fetchone()[0]
    whole = generation > 0 and user_version == _signed(generation ^ _CHECK)
    make_log_room(db, _mark(generation) if whole else b"")


def generation_of(header: bytes) -> int | None:
    """The generation in the header of a database; 0 without one, None if it is damaged."""
    if len(header) < _HEADER:
        return None
    (application_id,) = struct.unpack_from(">i", header, _APPLICATION_ID_AT)
    (user_version,) = struct.unpack_from(">i", header, _USER_VERSION_AT)
    if application_id == 0 and user_version == 0:
        return 0
    whole = application_id > 0 and user_version == _signed(application_id ^ _CHECK)
    return application_id if whole else None


def _is_foreign_log(file: Path, header: bytes) -> bool:
    found = _read(file, 0, 32)
    if len(found) < 32 or struct.unpack_from(">I", found)[0] not in _LOG_MAGICS:
        return False  # SQLite does not use it either
    page_bytes: int = struct.unpack_from(">I", found, 8)[0]
    if header[_WRITE_VERSION_AT] == _ROLLBACK or page_bytes != _page_bytes(header):
        return True
    return _differ(generation_of(header), _marked(file))


def _is_foreign_journal(file: Path, header: bytes) -> bool:
    found = _read(file, 0, 28)
    if len(found) < 28 or found[:8] != _JOURNAL_MAGIC:
        return False
    fields: tuple[int, ...] = struct.unpack_from(">IIIII", found, 8)
    count, _, pages_before, sector, page_bytes = fields
    if page_bytes != _page_bytes(header):
        return True
    if pages_before == 0:  # a journal of the first transaction: a replay would empty the file
        return file.with_name(file.name.removesuffix("-journal")).stat().st_size > page_bytes
    return _differ(generation_of(header), _journaled(file, count, sector, page_bytes))


def _journaled(file: Path, count: int, sector: int, page_bytes: int) -> int | None:
    """The generation in the first page of a journal. Every transaction changes that page."""
    record = 8 + page_bytes
    last = min(count, (file.stat().st_size - sector) // record)
    for number in range(last):
        found = _read(file, sector + number * record, 4 + _HEADER)
        if found[:4] == b"\x00\x00\x00\x01":
            return generation_of(found[4:])
    return None


def _differ(generation: int | None, other: int | None) -> bool:
    return generation is not None and other is not None and generation != other


def _marked(file: Path) -> int | None:
    """The generation in the mark of a log; None without a mark."""
    found = _read(file, file.stat().st_size - _MARK_BYTES, _MARK_BYTES)
    first, second = struct.unpack_from(">II", found, len(_MARK)) if len(found) == _MARK_BYTES else (0, 1)
    return first if first == second and found.startswith(_MARK) else None


def _mark(generation: int) -> bytes:
    return _MARK + struct.pack(">II", generation, generation)


def _emptied(db: SqliteConnection) -> bool:
    """Copy the log into the database and truncate it. False while another process reads it."""
    busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    return not busy and Path(log_of(db)).stat().st_size == 0


def _page_bytes(header: bytes) -> int:
    found: int = struct.unpack_from(">H", header, _PAGE_SIZE_AT)[0]
    return 65536 if found == 1 else found


def _signed(value: int) -> int:
    """A number of 32 bits as SQLite's pragmas take it."""
    return value - (1 << 32) if value >= 1 << 31 else value


def _free_name(path: Path, suffix: str) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.foreign-{number}{suffix}")).exists():
        number += 1
    return aside


def _read(path: Path, at: int, count: int) -> bytes:
    """Bytes of a file, fewer at its end; none if it is missing or `at` is negative."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return b""
    with closing(os.fdopen(fd, "rb", buffering=0)) as file:
        return os.pread(file.fileno(), count, at) if at >= 0 else b""
