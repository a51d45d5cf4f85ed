"""Opening a serial device so that nobody else does, and closing it again."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import termios
from typing import Final

import serial

_UNIX98_PTY_MAJORS: Final = range(136, 144)  # Linux, Documentation/admin-guide/devices.txt


class DeviceUnavailableError(Exception):
    """The device cannot be opened now; the message says why, and what a person can do."""


class SerialPort:
    """An open serial device: raw, 8N1, not blocking, held with flock and TIOCEXCL."""

    def __init__(self, port: serial.Serial) -> None:
        self._port = port
        self.fd: int = port.fileno()

    def close(self) -> None:
        """Give the device back, throwing away what it has not sent yet. Never raises; may be repeated."""
        if not self._port.is_open:
            return
        try:
            termios.tcflush(
                self.fd, termios.TCIOFLUSH
            )  # else closing may wait 30 s for a modem that reads no more
            fcntl.ioctl(self.fd, termios.TIOCNXCL)
        except (OSError, termios.error):
            pass  # the device is gone, and its locks with it
        with contextlib.suppress(OSError, serial.SerialException):
            self._port.close()  # likewise: the descriptor is freed whatever close(2) says


def open_device(device: str, baud: int, *, rtscts: bool = False) -> SerialPort:
    """Open `device` at `baud`. No hardware flow control unless asked for: three-wire boards have no such lines.

    Raises DeviceUnavailableError.
    """
    try:
        port = serial.Serial(device, baud, timeout=0, write_timeout=0, rtscts=rtscts, exclusive=True)
    except (OSError, serial.SerialException, ValueError) as error:
        raise DeviceUnavailableError(_advice(device, error)) from error
    try:
        if os.major(os.fstat(port.fileno()).st_rdev) not in _UNIX98_PTY_MAJORS:
            # A pseudo-terminal would keep the mark when we are killed, as its other end holds it open; flock ends.
            fcntl.ioctl(port.fileno(), termios.TIOCEXCL)
    except OSError as error:
        port.close()
        raise DeviceUnavailableError(_advice(device, error)) from error
    return SerialPort(port)


def _advice(device: str, error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number is None and isinstance(
        error.__context__, termios.error
    ):  # pyserial wraps it without its number
        number = error.__context__.args[0]
    if number in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
        return f"{device} is not there: is the modem plugged in and powered?"
    if number in (errno.EACCES, errno.EPERM):
        return f"{device} may not be opened: add the gateway's user to the group that owns it (dialout)."
    if number in (errno.EBUSY, errno.EAGAIN) or "exclusively lock" in str(error):
        return f"{device} is held by another program: stop it (ModemManager, another gateway?)."
    if number in (errno.ENOTTY, errno.EISDIR, errno.EINVAL):
        return f"{device} is no serial device: correct `device` for this port."
    return f"{device} cannot be opened: {error}"
