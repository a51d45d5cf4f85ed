"""One pseudo-terminal: the serial device that a program opens, seen from the modem's end."""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import pty
import select
import tty

READ_AT_ONCE = 65536
HELD_BACK = 1 << 18  # octets kept for a slow reader; octets beyond that are lost, as on a real line


class Terminal:
    """A pseudo-terminal in raw mode.

    The bank keeps no descriptor of the program's end: only so can it tell that no program has the device open, and
    lose what is said then, as a serial line does. The terminal itself lives as long as the modem's end.
    """

    def __init__(self) -> None:
        self.fd, slave = pty.openpty()
        self.name = os.ttyname(slave)
        tty.setraw(slave)
        if os.geteuid() == 0:
            _give_to_dialout(slave)
        os.close(slave)
        os.set_blocking(self.fd, False)
        self._held_back = bytearray()
        self._hangup = select.poll()
        self._hangup.register(self.fd, 0)

    def close(self) -> None:
        """Take the device away: reads and writes of a program that has it open fail with EIO."""
        os.close(self.fd)

    @property
    def open_elsewhere(self) -> bool:
        """Whether a program has the device open."""
        return not self._hangup.poll(0)

    @property
    def waiting(self) -> bool:
        """Whether something is held back until the program reads."""
        return bool(self._held_back)

    def read(self) -> bytes:
        """Octets that the program wrote; b"" if there are none or no program has the device open."""
        try:
            return os.read(self.fd, READ_AT_ONCE)
        except OSError as error:
            if error.errno in {errno.EAGAIN, errno.EIO}:
                return b""
            raise

    def write(self, data: bytes) -> None:
        """Send the octets held back, then these; lost if no program has the device open. Never blocks."""
        if not self.open_elsewhere:
            self._held_back.clear()
            return
        if self._held_back:
            self._held_back += data
            data = bytes(self._held_back)
            self._held_back.clear()
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < len(data):
                sent += os.write(self.fd, data[sent:])
        self._held_back += data[sent : sent + HELD_BACK]


def _give_to_dialout(terminal: int) -> None:
    """Give the device to the group dialout: only root could open the devices of a bank that root runs."""
    with contextlib.suppress(KeyError):  # a system without that group
        os.fchown(terminal, -1, grp.getgrnam("dialout").gr_gid)
        os.fchmod(terminal, 0o660)
