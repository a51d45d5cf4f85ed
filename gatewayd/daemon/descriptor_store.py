"""The descriptors that systemd keeps for the ports between two daemon processes, and their names.

A serial line is named `port-<number>-line-<device>`, the note of a running submission `port-<number>-note`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
from collections.abc import Iterable
from typing import Final

from gatewayd.daemon.service_manager import ServiceManager
from modem.port.held_line import HeldLine

log = logging.getLogger(__name__)

_NAME: Final = re.compile(r"port-([0-9]{1,9})-(?:(note)|(line)-.*)", re.ASCII)
_NOT_ALLOWED: Final = re.compile(
    r"[^A-Za-z0-9/._-]"
)  # for a name: colons and control characters are forbidden there
_LONGEST: Final = 200  # the limit is 255 characters (sd_pid_notify_with_fds(3))


class Descriptors:
    """Hands descriptors to the service manager, and gives ports the descriptors of an older process. Thread-safe."""

    def __init__(self, manager: ServiceManager) -> None:
        self._manager = manager
        self._lock = threading.Lock()
        self._left: dict[tuple[int, str], int] = {}  # port and kind → descriptor, until the port takes it
        self._names: dict[int, str] = {}  # port → name of its line
        for name, fd in manager.take_descriptors():
            found = _NAME.fullmatch(name)
            key = (int(found[1]), found[2] or found[3]) if found else None
            if key is None or key in self._left:
                self._drop(name, fd)
                continue
            self._left[key] = fd
            if key[1] == "line":
                self._names[key[0]] = name

    @property
    def keeps(self) -> bool:
        """True if the service manager keeps descriptors."""
        return self._manager.keeps_descriptors

    def drop_others(self, ports: Iterable[int]) -> None:
        """Close and remove the descriptors of ports that are no longer configured."""
        for key in [key for key in self._left if key[0] not in set(ports)]:
            port, kind = key
            self._drop(self._names.pop(port) if kind == "line" else _note(port), self._left.pop(key))

    def take(self, port: int) -> HeldLine:
        """See `modem.port.held_line.LineStore`."""
        with self._lock:
            return HeldLine(self._left.pop((port, "line"), None), self._left.pop((port, "note"), None))

    def keep_line(self, port: int, device: str, fd: int) -> None:
        """See `modem.port.held_line.LineStore`."""
        self.drop_line(port)
        name = f"port-{port}-line-{_NOT_ALLOWED.sub('_', device)}"[:_LONGEST]
        with self._lock:
            self._names[port] = name
        self._manager.keep_descriptor(name, fd)

    def keep_note(self, port: int, fd: int) -> None:
        """See `modem.port.held_line.LineStore`."""
        self._manager.keep_descriptor(_note(port), fd)

    def drop_line(self, port: int) -> None:
        """See `modem.port.held_line.LineStore`."""
        with self._lock:
            name = self._names.pop(port, None)
        if name is not None:
            self._manager.drop_descriptor(name)

    def drop_note(self, port: int) -> None:
        """See `modem.port.held_line.LineStore`."""
        self._manager.drop_descriptor(_note(port))

    def _drop(self, name: str, fd: int) -> None:
        log.info("the stored descriptor %s is no longer used", name)
        with contextlib.suppress(OSError):
            os.close(fd)
        self._manager.drop_descriptor(name)


def _note(port: int) -> str:
    return f"port-{port}-note"
