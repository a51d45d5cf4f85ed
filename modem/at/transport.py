"""Reads events from the open descriptor of one modem, and writes bytes to it within a deadline."""

from __future__ import annotations

import errno
import math
import os
import select
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Final

from config.language.text import Text
from modem.at.framer import Event, Framer
from modem.at.transcript import Transcript

_CHUNK: Final = 4096
_DRAIN_CHUNKS: Final = 64  # more stale input comes from a device that never stops sending
_EMPTY_READS: Final = 10  # another program may read the bytes first; so often in a row, the device is gone
_GONE: Final = select.POLLHUP | select.POLLERR | select.POLLNVAL


class ChannelError(Exception):
    """The modem cannot be reached."""


class DeviceGoneError(ChannelError):
    """The device was lost: unplugged, reset, or its other end closed. Close it and open it again."""


class SilentError(ChannelError):
    """A command got no final result in time. The channel resynchronises before the next one."""

    def __init__(self, reason: str, lines: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.lines = lines  # of the incomplete answer


class Transport:
    """The descriptor of one modem. `attend` is called whenever `wake_fd` becomes readable during a wait, and empties it."""

    def __init__(
        self,
        fd: int,
        wake_fd: int,
        attend: Callable[[], None],
        *,
        write_s: float,
        text_s: float,
        transcript: Transcript | None,
    ) -> None:
        self.framer = Framer()
        self.gone = False  # the device was lost
        self.reader: Callable[[int, int], bytes] = os.read
        self._fd = fd
        self._wake_fd = wake_fd
        self._attend = attend
        self._write_s = write_s
        self._text_s = text_s
        self._heard_at = 0.0  # monotonic seconds of the last octets
        self._transcript = transcript
        self._poll = select.poll()
        # First, so that a modem that never stops sending delays no request.
        self._poll.register(wake_fd, select.POLLIN)
        self._poll.register(fd, select.POLLIN)
        self._device = select.poll()
        self._device.register(fd, select.POLLIN)
        self._empty = 0
        self._overtime = False  # the last read was after its deadline

    def read(self, deadline: float, *, partial: bool = False, wakeful: bool = False) -> list[Event] | None:
        """The next events, None at the deadline.

        An empty list after bytes that end no line (`partial`), or after a wake-up (`wakeful`). Available bytes are read
        once even after the deadline: it may have passed while this thread did something else. A quoted text whose end
        does not come within `text_s` was cut, and is returned as it is.
        Raises DeviceGoneError.
        """
        while True:
            remaining = deadline - monotonic()
            if remaining <= 0 and self._overtime:
                self._overtime = False
                return None
            self._overtime = remaining <= 0
            if self.framer.text_open:
                remaining = min(remaining, self._heard_at + self._text_s - monotonic())
            ready = self._poll.poll(max(0, math.ceil(remaining * 1000)))
            if not ready and self.framer.text_open and monotonic() >= self._heard_at + self._text_s:
                return self.framer.end_text()
            for fd, flags in ready:
                if fd == self._wake_fd:
                    self._attend()
                    if wakeful:
                        return []
                    continue
                events = self.framer.feed(self._receive(flags))
                if events or partial:
                    return events

    def read_stale(self) -> Iterator[list[Event]]:
        """The events that are there already, chunk by chunk, without waiting."""
        for _ in range(_DRAIN_CHUNKS):
            ready = self._device.poll(0)
            if not ready:
                return
            yield self.framer.feed(self._receive(ready[0][1]))

    def write(self, data: bytes) -> None:
        """Write all of `data`. Raises SilentError where the modem stopped reading: then the last bytes were not written."""
        deadline = monotonic() + self._write_s
        if self._transcript is not None:
            self._transcript.sent(data)
        while True:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:
                pass
            except OSError as error:
                raise self._lost(error) from error
            if not data:
                return
            writable = select.poll()
            writable.register(self._fd, select.POLLOUT)
            left_ms = math.ceil((deadline - monotonic()) * 1000)
            if left_ms <= 0 or not writable.poll(left_ms):
                raise SilentError(Text("the modem does not read the bytes written to it"))

    def _receive(self, flags: int) -> bytes:
        try:
            data = self.reader(self._fd, _CHUNK)
        except BlockingIOError:
            data = b""
        except OSError as error:
            raise self._lost(error) from error
        if data:
            self._empty = 0
            self._heard_at = monotonic()
            if self._transcript is not None:
                self._transcript.received(data)
            return data
        self._empty += 1
        if flags & _GONE or self._empty >= _EMPTY_READS:
            raise self._lost(None)
        return b""

    def _lost(self, error: OSError | None) -> DeviceGoneError:
        self.gone = True
        name = errno.errorcode.get(error.errno or 0, "") if error is not None else "end of file"
        return DeviceGoneError(Text("the device was lost ({name})", name=name))
