"""The copy of the database that the installer makes before an upgrade, and puts back if the new release does not start.

The copy is made without opening the store: the new release makes it, and must not migrate what the old release wrote.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path


class UpgradeCopyError(Exception):
    """The copy cannot be made; the text gives the reason."""


def copy(store: Path, folder: Path, release: str, kept: int) -> Path | None:
    """Copy the database to `folder/NNNNNN-release.db`, checked and synced; None if there is no database.

    The newest `kept` copies stay. Raises UpgradeCopyError and OSError.
    """
    if not store.exists():
        return None
    os.umask(0o077)
    folder.mkdir(exist_ok=True)
    number = 1 + max((int(old.name[:6]) for old in folder.glob("[0-9]*.db")), default=0)
    target = folder / f"{number:06}-{release}.db"
    try:
        with closing(sqlite3.connect(store)) as source, closing(sqlite3.connect(target)) as copied:
            source.backup(copied)
            if copied.execute("PRAGMA quick_check").fetchone() != ("ok",):
                raise UpgradeCopyError(f"the copy {target} is damaged")
    except sqlite3.Error as error:
        raise UpgradeCopyError(f"{store} cannot be copied: {error}") from error
    for path in (target, folder):
        _sync(path)
    for old in sorted(folder.glob("[0-9]*.db"))[:-kept]:
        old.unlink()
    return target


def restore(store: Path, copied: Path) -> None:
    """Put a copy in the place of the database; the present files get `.failed` into their names. Raises OSError."""
    for suffix in ("", "-wal", "-shm"):
        present = store.with_name(store.name + suffix)
        if present.exists():
            present.rename(store.with_name(f"{store.name}.failed{suffix}"))
    part = store.with_name(store.name + ".part")
    shutil.copyfile(copied, part)
    os.chmod(part, 0o600)
    _sync(part)
    part.rename(store)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
