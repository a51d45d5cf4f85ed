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
HELD_BACK = (
    1 << 18
)  # octets kept for a program that reads slowly; what comes on top is lost, as on a real line


class Terminal:
    """A pseudo-terminal in raw mode.

    The bank keeps no descriptor of the program's end: only so can it tell that nobody has the device open, and
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
        """Take the device away: whoever has it open gets EIO from now on."""
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
        """What the program wrote, b"" if nothing is there or nobody has the device open."""
        try:
            return os.read(self.fd, READ_AT_ONCE)
        except OSError as error:
            if error.errno in {errno.EAGAIN, errno.EIO}:
                return b""
            raise

    def write(self, data: bytes) -> None:
        """Send what was held back, then this; lost if nobody has the device open. Never blocks."""
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
    """Let those open it who may open serial devices: else a bank that root runs would serve root alone."""
    with contextlib.suppress(KeyError):  # a system without that group
        os.fchown(terminal, -1, grp.getgrnam("dialout").gr_gid)
        os.fchmod(terminal, 0o660)
