"""A modem's output: octets in order, some of them sent slowly."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from modem.simulator.core.timers import Timer, Timers


class Output:
    """Sends octets at once, or in pieces with a gap between; later octets wait, as on any line."""

    def __init__(self, write: Callable[[bytes], None], timers: Timers) -> None:
        self._write = write
        self._timers = timers
        self._pieces: deque[tuple[bytes, float]] = deque()  # octets, and the gap before them
        self._timer: Timer | None = None

    def clear(self) -> None:
        """Drop the waiting octets, as a loss of power does."""
        self._pieces.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def write(self, octets: bytes) -> None:
        """Write octets in one piece."""
        if self._pieces:
            self._pieces.append((octets, 0.0))
        else:
            self._write(octets)

    def write_in_pieces(self, pieces: Iterable[bytes], gap_s: float) -> None:
        """Write octets with a gap before each piece but the first."""
        first, *rest = pieces
        self.write(first)
        self._pieces.extend((piece, gap_s) for piece in rest)
        self._go_on()

    def _go_on(self) -> None:
        if self._timer is None and self._pieces:
            self._timer = self._timers.later(self._pieces[0][1], self._next)

    def _next(self) -> None:
        self._timer = None
        self._write(self._pieces.popleft()[0])
        while self._pieces and not self._pieces[0][1]:
            self._write(self._pieces.popleft()[0])
        self._go_on()
