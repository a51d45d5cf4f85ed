"""The condition of the disk, and a reserve of space for the time when it is full.

The reserve is a file beside the database with allocated blocks. When the disk is full, no new messages are accepted, and
the reserve is freed for claims, outcomes, reports and incoming texts. When space returns, the reserve is made again before
new messages are accepted.
"""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import threading
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from config.language.text import Text
from gatewayd.store.engine.errors import damage, primary_code
from gatewayd.store.engine.fsync import leave_to_the_owner, sync_folder

log = logging.getLogger(__name__)

RESERVE_BYTES = 8 << 20
"""Enough to claim some ten thousand parts and to keep their outcomes."""

# Free space needed beside the reserve before new messages are accepted again: less would let the state change to and fro.
_MARGIN_BYTES = 8 << 20

LITTLE_BYTES = 200 << 20
"""With less free, a person should free space: it is enough for some hundred thousand messages and the system's own files."""

TOO_LITTLE_BYTES = 20 << 20
"""With less free, SQLite's log may soon find no room."""

# A disk with less than this free has no room for the smallest transaction.
_FULL_BYTES = 1 << 20

_FULL = (errno.ENOSPC, errno.EDQUOT)

# Errors that pass by themselves and are no problem of the disk: the file is locked, or memory is short.
_PASSING = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM)


class State(Enum):
    """The writes that the disk accepts."""

    OK = "ok"  # everything
    SPARING = "sparing"  # no new messages; what must be kept goes into the reserve
    STUCK = "stuck"  # nothing: the reserve is used up, or the disk is read-only or failing
    DAMAGED = "damaged"  # nothing, until a restart: the database is damaged


@dataclass(frozen=True, slots=True)
class Condition:
    """A state; `detail` says what is wrong and what a person can do, and is empty in state OK."""

    state: State
    detail: str = ""


