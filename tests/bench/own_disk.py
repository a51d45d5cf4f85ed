"""A separate file system for one measurement, so that the bytes written by other programs do not count."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.measurement import own_folder

MIB = 512


class OwnDisk:
    """A folder on a separate file system, and the bytes written to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def written_bytes(self) -> int:
        """The bytes written so far: the files, and the journal of the file system."""
        os.sync()
        device = os.stat(self.folder).st_dev
        wanted = [str(os.major(device)), str(os.minor(device))]
        for line in Path("/proc/diskstats").read_text(encoding="ascii").splitlines():
            fields = line.split()
            if fields[:2] == wanted:
                return int(fields[9]) * 512
        raise AssertionError(f"/proc/diskstats does not know the device of {self.folder}")


@contextmanager
def own_disk() -> Iterator[OwnDisk | None]:
    """An ext4 file system in a file, mounted through a loop device. None where that cannot be done: it needs root."""
    with own_folder() as folder:
        image, at = folder / "image", folder / "disk"
        at.mkdir()
        with image.open("wb") as file:
            file.truncate(MIB << 20)
        # Without the lazy options, the kernel would write parts of the file system later, and they would count.
        done = _run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", image) and _run(
            "mount", "-o", "loop", image, at
        )
        try:
            yield OwnDisk(at) if done else None
        finally:
            if done:
                _run("umount", "--lazy", at)


def _run(*command: str | Path) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
