"""How a modem's answers may be replaced by recorded ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class Made:
    """The answer that a modem made: its information lines, and its final result as a line."""

    lines: tuple[str, ...]
    final: str


class Piece(NamedTuple):
    """Octets that are sent together, and the pause before them in simulated seconds."""

    pause_s: float
    octets: bytes


class Playback(Protocol):
    """Recorded answers. Commands come without AT, as they were typed."""

    def refuses(self, command: str) -> bool:
        """Whether the recorded modem refused this command, so that it must have no effect."""

    def knows(self, command: str) -> bool:
        """Whether this command was recorded."""

    def answer(self, command: str, made: Made) -> list[Piece] | None:
        """The octets to send in place of the answer made; None: that answer is right."""
