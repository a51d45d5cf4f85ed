"""What it takes for files and names to be on the disk."""

from __future__ import annotations

import os
from pathlib import Path

PROCESS_BYTES = 32
"""How much of the lock the number of the process takes, with blanks behind it."""


def lock_path(database: Path) -> Path:
    """Where the lock of a database is."""
    return database.with_name(database.name + ".lock")


def sync_file(path: Path) -> None:
    """Sync what a file holds."""
    _sync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Sync the names in a folder."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    fd = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def leave_to_the_owner(file: Path | int, folder: Path) -> None:
    """What root makes in the daemon's folder belongs to the daemon's user, who could not open it otherwise."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(file, owner.st_uid, owner.st_gid)
