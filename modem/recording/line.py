"""The raw line to a modem while it is recorded: a command goes out, and every octet that comes back is kept with its time."""

from __future__ import annotations

import errno
import os
import re
import select
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

from modem.at.responses import result

_CHUNK: Final = 4096
_MOST: Final = 65_536  # octets of one answer; more comes from a device that never stops
LINGER_S: Final = 0.08
"""After a final result: a second one may come, or the tail of the line end."""

_QUIET_S: Final = 0.1
_PDU: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){10,200}")
_PROMPT: Final = re.compile(rb"(?:^|[\r\n])> ?\r?\n?$")


class LineLostError(Exception):
    """The device was lost while it was recorded."""


class GivenUpError(Exception):
    """The recording was stopped by its caller."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Octets that came together. `at_ms`: milliseconds after the command was written."""

    at_ms: int
    octets: bytes


class RawLine:
    """One open descriptor of a serial device. `stop` is asked at least ten times a second; true gives up."""

    def __init__(
        self,
        fd: int,
        stop: Callable[[], bool] = lambda: False,
        linger_s: float = LINGER_S,
        hear: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        """`hear` gets every octet that the modem says."""
        self._fd = fd
        self._stop = stop
        self._linger_s = linger_s
        self._hear = hear
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)

    @property
    def fd(self) -> int:
        """The descriptor."""
        return self._fd

    def unstoppable(self) -> RawLine:
        """The same line for what must be done although the caller gave up."""
        return RawLine(self._fd, linger_s=self._linger_s, hear=self._hear)

    def ask(self, octets: bytes, timeout_s: float, *, prompt: bool = False) -> tuple[Heard, ...]:
        """Write a command; what came until its final result, or until the deadline.

        `prompt`: the sign `> ` ends the answer too. Raises LineLostError, GivenUpError.
        """
        self.drain()
        self._write(octets)
        return self.listen(timeout_s, _is_complete(prompt=prompt))

    def listen(
        self,
        timeout_s: float,
        complete: Callable[[bytes], bool] = lambda _: False,
        quiet_s: float | None = None,
    ) -> tuple[Heard, ...]:
        """What comes until `complete` says so, or until the deadline.

        `quiet_s`: so much silence after the first octets ends it too. Raises LineLostError, GivenUpError.
        """
        began = monotonic()
        deadline, heard, whole, ended = began + timeout_s, list[Heard](), b"", False
        while (left := deadline - monotonic()) > 0 and len(whole) < _MOST:
            if self._stop():
                raise GivenUpError
            octets = self._read(min(left, _QUIET_S))
            if octets:
                heard.append(Heard(round((monotonic() - began) * 1000), octets))
                whole += octets
                if quiet_s is not None:
                    deadline = min(began + timeout_s, monotonic() + quiet_s)
                if not ended and complete(whole):
                    ended, deadline = True, min(deadline, monotonic() + self._linger_s)
        return tuple(heard)

    def drain(self) -> bytes:
        """Read what has come unasked. Raises LineLostError."""
        whole = b""
        while (octets := self._read(0.0)) and len(whole) < _MOST:
            whole += octets
        return whole

    def _read(self, timeout_s: float) -> bytes:
        if not self._poll.poll(round(timeout_s * 1000)):
            return b""
        try:
            octets = os.read(self._fd, _CHUNK)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise LineLostError(
                f"the device was lost ({errno.errorcode.get(error.errno or 0, '')})"
            ) from error
        if not octets:
            raise LineLostError("the device was lost (end of file)")
        self._hear(octets)
        return octets

    def _write(self, octets: bytes) -> None:
        deadline = monotonic() + 5.0
        writable = select.poll()
        writable.register(self._fd, select.POLLOUT)
        while octets:
            try:
                octets = octets[os.write(self._fd, octets) :]
            except BlockingIOError:
                if not writable.poll(max(0, round((deadline - monotonic()) * 1000))):
                    raise LineLostError("the modem does not read the bytes written to it") from None
            except OSError as error:
                name = errno.errorcode.get(error.errno or 0, "")
                raise LineLostError(f"the device was lost ({name})") from error


class DirectPdus:
    """Finds the texts and reports that the modem passes on without storing them (27.005, 3.4.1)."""

    def __init__(self) -> None:
        self._rest = b""
        self._head = ""

    def feed(self, octets: bytes) -> list[tuple[str, str]]:
        """The lines +CMT and +CDS that these octets complete, each with its PDU."""
        *lines, self._rest = re.split(rb"[\r\n]", (self._rest + octets)[-_MOST:])
        found = []
        for line in filter(None, lines):
            text = line.decode("latin-1").strip()
            if self._head and _PDU.fullmatch(text):
                found.append((self._head, text))
            self._head = text if text.startswith(("+CDS:", "+CMT:")) else ""
        return found


def lines_of(octets: bytes) -> list[str]:
    """The lines of an answer, without their ends and without empty ones."""
    return [line for line in re.split(r"[\r\n]+", octets.decode("latin-1")) if line.strip()]


def _is_complete(*, prompt: bool) -> Callable[[bytes], bool]:
    def complete(whole: bytes) -> bool:
        if prompt and _PROMPT.search(whole) is not None:
            return True
        if not whole.endswith((b"\r", b"\n")):
            return False
        lines = lines_of(whole)
        return bool(lines) and result(lines[-1].strip(), numeric=True) is not None

    return complete