class Disk:
    """The condition of the disk that a database is on. Only `condition` and `damaged` may be used by any thread."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._reserve = reserve_path(database)
        self._probe = database.with_name(database.name + ".probe")
        self._held = False  # the reserve exists
        self._faulty = False  # the problem is not a full disk
        self._lock = threading.Lock()
        self._condition = Condition(State.OK)

    @property
    def condition(self) -> Condition:
        """The current condition."""
        return self._condition

    @property
    def takes_new(self) -> bool:
        """Whether new messages may be accepted."""
        return self._condition.state is State.OK

    @property
    def may_heal(self) -> bool:
        """Whether a test write may succeed now."""
        if self._condition.state not in (State.SPARING, State.STUCK):
            return False
        return self._faulty or self._free() >= _MARGIN_BYTES + (0 if self._held else RESERVE_BYTES)

    @property
    def recovering(self) -> bool:
        """Whether `may_heal` must be asked now and then."""
        return self._condition.state in (State.SPARING, State.STUCK)

    def open(self) -> None:
        """Make the reserve; without room for it, no new messages are accepted until there is."""
        if not self._make_reserve():
            self._become(State.SPARING, self._full_detail())

    def make_room(self) -> bool:
        """At start: free the reserve where the disk is full. True: there is more room now."""
        return self._free() < _FULL_BYTES and self._release()

    def _release(self) -> bool:
        """Free the reserve. True: there was one."""
        held = self._held or (self._reserve.exists() and self._reserve.stat().st_size > 0)
        if held:
            os.truncate(self._reserve, 0)  # the empty file stays as a sign that there was a database
        self._held = False
        return held

    def failed(self, error: BaseException) -> bool:
        """Note a failed write. True: jobs that must be kept may be tried once more."""
        code = primary_code(error)
        if code in _PASSING:
            log.error("nothing could be written to the database: %s", error)
            return False
        if damage(error):
            self.damaged(error)
            return False
        trouble = None if code == sqlite3.SQLITE_FULL else self._probe_error()
        if code == sqlite3.SQLITE_FULL or (trouble is not None and trouble.errno in _FULL):
            return self._full()
        self._faulty = True
        why = str(error) if trouble is None else f"{error}: {trouble.strerror}"
        self._become(
            State.STUCK,
            Text(
                "the database cannot be written ({why}): no messages are accepted or sent. Is the file system of"
                " {folder} read-only, or the disk failing? See `dmesg`. Service returns by itself",
                why=why,
                folder=self._database.parent,
            ),
        )
        return False

    def wrote(self) -> None:
        """Note a write that succeeded."""
        if self._condition.state is State.STUCK and not self._faulty:
            self._become(State.SPARING, self._full_detail())

    def healed(self) -> None:
        """Note a test write that succeeded: make the reserve, then accept new messages."""
        self._faulty = False
        if self._make_reserve():
            self._become(State.OK, "")
        else:
            self._become(State.SPARING, self._full_detail())

    def damaged(self, error: BaseException) -> None:
        """Note that SQLite found the database damaged. Any thread may call it."""
        self._become(
            State.DAMAGED,
            Text(
                "the database is damaged ({reason}): no messages are accepted or sent."
                " Stop gatewayd, put a backup in the place of {database}, and start it again",
                reason=str(error),
                database=self._database,
            ),
        )

    def _full(self) -> bool:
        """Note that the disk is full. True: jobs that must be kept may be tried once more."""
        if self._condition.state is State.OK:
            self._become(State.SPARING, self._full_detail())
            return True
        if self._release():
            self._faulty = False
            self._become(State.SPARING, self._full_detail())
            return True
        self._faulty = False
        self._become(
            State.STUCK,
            Text(
                "the disk is full and the reserve is used up: no messages are accepted or sent. Free space in"
                " {folder}; service returns by itself",
                folder=self._database.parent,
            ),
        )
        return False

    def _full_detail(self) -> Text:
        whole, in_use = Text("the reserve for that is whole yet"), Text("the reserve for that is in use")
        return Text(
            "the disk is full: no messages are accepted, and waiting ones are still sent ({reserve}). Free at least"
            " {least} MiB in {folder}; service returns by itself",
            reserve=whole if self._held else in_use,
            least=(_MARGIN_BYTES + RESERVE_BYTES) >> 20,
            folder=self._database.parent,
        )

    def _become(self, state: State, detail: str) -> None:
        with self._lock:
            before = self._condition
            if before.state is State.DAMAGED or before == Condition(state, detail):
                return
            self._condition = Condition(state, detail)
        if state is State.OK:
            log.warning("disk recovered: accepting messages")
        else:
            log.error("%s", detail)

    def _probe_error(self) -> OSError | None:
        """The error of the system when a file is written beside the database; SQLite does not report it."""
        try:
            fd = os.open(self._probe, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                os.write(fd, bytes(1 << 16))
                os.fsync(fd)
            finally:
                os.close(fd)
                self._probe.unlink(missing_ok=True)
        except OSError as error:
            return error
        return None

    def _free(self) -> int:
        try:
            found = os.statvfs(self._database.parent)
        except OSError:
            return 0
        return found.f_bavail * found.f_frsize

    def _make_reserve(self) -> bool:
        """Make the reserve where it is missing. True: it exists now."""
        if self._held:
            return True
        try:
            fd = os.open(self._reserve, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                leave_to_the_owner(fd, self._reserve.parent)
                _allocate(fd)
            finally:
                os.close(fd)
            sync_folder(self._reserve.parent)
        except OSError as error:
            log.debug("the reserve cannot be made: %s", error)
            return False
        self._held = True
        return True


def reserve_path(database: Path) -> Path:
    """The path of the reserve of a database."""
    return database.with_name(database.name + ".reserve")


def _allocate(fd: int) -> None:
    """Allocate the blocks of the reserve to a file. Raises OSError, and leaves the file empty then."""
    try:
        os.posix_fallocate(fd, 0, RESERVE_BYTES)
        os.fsync(fd)
    except OSError:
        os.ftruncate(fd, 0)
        raise
