"""Check the database and its disk: it is whole, the disk has free space, and writes are fast enough."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any

from config.language.text import Sentences, Text
from config.settings import Settings
from gatewayd.diagnostics.findings import Finding, fault, ok, warning
from gatewayd.store.engine.disk import LITTLE_BYTES, TOO_LITTLE_BYTES
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.inspection import lock_holder, quick_check
from gatewayd.store.store_files import chown_command, misowned

# A gigabyte from an SD card takes a minute; an operator at a terminal does not wait that long.
_CHECK_S = 20.0

_DATABASE = Text("database")
_DISK = Text("disk")
_SYNC = Text("sync")

_MIB = 1 << 20

_SYNCS = 21
_SYNCS_S = 3.0
_BLOCK = os.urandom(4096)  # a page of the database; not zeros, because some disks do not write those at all

# The cost of a request besides the write, measured on two cores of a PC with syncs of 0, 10 and 30 ms. Real clients reached the
# resulting rates on an idle machine, and down to half of them on a busy one.
_REQUEST_ALONE_S = 0.0022
_REQUEST_S = 0.0016

_SLOW_S = 0.1
_TOO_SLOW_S = 1.0


def check(settings: Settings, *, daemon_answers: bool) -> list[Finding]:
    """Check lock, file, free space and sync time."""
    store = settings.store.path
    folder = store.parent
    try:
        folder.stat()
        # Opening a file of the wrong owner would create the index of its log, with the wrong owner too.
        found = [*_lock(store, daemon_answers=daemon_answers), *(_owner(store) or [_file(store)])]
        found.append(_free_space(folder))
        found.append(_sync_speed(folder, settings.api.threads))
    except FileNotFoundError:
        text = Text(
            "There is no folder {folder}: create it, and give it to the user of gatewayd.", folder=folder
        )
        return [fault(_DATABASE, text)]
    except PermissionError:
        return [fault(_DATABASE, Text("You may not read {path}: run this with sudo.", path=folder))]
    except OSError as error:
        return [
            fault(
                _DATABASE,
                Text("{path} cannot be read ({reason}): check the disk.", path=folder, reason=error),
            )
        ]
    return found


def from_status(store: Mapping[str, Any]) -> list[Finding]:
    """Findings from the status of the running daemon; none if it is of an older version without these fields."""
    found = []
    if store.get("detail"):
        found.append(fault(Text("storage"), Text("The daemon says: {detail}.", detail=store["detail"])))
    if store.get("backup_failure"):
        text = Text(
            "No backup could be made ({reason}): correct store.backup_dir, or free space there.",
            reason=store["backup_failure"],
        )
        found.append(warning(Text("backup"), text))
    return found


def _lock(store: Path, *, daemon_answers: bool) -> list[Finding]:
    if daemon_answers:
        return []
    holder = lock_holder(store)
    if holder is None:
        return []
    who = Text("Process {number}", number=holder) if holder else Text("Another process")
    text = Text(
        "{process} has {path} open and does not answer: wait a minute if it is just starting, otherwise stop it.",
        process=who,
        path=store,
    )
    return [fault(_DATABASE, text)]


def _owner(store: Path) -> list[Finding]:
    """Find files of another user, which the daemon cannot open: most often a restored backup."""
    wrong = misowned(store)
    if not wrong:
        return []
    names = ", ".join(file.name for file in wrong)
    text = Text(
        "{files} in {folder} must belong to the owner of the folder: `{command}`.",
        files=names,
        folder=store.parent,
        command=chown_command(wrong, store.parent),
    )
    return [fault(_DATABASE, text)]


def _file(store: Path) -> Finding:
    if not store.exists():
        return ok(_DATABASE, Text("There is none yet: the first start creates {path}.", path=store))
    if not os.access(store, os.R_OK):
        return fault(_DATABASE, Text("You may not read {path}: run this with sudo.", path=store))
    size = f"{store.stat().st_size / _MIB:.1f} MiB"  # without the changes in its log
    try:
        wrong = quick_check(store, _CHECK_S)
    except StoreUnavailableError as error:
        return fault(
            _DATABASE, Text("{path} cannot be opened ({reason}): check the disk.", path=store, reason=error)
        )
    if wrong is None:
        return ok(
            _DATABASE,
            Text(
                "{path}, {size}: nothing wrong was found in {seconds} s; it is too large for a complete check.",
                path=store,
                size=size,
                seconds=round(_CHECK_S),
            ),
        )
    if wrong:
        text = Text(
            "{path} is damaged ({reason}): stop gatewayd, keep a copy of the file, restore a backup, and do not trust"
            " this disk any more.",
            path=store,
            reason="; ".join(wrong),
        )
        return fault(_DATABASE, text)
    return ok(_DATABASE, Text("{path}, {size}, is whole.", path=store, size=size))


def _free_space(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    space = Text("{free} MiB are free on the disk of {folder}", free=round(free / _MIB), folder=folder)
    if free < TOO_LITTLE_BYTES:
        text = Text("{space}: messages are refused when it is full. Delete what is not needed.", space=space)
        return fault(_DISK, text)
    if free < LITTLE_BYTES:
        return warning(_DISK, Text("{space}: delete what is not needed, or take a larger one.", space=space))
    return ok(_DISK, Text("{space}.", space=space))


def _sync_speed(folder: Path, threads: int) -> Finding:
    try:
        times = _sync_times(folder)
    except OSError as error:
        return fault(_SYNC, _unwritable(folder, error))
    usual, slowest = median(times), max(times)
    took = Text(
        "One durable write takes {usual} ms (median of {count}; the slowest {slowest} ms).",
        usual=round(usual * 1000, 1),
        count=len(times),
        slowest=round(slowest * 1000, 1),
    )
    rates = _rates(usual, threads)
    if usual >= _TOO_SLOW_S:
        return fault(_SYNC, Sentences((took, rates, Text("That is far too slow: replace the disk."))))
    if usual >= _SLOW_S or slowest >= _TOO_SLOW_S:
        slow = Text("That is slow: a better SD card or a USB disk helps.")
        return warning(_SYNC, Sentences((took, rates, slow)))
    return ok(_SYNC, Sentences((took, rates)))


def _unwritable(folder: Path, error: OSError) -> Text:
    if error.errno == errno.ENOSPC:
        return Text(
            "Nothing can be written to {folder}, because its disk is full: delete files.", folder=folder
        )
    if error.errno == errno.EROFS:
        return Text(
            "{folder} is read-only, which happens when a disk fails: restart the box; if it is still read-only, replace"
            " the disk.",
            folder=folder,
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return Text("You may not write to {folder}: run this with sudo.", folder=folder)
    return Text("Nothing can be written to {folder} ({reason}): check the disk.", folder=folder, reason=error)


def _rates(sync_s: float, threads: int) -> Text:
    """Estimate the message rates for a sync time. With group commit, half of the waiting requests miss the running write."""
    shared = max(1.0, threads / 2)
    alone = 1 / (sync_s + _REQUEST_ALONE_S)
    together = shared / (sync_s + shared * _REQUEST_S)
    return Text(
        "That allows about {alone} messages a second from one client that sends one after the other, and {together} when"
        " {threads} requests arrive at once (api.threads) and share each write; a slow processor allows fewer.",
        alone=round(alone),
        together=round(together),
        threads=threads,
    )


def _sync_times(folder: Path) -> list[float]:
    """Measure the duration of several durable writes of one page, in seconds. Raises OSError."""
    times: list[float] = []
    until = monotonic() + _SYNCS_S
    with _scratch(folder) as fd:
        os.pwrite(fd, _BLOCK * _SYNCS, 0)  # allocate the blocks, as in the log of a database in use
        os.fsync(fd)
        while len(times) < _SYNCS and (not times or monotonic() < until):
            began = monotonic()
            os.pwrite(fd, _BLOCK, len(times) * len(_BLOCK))
            os.fdatasync(fd)
            times.append(monotonic() - began)
    return times


@contextmanager
def _scratch(folder: Path) -> Iterator[int]:
    fd, name = tempfile.mkstemp(prefix=".gatewayd-check-", dir=folder)
    try:
        os.unlink(name)  # it disappears with this process
        yield fd
    finally:
        os.close(fd)
