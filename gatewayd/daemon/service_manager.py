"""What systemd is told of the daemon: sd_notify(3), datagrams on the socket that it names. Nothing, without systemd.

It also keeps descriptors while the daemon is away, and gives them to the next process: sd_listen_fds(3).
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
    """Whoever started this process and wants to be told how it is, if anybody does.

    Takes its variables out of `environment`: programs that the daemon starts are not to speak for it.
    """

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        address = environment.pop("NOTIFY_SOCKET", "")
        pid, usec = environment.pop("WATCHDOG_PID", ""), environment.pop("WATCHDOG_USEC", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        ours = pid in ("", str(os.getpid()))
        self.watchdog_s = int(usec) / 1e6 if ours and usec.isascii() and usec.isdigit() else 0.0
        """After so many seconds without WATCHDOG=1 this process is killed; 0: never."""
        environment.pop("FDSTORE", None)
        self._left = _left(environment)

    @property
    def listens(self) -> bool:
        """Whether anybody does."""
        return bool(self._address)

    @property
    def keeps_descriptors(self) -> bool:
        """Whether descriptors that are handed over may be kept."""
        return self.listens

    def take_descriptors(self) -> list[tuple[str, int]]:
        """The descriptors that were kept of an older process, with their names; once. The caller owns them."""
        left, self._left = self._left, []
        for _, fd in left:
            os.set_inheritable(fd, False)
        return left

    def keep_descriptor(self, name: str, fd: int) -> None:
        """Have a descriptor kept until this process or another is given it, or it hangs up, or the service is stopped."""
        self._send(f"FDSTORE=1\nFDNAME={name}", fd)

    def drop_descriptor(self, name: str) -> None:
        """Have a descriptor kept no longer."""
        self._send(f"FDSTOREREMOVE=1\nFDNAME={name}")

    def tell(self, *assignments: str) -> None:
        """Send assignments, as READY=1, together. What does not reach systemd is logged: it may end us for that."""
        self._send("\n".join(assignments))

    def _send(self, message: str, *descriptors: int) -> None:
        if not self._address:
            return
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", descriptors))] if descriptors else []
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
                notify.sendmsg([message.encode()], rights, 0, self._address)
        except OSError as error:
            log.warning("systemd cannot be told %s: %s", message.partition("\n")[0], error)


def _left(environment: MutableMapping[str, str]) -> list[tuple[str, int]]:
    """What sd_listen_fds_with_names(3) says, for this process alone."""
    pid, count = environment.pop("LISTEN_PID", ""), environment.pop("LISTEN_FDS", "")
    names = environment.pop("LISTEN_FDNAMES", "").split(":")
    environment.pop("LISTEN_PIDFDID", None)
    if pid != str(os.getpid()) or not (count.isascii() and count.isdigit()):
        return []
    numbers = range(_FIRST_FD, _FIRST_FD + int(count))
    return [(names[place] if place < len(names) else "", fd) for place, fd in enumerate(numbers)]
