"""Waits for the outcome of a submitted part, and separates it from the late answers to older parts."""

from __future__ import annotations

import logging
from time import monotonic

from modem.at.channel import Channel
from modem.at.framer import Event
from modem.at.responses import REFERENCES, Result, is_spoken, reference_of, result, tag
from modem.at.transport import ChannelError, DeviceGoneError
from modem.parts import InDoubt, Refused, Submitted

log = logging.getLogger(__name__)

Outcome = Submitted | Refused | InDoubt


class _AnswerSorter:
    """Sorts the lines after a PDU into the answer to this part and late answers to older parts.

    A modem answers parts in the order of their submission. So while the answer to an older part is missing, the first
    answer may belong to the older part, and the answer to this part follows.
    """

    def __init__(self, channel: Channel, deadline: float) -> None:
        self.deadline = deadline
        self._channel = channel
        self._references: list[Submitted] = []  # references, in the order of their arrival
        self._groups: list[Submitted] = []  # the last reference before each OK
        self._refusals: list[Result] = []
        self._bare_ok = False  # an OK without a reference, from a modem that may send none
        self._spoilt = False  # noise came, which may have been the reference
        self._strays = False  # a line of another answer came: the next OK belongs to it

    def hear(self, event: Event) -> Outcome | None:
        """Add one line. Returns the outcome of the part once it is certain."""
        channel = self._channel
        if not isinstance(event, str):
            return None
        if tag(event) in REFERENCES:
            self._take(Submitted(reference_of(event)))
            return None
        found = result(event)
        if found is None:
            self._spoilt = self._spoilt or not event.isascii() or not is_spoken(event)
            self._strays = self._strays or channel.habits.answers_another(event)
            channel.set_aside(event)
            return None
        channel.note_result(found)
        if found.ok:
            return self._hear_ok()
        return self._hear_refusal(found)

    def conclude(self) -> Outcome | None:
        """The outcome of the part after the last line; None without an answer."""
        if self._groups or self._references:
            return self._own()
        if self._refusals:
            return verdict(self._channel, self._refusals[-1])
        return Submitted(None) if self._bare_ok else None

    @property
    def is_over(self) -> bool:
        """Whether a final result came last."""
        if len(self._references) > len(self._groups):
            return False
        return bool(self._groups or self._refusals or self._bare_ok)

    def leave_late(self, own: Outcome | None) -> None:
        """Keep the references of older parts in the channel. `own` is the outcome of this part."""
        for reference in self._references:
            if reference is not own:
                self._channel.keep_late(reference)

    def _take(self, reference: Submitted) -> None:
        channel = self._channel
        self._references.append(reference)
        if reference.reference is not None:
            channel.tells_references, channel.tells_none = True, False
        self._wait(channel.timeouts.result_s)

    def _hear_ok(self) -> Outcome | None:
        channel = self._channel
        if len(self._references) > len(self._groups):
            self._groups.append(self._references[-1])
            if len(self._references) <= channel.owed and not self._refusals and not self._is_next():
                self._wait(2 * channel.timeouts.result_s)  # the reference may belong to an older part
                return None
            return self._own()
        if self._strays:
            self._strays = False
        elif not self._references and not (channel.tells_references and not self._spoilt):
            # Some modems send no reference. From others this OK belongs to another command: then the reference follows.
            self._bare_ok = True
            self._wait(channel.timeouts.quiet_s if channel.tells_none else channel.timeouts.result_s)
        return None

    def _is_next(self) -> bool:
        """Whether the last reference comes right after those of all older parts. Modems count up by one."""
        last, reference = self._channel.last_reference, self._references[-1].reference
        return (
            last is not None and reference is not None and (reference - last) % 256 == self._channel.owed + 1
        )

    def _hear_refusal(self, found: Result) -> Outcome | None:
        channel = self._channel
        if self._references:
            # After the references of older parts the error belongs to this part; after its own reference it does not.
            return self._own() if len(self._references) > channel.owed else verdict(channel, found)
        first = not self._refusals
        self._refusals.append(found)
        if first and (channel.owed or found.family == "ERROR"):
            # It may belong to an older part, or be a stray one: modems give a code for a refusal of the network.
            self._wait(channel.timeouts.result_s)
            return None
        return verdict(channel, found)

    def _own(self) -> Submitted:
        """The reference of this part: the last before the OK, or of several with an OK each the highest one."""
        if len(self._groups) < 2:
            return self._references[-1]
        own = self._groups[0]
        for reference in self._groups[1:]:
            if (
                own.reference is None
                or reference.reference is None
                or 0 < (reference.reference - own.reference) % 256 < 128
            ):
                own = reference
        return own

    def _wait(self, seconds: float) -> None:
        self.deadline = min(self.deadline, monotonic() + seconds)


def await_outcome(channel: Channel, deadline: float, timeout_s: float) -> Outcome:
    """Wait until `deadline` (monotonic seconds) for the outcome of a submitted part."""
    sorter = _AnswerSorter(channel, deadline)
    outcome: Outcome | None = None
    try:
        while outcome is None and (events := channel.read(sorter.deadline)) is not None:
            for event in events:
                if outcome is None:
                    outcome = sorter.hear(event)
                else:
                    channel.set_aside(event)
            if outcome is None and channel.restarted:
                channel.in_step = False
                outcome = sorter.conclude() or InDoubt(
                    "The modem restarted before it gave the outcome of the message."
                )
        if outcome is None:
            outcome = sorter.conclude()
            channel.in_step = channel.in_step and sorter.is_over
        if outcome is None:
            outcome = _ask_late(channel, timeout_s)
    except DeviceGoneError:
        outcome = sorter.conclude() or InDoubt(
            "The modem disappeared before it gave the outcome of the message."
        )
    finally:
        channel.framer.echo = ""
    _account(channel, outcome)
    sorter.leave_late(outcome)
    return outcome


def _account(channel: Channel, outcome: Outcome) -> None:
    """Record whether the answer to a part is missing from now on."""
    if channel.gone or channel.restarted:
        channel.owed = 0
    elif isinstance(outcome, InDoubt) and not outcome.asked:
        channel.owed += 1
    else:
        channel.owed = 0
    if isinstance(outcome, Submitted):
        channel.last_reference = outcome.reference
        channel.tells_none = outcome.reference is None and not channel.tells_references


def _ask_late(channel: Channel, timeout_s: float) -> Outcome:
    """Resynchronise, and look for a late answer to the submission."""
    owed, before = channel.owed, len(channel.late_references)
    channel.in_step = False
    try:
        channel.resync()
    except ChannelError as error:
        log.warning("%s: after a submission without an answer: %s", channel.name, error)
    came = channel.late_references[before:]
    if len(came) > owed:
        # The references of older parts come first; the last one belongs to this part.
        return channel.late_references.pop()
    late = channel.late_result
    if late is not None and not came and not owed and not (late.ok and channel.tells_references):
        return verdict(channel, late)
    return InDoubt(f"The modem gave no outcome of the message within {timeout_s:g} s.")


def verdict(channel: Channel, found: Result) -> Outcome:
    """The outcome by a final result without +CMGS; some old modems leave the +CMGS out."""
    if found.ok:
        return Submitted(None)
    why = found.cause(channel.vendor)
    if why.outcome_unknown:
        return InDoubt(why.text_en, asked=True)
    return Refused(why)
