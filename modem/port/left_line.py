"""Reads what a modem sent while no process read from its line, before any command is sent to it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from time import monotonic
from typing import Final

from modem.at.channel import Channel
from modem.at.framer import Event
from modem.at.responses import REFERENCES, Result, reference_of, result, tag
from modem.parts import Submitted

log = logging.getLogger(__name__)

# Octets that the kernel holds for a terminal that no process reads (Linux: N_TTY_BUF_SIZE 4096, less one).
FULL: Final = 4095


@dataclass(frozen=True, slots=True)
class LeftAnswer:
    """The modem's answer to the part that was being submitted; both None where there is none."""

    taken: Submitted | None = None
    failure: Result | None = None


def listen(channel: Channel, heard: bytes, kept: int | None, wait_s: float) -> LeftAnswer:
    """Read the line from the point where an older process stopped, and return the answer to its last part.

    `heard`: what the older process read and perhaps did not sort. `kept`: how many octets the kernel held of the same
    line; None: the line was opened again. Where there is no answer in that, wait for `wait_s` more.
    URCs are queued as usual. A bare OK is no answer: it may answer another command. Raises DeviceGoneError.
    """
    sorter = _Sorter(channel)
    sorter.sort(channel.framer.feed(heard))
    if kept is None:
        channel.forget_partial()
    full = kept is not None and kept >= FULL
    for events in channel.unread() if kept is not None else ():
        sorter.sort(events)
        if full:
            # There is a gap after these octets: the rest of the last line, and the PDU of the last URC, are lost.
            channel.forget_partial()
            log.warning(
                "%s: while the gateway was stopped, the modem sent more than the kernel stores: some of it is lost",
                channel.name,
            )
            full = False
    deadline = monotonic() + wait_s
    while sorter.settled_by > monotonic() and not channel.restarted:
        more = channel.read(min(deadline, sorter.settled_by))
        if more is None:
            break
        sorter.sort(more)
    return LeftAnswer(sorter.taken, None if sorter.taken else sorter.failure)


class _Sorter:
    """Sorts the lines that were left, and finds the answer among them."""

    def __init__(self, channel: Channel) -> None:
        self.taken: Submitted | None = None
        self.failure: Result | None = None
        self.settled_by = float("inf")  # when waiting for more ends, in monotonic seconds
        self._channel = channel

    def sort(self, events: list[Event]) -> None:
        for event in events:
            found = result(event) if isinstance(event, str) else None
            if self._channel.restarted:  # the modem forgot the part
                self._channel.set_aside(event)
                continue
            if isinstance(event, str) and self.failure is None and tag(event) in REFERENCES:
                self.taken = Submitted(reference_of(event))  # the last one before the OK is about this part
                self.settled_by = monotonic() + self._channel.timeouts.result_s
            elif found is None:
                self._channel.set_aside(event)
            elif not found.ok and self.taken is None and self.failure is None:
                self.failure = found
            if found is not None and (self.taken or self.failure):
                self.settled_by = 0.0
