"""Open serial lines that outlive the process: kept by a service manager while the daemon is away."""

from __future__ import annotations

import fcntl
import os
import select
import termios
from dataclasses import dataclass
from typing import Final, Protocol

from modem.at.serial_port import SerialPort

_GONE: Final = select.POLLHUP | select.POLLERR | select.POLLNVAL
_SPEEDS: Final = (4, 5)  # where tcgetattr(3) of Python has both


@dataclass(frozen=True, slots=True)
class HeldLine:
    """What an older process left for a port: descriptors, None where there is none."""

    line: int | None = None
    note: int | None = None  # see `modem.port.submission_note`


class LineKeeper(Protocol):
    """Keeps descriptors while the process is away. Called from the ports' threads; never raises."""

    def take(self, port: int) -> HeldLine:
        """What was kept for a port; the caller owns it. Nothing, from the second call on."""

    def keep_line(self, port: int, device: str, fd: int) -> None:
        """Keep the line of a port, which is open on `device`."""

    def keep_note(self, port: int, fd: int) -> None:
        """Keep the note of a port."""

    def drop_line(self, port: int) -> None:
        """Keep the line of a port no longer: it is closed on purpose."""

    @property
    def keeps(self) -> bool:
        """Whether anything is kept at all."""


class NoKeeper:
    """Without a service manager: a line ends with the process."""

    keeps = False

    def take(self, port: int) -> HeldLine:
        """See `LineKeeper`."""
        del port
        return HeldLine()

    def keep_line(self, port: int, device: str, fd: int) -> None:
        """See `LineKeeper`."""

    def keep_note(self, port: int, fd: int) -> None:
        """See `LineKeeper`."""

    def drop_line(self, port: int) -> None:
        """See `LineKeeper`."""


def adopt(fd: int, device: str, baud: int, *, rtscts: bool) -> SerialPort | None:
    """The kept line `fd` as an open port; None where it is no longer what opening `device` would give.

    It must be the same device, not hung up, set as it is configured, and the lock on it must be ours.
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
    """How many octets the kernel keeps that were not read (tty_ioctl(4), FIONREAD); 0 where it does not say."""
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
