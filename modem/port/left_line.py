"""What a modem said while nobody read from it: heard before anything is said to it."""

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

# What the kernel keeps of a terminal that nobody reads (Linux, N_TTY_BUF_SIZE 4096, one octet less).
FULL: Final = 4095


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said of the part that was in the air; both None where nothing was."""

    taken: Submitted | None = None
    failure: Result | None = None


def listen(channel: Channel, heard: bytes, kept: int | None, wait_s: float) -> Heard:
    """Go on where an older process stopped: with what it read and perhaps did not look at, `heard`; with what the kernel
    kept of the same line, `kept` octets (None: the line was opened anew); and, where that settles nothing, for `wait_s`.

    URCs go where they always go. A bare OK settles nothing: it may answer another command. Raises DeviceGoneError.
    """
    ear = _Ear(channel)
    ear.hear(channel.framer.feed(heard))
    if kept is None:
        channel.forget_partial()
    full = kept is not None and kept >= FULL
    for events in channel.unread() if kept is not None else ():
        ear.hear(events)
        if full:
            # What follows did not come after this: the line that was begun, and the PDU of the last one, are lost.
            channel.forget_partial()
            log.warning(
                "%s: the modem said more while the gateway was away than the kernel keeps: some of it is lost",
                channel.name,
            )
            full = False
    deadline = monotonic() + wait_s
    while ear.settled_by > monotonic() and not channel.restarted:
        more = channel.read(min(deadline, ear.settled_by))
        if more is None:
            break
        ear.hear(more)
    return Heard(ear.taken, None if ear.taken else ear.failure)


class _Ear:
    """Sorts what is heard."""

    def __init__(self, channel: Channel) -> None:
        self.taken: Submitted | None = None
        self.failure: Result | None = None
        self.settled_by = float("inf")  # when there is nothing more to be waited for, in monotonic seconds
        self._channel = channel

    def hear(self, events: list[Event]) -> None:
        for event in events:
            found = result(event) if isinstance(event, str) else None
            if self._channel.restarted:  # it knows no more of the part
                self._channel.set_aside(event)
                continue
            if isinstance(event, str) and self.failure is None and tag(event) in REFERENCES:
                self.taken = Submitted(reference_of(event))  # the last one before the OK is this part's
                self.settled_by = monotonic() + self._channel.waits.result_s
            elif found is None:
                self._channel.set_aside(event)
            elif not found.ok and self.taken is None and self.failure is None:
                self.failure = found
            if found is not None and (self.taken or self.failure):
                self.settled_by = 0.0
