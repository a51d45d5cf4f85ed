"""The file with the password of the fleet: only the user of the service can read it."""

from __future__ import annotations

import os
from pathlib import Path


def write(path: Path, password: str, *, owner_of: Path) -> None:
    """Write the password, in one step, for the owner of `owner_of` alone. Raises OSError."""
    new = path.with_name(f".{path.name}.new")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with open(fd, "w", encoding="utf-8") as file:
            os.fchmod(fd, 0o600)
            if os.geteuid() == 0:
                status = owner_of.stat()
                os.fchown(fd, status.st_uid, status.st_gid)
            file.write(password + "\n")
            file.flush()
            os.fsync(fd)
        os.replace(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
