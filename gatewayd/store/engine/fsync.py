"""Sync files and folders, and give new files to the owner of their folder."""

from __future__ import annotations

import os
from pathlib import Path

PROCESS_BYTES = 32
"""Bytes of the lock file that hold the process id, padded with blanks."""


def lock_path(database: Path) -> Path:
    """The path of the lock of a database."""
    return database.with_name(database.name + ".lock")


def sync_file(path: Path) -> None:
    """Sync the content of a file."""
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
    """Give a file made by root to the owner of its folder: the user of the daemon could not open it otherwise."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(file, owner.st_uid, owner.st_gid)
