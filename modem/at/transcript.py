"""The last bytes between the gateway and one modem. They become readable lines only when they are read."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from time import monotonic, time
from typing import Final

from modem.at.transcript_lines import Direction, Entry, Line, Reader
from modem.at.watcher import Watcher

__all__ = ["Direction", "Line", "Recording", "Transcript", "Watcher"]

_BYTES_A_LINE: Final = 512  # on average; a PDU has 352. The bytes shown are never more, noise or not
_ENDS_A_LINE: Final = 2  # a modem sends two line ends for each line
_OVERHEAD: Final = 120  # octets of memory for an entry beside its bytes


@dataclass(frozen=True, slots=True)
class Recording:
    """The kept bytes of a port at one moment. Any thread may read it: that takes milliseconds, which the port need not spend."""

    entries: tuple[Entry, ...]
    limit: int

    @property
    def until(self) -> float:
        """The time of the last bytes (monotonic seconds); 0 where nothing is kept."""
        return self.entries[-1][1] if self.entries else 0.0

    def lines(self) -> list[Line]:
        """The lines, the oldest first, secrets masked."""
        reader, clock = Reader(), time() - monotonic()
        lines = [line for entry in self.entries for line in reader.read(entry, clock)]
        return [*(lines[-self.limit :] if self.limit else []), *reader.rest(clock)]


class Transcript:
    """The last `lines` lines of one port, and its watchers. Used from the port's thread."""

    def __init__(self, lines: int) -> None:
        self._limit = lines
        self._entries: deque[Entry] = deque(maxlen=_ENDS_A_LINE * lines)
        self._returned_until = 0.0
        self._watchers: list[Watcher] = []
        self._live: Reader | None = None  # while there is a watcher

    def sent(self, data: bytes) -> None:
        """Record bytes for the modem."""
        self._keep(Direction.TO_MODEM, data)

    def received(self, data: bytes) -> None:
        """Record bytes from the modem."""
        self._keep(Direction.FROM_MODEM, data)

    def note(self, text: str) -> None:
        """Record an event of the port."""
        self._keep(Direction.NOTE, text.encode())

    def lines(self, after: float = 0.0) -> list[Line]:
        """The recorded lines, the oldest first; only those `after` this time (monotonic seconds)."""
        reader = Reader()
        return [*self._read(reader, after), *reader.rest(time() - monotonic())]

    def recording(self) -> Recording:
        """The kept bytes, to be read in another thread."""
        self._trim()
        return Recording(tuple(self._entries), self._limit)

    def new_lines(self) -> list[Line]:
        """The lines recorded since the last call of this method."""
        found = self.lines(self._returned_until)
        self._returned_until = monotonic()
        return found

    def watch(self, watcher: Watcher) -> None:
        """Add a watcher, which gets the recorded lines first."""
        reader = Reader()
        watcher.put_kept(self._read(reader))
        if self._live is None:
            self._live = reader
        self._watchers.append(watcher)

    def leave(self, watcher: Watcher) -> None:
        """Remove a watcher."""
        if watcher in self._watchers:
            self._watchers.remove(watcher)
        if not self._watchers:
            self._live = None

    def end(self) -> None:
        """End all watchers: the port has stopped."""
        for watcher in self._watchers:
            watcher.end()
        self._watchers.clear()
        self._live = None

    def _keep(self, direction: Direction, data: bytes) -> None:
        entry = (direction, monotonic(), data)
        self._entries.append(entry)
        if len(data) > _BYTES_A_LINE:  # otherwise trimming can wait until a reader comes
            self._trim()
        if self._live is not None:
            clock = time() - monotonic()
            for line in self._live.read(entry, clock):
                for watcher in self._watchers:
                    watcher.put(line)

    def _trim(self) -> None:
        """Drop the oldest entries beyond the limits of lines and bytes."""
        kept = ends = octets = 0
        for _, _, data in reversed(self._entries):
            ends += data.count(b"\r") or 1
            octets += len(data) + _OVERHEAD
            if ends > _ENDS_A_LINE * self._limit or octets > _BYTES_A_LINE * self._limit:
                break
            kept += 1
        while len(self._entries) > kept:
            self._entries.popleft()

    def _read(self, reader: Reader, after: float = 0.0) -> list[Line]:
        self._trim()
        clock = time() - monotonic()
        lines = [line for entry in self._entries for line in reader.read(entry, clock) if entry[1] > after]
        return lines[-self._limit :] if self._limit else []
