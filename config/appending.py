"""Adds sections to a configuration file without changing what is there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from config.settings import parse


def append(path: Path, sections: str) -> None:
    """Add sections at the end of the file, in one step: after a power cut the file is the old or the new one.

    Owner and mode stay. Raises ConfigError where the result could not be used, and OSError; then the file is unchanged.
    """
    path = path.resolve()  # a link stays a link
    before = path.read_bytes()
    gap = b"" if before.endswith(b"\n") or not before else b"\n"
    after = before + gap + b"\n" + sections.encode()
    parse(after, str(path))
    status = path.stat()
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(fd, "wb") as file:
            os.fchown(fd, status.st_uid, status.st_gid)
            os.fchmod(fd, status.st_mode & 0o7777)
            file.write(after)
            file.flush()
            os.fsync(fd)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
