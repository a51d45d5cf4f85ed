"""Serial lines that stay open while the daemon restarts, kept by a service manager."""

from __future__ import annotations

import fcntl
import os
import select
import termios
from dataclasses import dataclass
from typing import Final, Protocol

from modem.at.serial_port import SerialPort

_GONE: Final = select.POLLHUP | select.POLLERR | select.POLLNVAL
_SPEEDS: Final = (4, 5)  # where Python's tcgetattr has both


@dataclass(frozen=True, slots=True)
class HeldLine:
    """The descriptors that an older process left for a port; None where there is none."""

    line: int | None = None
    note: int | None = None  # see `modem.port.submission_note`


class LineStore(Protocol):
    """Keeps descriptors while the process is restarted. Called from the ports' threads; never raises."""

    def take(self, port: int) -> HeldLine:
        """Return what was kept for a port; the caller owns it. From the second call on: nothing."""

    def keep_line(self, port: int, device: str, fd: int) -> None:
        """Keep the line of a port that is open on `device`."""

    def keep_note(self, port: int, fd: int) -> None:
        """Keep the note of a port."""

    def drop_line(self, port: int) -> None:
        """Stop keeping the line of a port: it is closed on purpose."""

    def drop_note(self, port: int) -> None:
        """Stop keeping the note of a port: the port ends for good."""

    @property
    def keeps(self) -> bool:
        """Whether descriptors are kept at all."""


class NoLineStore:
    """Keeps nothing: without a service manager, a line ends with the process."""

    keeps = False

    def take(self, port: int) -> HeldLine:
        """See `LineStore`."""
        del port
        return HeldLine()

    def keep_line(self, port: int, device: str, fd: int) -> None:
        """See `LineStore`."""

    def keep_note(self, port: int, fd: int) -> None:
        """See `LineStore`."""

    def drop_line(self, port: int) -> None:
        """See `LineStore`."""

    def drop_note(self, port: int) -> None:
        """See `LineStore`."""


def adopt(fd: int, device: str, baud: int, *, rtscts: bool) -> SerialPort | None:
    """Return the kept line `fd` as an open port; None where opening `device` would give another result.

    It must be the same device, not hung up, with the configured speed and flow control, and this process must hold its lock.
    """
    try:
        if os.fstat(fd).st_rdev != os.stat(device).st_rdev or _hung_up(fd):
            return None
        attributes = termios.tcgetattr(fd)
        flow = bool(attributes[2] & termios.CRTSCTS)
        speed = getattr(termios, f"B{baud}", None)
        if flow != rtscts or any(attributes[place] != speed for place in _SPEEDS):
            return None
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.set_blocking(fd, False)
    except (OSError, termios.error):
        return None
    return SerialPort(fd)


def unread(fd: int) -> int:
    """Return the number of unread octets in the kernel (tty_ioctl(4), FIONREAD); 0 where it is unknown."""
    count = bytearray(4)
    try:
        fcntl.ioctl(fd, termios.FIONREAD, count)
    except OSError:
        return 0
    return int.from_bytes(count, "little")


def _hung_up(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return any(flags & _GONE for _, flags in poll.poll(0))
