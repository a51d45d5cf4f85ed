"""Records the simulated network's events, for tests that compare sent with received messages."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import TextIO

from modem.simulator.core.tpdu import Concatenation, Submit


@dataclass(frozen=True, slots=True)
class Accepted:
    """One submission that the network took."""

    at: float  # simulated seconds since the bank began
    iccid: str
    sender: str
    recipient: str  # E.164 where the number is one
    tpdu: bytes  # as it was submitted, without service centre address
    reference: int  # the TP-MR that was answered
    submit: Submit

    @property
    def text(self) -> str:
        """The text of this part alone."""
        return self.submit.text()

    @property
    def concatenation(self) -> Concatenation | None:
        """The part's place in a longer message; None for a whole message."""
        return self.submit.concatenation()


@dataclass(frozen=True, slots=True)
class Text:
    """A whole text, assembled as a phone does."""

    at: float  # of its last part
    sender: str
    recipient: str
    text: str
    parts: tuple[Accepted, ...]


@dataclass(slots=True)
class _Unfinished:
    parts: dict[int, Accepted] = field(default_factory=dict)


class Witness:
    """Remembers accepted submissions, and writes each event as a line of JSON if there is a log."""

    def __init__(self, kept: int, log: Path | None, wall: Callable[[], float]) -> None:
        self._accepted: deque[Accepted] = deque(maxlen=kept)
        self._texts: deque[Text] = deque(maxlen=kept)
        self._fresh: deque[Accepted] = deque(maxlen=kept)
        self._unfinished: dict[tuple[str, str, int, bool, int], _Unfinished] = {}
        self._path = log
        self._log: TextIO | None = None
        self._wall = wall
        self._moments: deque[tuple[str, float, str]] = deque(maxlen=kept)
        self.total = 0  # accepted since the beginning, those forgotten included

    def open(self) -> None:
        """Begin the log, if there is to be one. Raises `OSError`."""
        if self._path is not None:
            self._log = self._path.open("a", encoding="utf-8")

    def close(self) -> None:
        """End the log."""
        if self._log is not None:
            self._log.close()
            self._log = None

    def moment(self, what: str, iccid: str) -> None:
        """Note when a modem was asked to submit, or answered that the network has taken it: real, monotonic seconds."""
        self._moments.append((what, monotonic(), iccid))

    def take_moments(self, most: int) -> list[tuple[str, float, str]]:
        """The oldest such moments that were not taken yet; `most` bounds how many."""
        return [self._moments.popleft() for _ in range(min(most, len(self._moments)))]

    @property
    def logs(self) -> bool:
        """Whether events are written down; if not, none need be put together."""
        return self._log is not None

    def record(self, accepted: Accepted) -> None:
        """The network took a submission."""
        self.total += 1
        self._accepted.append(accepted)
        self._fresh.append(accepted)

    def accepted(self) -> tuple[Accepted, ...]:
        """Everything remembered, oldest first."""
        return tuple(self._accepted)

    def texts(self) -> tuple[Text, ...]:
        """Complete texts in the order of completion."""
        while self._fresh:
            self._assemble(self._fresh.popleft())
        return tuple(self._texts)

    def _assemble(self, part: Accepted) -> None:
        place = part.concatenation
        if place is None or place.total == 1:
            self._texts.append(Text(part.at, part.sender, part.recipient, part.text, (part,)))
            return
        key = (part.sender, part.recipient, place.reference, place.wide, place.total)
        unfinished = self._unfinished.setdefault(key, _Unfinished())
        unfinished.parts[place.seq] = part
        if len(unfinished.parts) == place.total:
            del self._unfinished[key]
            parts = tuple(unfinished.parts[seq] for seq in range(1, place.total + 1))
            text = "".join([each.text for each in parts])
            self._texts.append(Text(part.at, part.sender, part.recipient, text, parts))

    def event(self, what: str, **facts: object) -> None:
        """Write a line to the log, if there is one."""
        if self._log is None:
            return
        self._log.write(
            json.dumps({"at": round(self._wall(), 3), "event": what, **facts}, ensure_ascii=False) + "\n"
        )
        self._log.flush()
