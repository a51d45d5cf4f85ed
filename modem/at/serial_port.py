"""Opens a serial device exclusively, and closes it again."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import grp
import os
import pwd
import termios
from pathlib import Path
from typing import Final

import serial

from config.language.text import Text, text_of
from modem.hardware.device_path import DeviceUnavailableError
from modem.hardware.device_users import device_users, in_use, in_use_by
from modem.hardware.sysfs import MACHINE

_UNIX98_PTY_MAJORS: Final = range(136, 144)  # Linux, Documentation/admin-guide/devices.txt


class SerialPort:
    """An open serial device: raw, 8N1, non-blocking, locked with flock and TIOCEXCL."""

    def __init__(self, fd: int, port: serial.Serial | None = None) -> None:
        """`port`: the pyserial object that opened it; None where an older process did."""
        self.fd = fd
        self._port = port
        self._closed = False

    def set_baud(self, baud: int) -> None:
        """Set the speed. Raises OSError, termios.error or ValueError where the device does not support it."""
        if self._port is None:
            raise ValueError(Text("the line was opened by another process"))
        self._port.baudrate = baud

    def close(self) -> None:
        """Close and unlock the device, and drop unsent bytes. Never raises; may be repeated."""
        if self._closed:
            return
        try:
            # Without this, closing may wait 30 s for a modem that stopped reading.
            termios.tcflush(self.fd, termios.TCIOFLUSH)
            fcntl.ioctl(self.fd, termios.TIOCNXCL)
            fcntl.flock(self.fd, fcntl.LOCK_UN)  # a service manager may hold another descriptor for a moment
        except (OSError, termios.error):
            pass  # the device is gone, and its locks with it
        self._close()

    def leave(self) -> None:
        """Close this descriptor only: another one keeps the line open, and its input is read later.

        Never raises; may be repeated.
        """
        if self._closed:
            return
        with contextlib.suppress(OSError, termios.error):  # the device is gone
            termios.tcflush(self.fd, termios.TCOFLUSH)  # as in `close`
        self._close()

    def _close(self) -> None:
        self._closed = True
        with contextlib.suppress(OSError, serial.SerialException):
            if self._port is not None:
                self._port.close()  # the descriptor is freed whatever close(2) returns
            else:
                os.close(self.fd)


def open_device(device: str, baud: int, *, rtscts: bool = False, proc: Path = MACHINE.proc) -> SerialPort:
    """Open `device` at `baud`. Hardware flow control (`rtscts`) is off by default: three-wire boards lack these lines.

    `proc` is the folder of processes, to name the one that uses the device. Raises DeviceUnavailableError.
    """
    _check_unused(device, proc)
    try:
        port = serial.Serial(device, baud, timeout=0, write_timeout=0, rtscts=rtscts, exclusive=True)
    except (OSError, serial.SerialException, ValueError) as error:
        raise _unavailable(device, error, proc) from error
    try:
        if os.major(os.fstat(port.fileno()).st_rdev) not in _UNIX98_PTY_MAJORS:
            # Not for a pseudo-terminal: its other end keeps it open, and so this lock would outlive a killed gateway.
            fcntl.ioctl(port.fileno(), termios.TIOCEXCL)
    except OSError as error:
        port.close()
        raise _unavailable(device, error, proc) from error
    return SerialPort(port.fileno(), port)


def _check_unused(device: str, proc: Path) -> None:
    """Refuse a device that another program has open without a lock: each would get half of the modem's bytes.

    Pseudo-terminals are exempt: a modem simulator may keep both ends open.
    """
    if not os.path.exists(device) or not os.path.basename(os.path.realpath(device)).startswith("tty"):
        return
    others = [user for user in device_users(device, proc) if user.pid != os.getpid()]
    if others:
        raise DeviceUnavailableError(in_use_by(device, others[0]))


def _unavailable(device: str, error: Exception, proc: Path) -> DeviceUnavailableError:
    number = getattr(error, "errno", None)
    # pyserial wraps this error without its number.
    if number is None and isinstance(error.__context__, termios.error):
        number = error.__context__.args[0]
    missing = number in (errno.ENOENT, errno.ENXIO, errno.ENODEV)
    return DeviceUnavailableError(_advice(device, number, error, proc), missing=missing)


def _advice(device: str, number: int | None, error: Exception, proc: Path) -> str:
    if number in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
        return Text("{device} is not there: is the modem plugged in and powered?", device=device)
    if number in (errno.EACCES, errno.EPERM):
        return _forbidden(device)
    if number in (errno.EBUSY, errno.EAGAIN) or "exclusively lock" in str(error):
        return in_use(device, proc)
    if number in (errno.ENOTTY, errno.EISDIR, errno.EINVAL):
        return Text("{device} is no serial device: correct `device` for this port.", device=device)
    return Text("{device} cannot be opened: {reason}", device=device, reason=text_of(error))


def _forbidden(device: str) -> str:
    """The advice where the user may not open a device."""
    try:
        user = pwd.getpwuid(os.geteuid()).pw_name
        group = grp.getgrgid(os.stat(device).st_gid).gr_name
    except (KeyError, OSError):
        user, group = "USER", "dialout"
    if group == "root":  # the udev rule that gives serial devices to the group dialout is missing
        return Text(
            "{device} may not be opened by {user}: it is root's alone, where the group dialout is usual.",
            device=device,
            user=user,
        )
    return Text(
        "{device} may not be opened by {user}: `sudo usermod -aG {group} {user}`, then restart the gateway.",
        device=device,
        user=user,
        group=group,
    )
