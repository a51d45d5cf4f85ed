"""What systemd is told of the daemon: sd_notify(3), datagrams on the socket that it names. Nothing, without systemd."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import MutableMapping

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

    @property
    def listens(self) -> bool:
        """Whether anybody does."""
        return bool(self._address)

    def tell(self, *assignments: str) -> None:
        """Send assignments, as READY=1, together. What does not reach systemd is logged: it may end us for that."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
                notify.sendto("\n".join(assignments).encode(), self._address)
        except OSError as error:
            log.warning("systemd cannot be told %s: %s", assignments[0], error)
