"""The folder of backups: whether it is writable, and whether it is on the disk of the database."""

from __future__ import annotations

import errno
import os
import pwd
import shlex
import tempfile
from pathlib import Path

# Block devices by their numbers (Linux, Documentation/ABI/stable/sysfs-block).
_BLOCK = Path("/sys/dev/block")

# systemd hides these from a service with ProtectHome=yes (systemd.exec(5)).
_HOMES = ("/home", "/root", "/run/user")


def on_one_disk(folder: Path, other: Path, block: Path = _BLOCK) -> bool:
    """Whether two folders are on one disk; False if not known. For a missing folder its nearest parent counts."""
    try:
        return _disk(_there(folder), block) == _disk(_there(other), block)
    except OSError:
        return False


def unwritable(folder: Path) -> str:
    """Why a folder, or its nearest existing parent, is not writable, with the remedy; "" if it is."""
    there = _there(folder)
    try:
        with tempfile.TemporaryFile(dir=there):
            return ""
    except OSError as error:
        return f"{there} cannot be written ({error.strerror or error}): {_cure(folder, there, error)}"


def _cure(folder: Path, there: Path, error: OSError) -> str:
    if str(folder).startswith(tuple(f"{home}/" for home in _HOMES)):
        return "the service sees no home folders: choose one below /mnt, /media or /var"
    if error.errno == errno.EROFS:
        return (
            f"where the disk is not read-only itself, the service may not write there: run `sudo systemctl edit gatewayd`,"
            f" add the two lines `[Service]` and `ReadWritePaths=-{folder}`, and restart it"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        user = _user()
        return f"give it to the user of the service: `sudo chown {user}: {shlex.quote(str(there))}`"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "its disk is full: delete what is not needed"
    return "check the disk, or set store.backup_dir to another folder"


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _there(folder: Path) -> Path:
    """The folder, or its nearest existing parent."""
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder


def _disk(folder: Path, block: Path) -> object:
    """An identifier of the disk of a folder: for a partition, of the whole device. Raises OSError."""
    device = folder.stat().st_dev
    node = Path(os.path.realpath(block / f"{os.major(device)}:{os.minor(device)}"))
    if (node / "partition").exists():
        return str(node.parent)
    return str(node) if node.exists() else device
