"""The files of a store, and whether the user of the daemon may open them."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from config.language.text import Text
from gatewayd.store.engine.errors import StoreUnavailableError

# SQLite's log, its index and journal; the lock, the reserve and the test file of a failed disk; files left by a restore.
_BESIDE = re.compile(r"-wal.*|-shm.*|-journal|\.lock|\.reserve|\.probe|\.restored|\.damaged-[0-9]+.*")


def is_own(file: Path, database: Path) -> bool:
    """Whether a path is a file of the store, present or future: by its name, through links, or as a hard link.

    Raises OSError.
    """
    meant = Path(os.path.realpath(file))
    beside = Path(os.path.realpath(file.parent)) / file.name
    for store in {database, Path(os.path.realpath(database))}:
        folder = Path(os.path.realpath(store.parent))
        if any(each.parent == folder and _names_own(each.name, store) for each in (meant, beside)):
            return True
        try:
            known = meant.stat()
        except FileNotFoundError:
            continue
        if any(os.path.samestat(known, each.stat()) for each in own_files(store) if each.exists()):
            return True
    return False


def own_files(database: Path) -> Iterator[Path]:
    """The existing files of a store, the database first. Raises OSError."""
    if not database.parent.is_dir():
        return
    for file in sorted(database.parent.iterdir()):
        if _names_own(file.name, database):
            yield file


def misowned(database: Path) -> list[Path]:
    """The files of a store whose owner is not the owner of the folder (the user of the daemon). Raises OSError."""
    owner = database.parent.stat().st_uid
    return [file for file in own_files(database) if file.lstat().st_uid != owner]


def chown_command(files: list[Path], folder: Path) -> str:
    """The command that gives files to the owner of a folder."""
    owner = folder.stat()
    user, group = _user(owner.st_uid), _group(owner.st_gid)
    return f"sudo chown {user}:{group} {' '.join(shlex.quote(str(file)) for file in files)}"


def check_access(database: Path) -> None:
    """Raise StoreUnavailableError, with the remedy, if this process may not open one of the files."""
    files = [
        file
        for file in own_files(database)
        if not file.is_socket() and not os.access(file, os.R_OK | os.W_OK, effective_ids=True)
    ]
    if not files:
        return
    if os.statvfs(files[0]).f_flag & os.ST_RDONLY:
        raise StoreUnavailableError(
            Text("{path} cannot be written: {reason}", path=files[0], reason=os.strerror(errno.EROFS))
        )
    me, wrong = _user(os.geteuid()), [file for file in files if file in misowned(database)]
    if not wrong:
        raise StoreUnavailableError(
            Text("the user {me} may not open {path}: run this with sudo", me=me, path=files[0])
        )
    whose = _user(wrong[0].stat().st_uid)
    raise StoreUnavailableError(
        Text(
            "{path} belongs to the user {whose}, so that {me} may not open it: `{command}`",
            path=wrong[0],
            whose=whose,
            me=me,
            command=chown_command(wrong, database.parent),
        )
    )


def _names_own(name: str, database: Path) -> bool:
    if name in (database.name, database.with_suffix(".sock").name):
        return True
    return name.startswith(database.name) and _BESIDE.fullmatch(name[len(database.name) :]) is not None


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
