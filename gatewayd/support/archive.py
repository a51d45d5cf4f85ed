"""Write the archive: a tar.gz that only its owner may read, with all files in one folder."""

from __future__ import annotations

import io
import os
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path

_FOLDER = "gatewayd-support"


def write(path: Path, files: Mapping[str, str]) -> None:
    """Write a tar.gz that only its owner may read; on failure no file is left.

    Raises FileExistsError if `path` exists, and OSError.
    """
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(fd, "wb") as file:
            file.write(packed(files))
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def packed(files: Mapping[str, str]) -> bytes:
    """The bytes of a tar.gz with these files, by name."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in files.items():
            data = text.encode("utf-8", "replace")
            member = tarfile.TarInfo(f"{_FOLDER}/{name}")
            member.size, member.mode, member.mtime = len(data), 0o600, int(time.time())
            archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()
