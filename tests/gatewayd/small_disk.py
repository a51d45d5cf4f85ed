"""The `gatewayd` command with its own disk: a file system in a mount namespace, also without root.

    SMALL_DISK=FOLDER=32m python -m tests.gatewayd.small_disk …     a file system of that size on the folder
    SMALL_DISK=FOLDER=ro python -m tests.gatewayd.small_disk …      the folder as it is, read-only
    SMALL_DISK=FOLDER=of:PID python -m tests.gatewayd.small_disk …  what another such command has there

From outside the namespace the folder is /proc/PID/root/FOLDER.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from gatewayd.cli import main

# <linux/sched.h>, <linux/mount.h>
_NEW_NAMESPACE = 0x00020000
_NEW_USERS = 0x10000000
_READ_ONLY, _REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 1, 32, 4096, 16384, 1 << 18

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, action: str) -> None:
    if result:
        code = ctypes.get_errno()
        sys.exit(
            f"this system does not let a test {action} ({os.strerror(code)}): allow user namespaces, or be root"
        )


def _mount(source: str, folder: str, kind: str, flags: int, options: str = "") -> None:
    arguments = (source.encode(), folder.encode(), kind.encode(), flags, options.encode())
    _check(_libc.mount(*arguments), "mount a file system")


def _join(pid: str) -> None:
    for kind in ("user", "mnt"):
        fd = os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY)
        if os.fstat(fd).st_ino != os.stat(f"/proc/self/ns/{kind}").st_ino:
            _check(_libc.setns(fd, 0), "join a namespace")
        os.close(fd)


def _enter(folder: str, kind: str) -> None:
    if kind.startswith("of:"):
        _join(kind.removeprefix("of:"))
        return
    user, group = os.getuid(), os.getgid()
    if _libc.unshare(_NEW_NAMESPACE) != 0:  # not root
        _check(_libc.unshare(_NEW_USERS | _NEW_NAMESPACE), "have a mount namespace")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _mount("none", "/", "", _RECURSIVE | _PRIVATE)
    if kind == "ro":
        _mount(folder, folder, "", _BIND)
        _mount("none", folder, "", _REMOUNT | _BIND | _READ_ONLY)
    else:
        _mount("none", folder, "tmpfs", 0, f"size={kind}")


if __name__ == "__main__":
    _enter(*os.environ["SMALL_DISK"].rsplit("=", 1))
    main()
