"""Notify systemd about the daemon by datagrams, sd_notify(3). Without systemd, nothing is sent.

systemd also keeps descriptors between two processes of the service: sd_listen_fds(3).
"""

from __future__ import annotations

import logging
import os
import socket
from array import array
from collections.abc import MutableMapping
from typing import Final

_FIRST_FD: Final = 3  # SD_LISTEN_FDS_START

log = logging.getLogger(__name__)


class ServiceManager:
    """The service manager that started this process, if any.

    Removes its variables from `environment`: programs started by the daemon must not send notifications.
    """

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        address = environment.pop("NOTIFY_SOCKET", "")
        pid, usec = environment.pop("WATCHDOG_PID", ""), environment.pop("WATCHDOG_USEC", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        ours = pid in ("", str(os.getpid()))
        self.watchdog_s = int(usec) / 1e6 if ours and usec.isascii() and usec.isdigit() else 0.0
        """systemd kills this process after so many seconds without WATCHDOG=1; 0: never."""
        environment.pop("FDSTORE", None)
        self._kept = _kept(environment)

    @property
    def listens(self) -> bool:
        """True if a service manager receives notifications."""
        return bool(self._address)

    @property
    def keeps_descriptors(self) -> bool:
        """True if the service manager may keep descriptors."""
        return self.listens

    def take_descriptors(self) -> list[tuple[str, int]]:
        """Return the kept descriptors of an older process with their names, once. The caller owns them."""
        kept, self._kept = self._kept, []
        for _, fd in kept:
            os.set_inheritable(fd, False)
        return kept

    def keep_descriptor(self, name: str, fd: int) -> None:
        """Have a descriptor kept until a process of the service takes it, it hangs up, or the service is stopped."""
        self._send(f"FDSTORE=1\nFDNAME={name}", fd)

    def drop_descriptor(self, name: str) -> None:
        """Remove a kept descriptor."""
        self._send(f"FDSTOREREMOVE=1\nFDNAME={name}")

    def notify(self, *assignments: str) -> None:
        """Send assignments such as READY=1 together. A failure is logged, because systemd may then kill this process."""
        self._send("\n".join(assignments))

    def _send(self, message: str, *descriptors: int) -> None:
        if not self._address:
            return
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", descriptors))] if descriptors else []
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
                notify.sendmsg([message.encode()], rights, 0, self._address)
        except OSError as error:
            log.warning("systemd cannot be notified of %s: %s", message.partition("\n")[0], error)


def _kept(environment: MutableMapping[str, str]) -> list[tuple[str, int]]:
    """Read the descriptors and names as sd_listen_fds_with_names(3) does, if they are for this process."""
    pid, count = environment.pop("LISTEN_PID", ""), environment.pop("LISTEN_FDS", "")
    names = environment.pop("LISTEN_FDNAMES", "").split(":")
    environment.pop("LISTEN_PIDFDID", None)
    if pid != str(os.getpid()) or not (count.isascii() and count.isdigit()):
        return []
    numbers = range(_FIRST_FD, _FIRST_FD + int(count))
    return [(names[place] if place < len(names) else "", fd) for place, fd in enumerate(numbers)]
