"""Parts handed over in PDU mode, each time as one transaction (27.005, 3.5 and 4.3 to 4.7).

`submit` is AT+CMGS: prompt, PDU, and what became of it. `write` is AT+CMGW and `send_written` AT+CMSS: the same in two
steps. None of them raises ChannelError; look at the channel's `gone` and `in_step` afterwards.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic
from typing import Final

from modem.at import CTRL_Z, REFERENCES, Channel, reference_of
from modem.errors import DEVICE_GONE, NO_PROMPT, NOT_WRITTEN, cause
from modem.framer import Event, Sign
from modem.lines import Result, fields, is_spoken, result, tag
from modem.wire import ChannelError, DeviceGoneError, SilentError
from modem.work import InDoubt, Refused, Submitted

log = logging.getLogger(__name__)

_STORED_UNSENT: Final = 2  # <stat> (27.005, 3.1)

_PIECE: Final = 16  # characters at once: the buffer of the oldest UARTs; Kannel types 18 for Nokia telephones
_BETWEEN_PIECES_S: Final = 0.02  # Kannel waits 10 ms


def submit(
    channel: Channel, length: int, pdu: str, timeout_s: float, meanwhile: Callable[[], None] | None = None
) -> Submitted | Refused | InDoubt:
    """AT+CMGS: `length` octets behind the SMSC address.

    Waits `timeout_s` after the PDU was handed over, and calls `meanwhile` once first: the modem is now busy with
    the network, so this time costs nothing. What went wrong before the PDU was complete is a refusal with a LOCAL
    cause, and what went wrong after it leaves the part in doubt.
    """
    refusal = _type(channel, f"AT+CMGS={length}", pdu)
    if refusal is not None:
        return refusal
    deadline = monotonic() + timeout_s
    if meanwhile is not None:
        meanwhile()
    return _await_reference(channel, deadline, timeout_s)


def write(channel: Channel, length: int, pdu: str, timeout_s: float) -> int | Refused:
    """AT+CMGW: the index under which the modem keeps the part, unsent. A refusal with a LOCAL cause says nothing of that."""
    refusal = _type(channel, f"AT+CMGW={length},{_STORED_UNSENT}", pdu)
    if refusal is not None:
        return refusal
    index: int | None = None
    answered = False
    deadline = monotonic() + timeout_s
    try:
        while (events := channel.read(deadline)) is not None:
            found: Result | None = None
            for event in events:
                if isinstance(event, str) and tag(event) == "+CMGW" and fields(event)[0].isdecimal():
                    index = int(fields(event)[0])
                elif isinstance(event, str) and found is None and (found := result(event)) is not None:
                    channel.heard(found)
                else:
                    channel.set_aside(event)
            if found is not None:
                if not found.ok:
                    return Refused(found.cause(channel.vendor))
                if index is not None:
                    return index
                answered = True  # or this is the OK to something else: then the index follows
                deadline = min(deadline, monotonic() + channel.waits.quiet_s)
            if channel.restarted:
                break
    except DeviceGoneError:
        return Refused(cause("LOCAL", DEVICE_GONE))
    finally:
        channel.framer.echo = ""
    channel.in_step = channel.in_step and answered
    return Refused(cause("LOCAL", NOT_WRITTEN))


def send_written(
    channel: Channel, index: int, timeout_s: float, meanwhile: Callable[[], None] | None = None
) -> Submitted | Refused | InDoubt:
    """AT+CMSS: send what `write` keeps at `index`. Otherwise as `submit`."""
    try:
        channel.prepare()
        if channel.restarted:
            raise SilentError("the modem restarted and is to be set up first")
    except DeviceGoneError:
        return Refused(cause("LOCAL", DEVICE_GONE))
    except ChannelError as error:
        log.warning("%s: no part was sent: %s", channel.name, error)
        return Refused(cause("LOCAL", NO_PROMPT))
    try:
        channel.say(f"AT+CMSS={index}")
    except DeviceGoneError:
        return InDoubt("The modem disappeared while it was told to send the message.")
    except SilentError:
        return InDoubt("The modem stopped listening while it was told to send the message.")
    deadline = monotonic() + timeout_s
    if meanwhile is not None:
        meanwhile()
    return _await_reference(channel, deadline, timeout_s)


def _type(channel: Channel, command: str, pdu: str) -> Refused | None:
    """Say a command that asks for a PDU, and the PDU. None once the modem has all of it."""
    try:
        refusal = _ask_for_prompt(channel, command)
    except DeviceGoneError:
        return Refused(cause("LOCAL", DEVICE_GONE))
    except ChannelError as error:
        log.warning("%s: no part was handed over: %s", channel.name, error)
        return Refused(cause("LOCAL", NO_PROMPT))
    if refusal is not None:
        return Refused(refusal.cause(channel.vendor))
    try:
        refusal = _hand_over(channel, pdu)
    except DeviceGoneError:
        return Refused(cause("LOCAL", DEVICE_GONE))
    except SilentError:
        channel.in_step = False  # the modem is in text entry; the ESC of the resync throws away what it has
        return Refused(cause("LOCAL", NOT_WRITTEN))
    return None if refusal is None else Refused(refusal.cause(channel.vendor))


def _hand_over(channel: Channel, pdu: str) -> Result | None:
    """Type a PDU; where `channel.slowly` says so in pieces with pauses, for UARTs that lose what comes too fast.

    None once all is typed; else the refusal that came before that: the rest would be taken for commands.
    """
    channel.framer.echo = pdu
    if not channel.slowly:
        channel.write(pdu.encode("ascii") + CTRL_Z)
        return None
    channel.late_result = None
    for begin in range(0, len(pdu), _PIECE):
        channel.pause(_BETWEEN_PIECES_S)
        found = channel.late_result
        if found is not None and not found.ok:
            channel.late_result = None
            channel.framer.echo = ""
            channel.heard(found)
            return found
        channel.write(pdu[begin : begin + _PIECE].encode("ascii"))
    channel.pause(_BETWEEN_PIECES_S)
    channel.write(CTRL_Z)
    return None


def _ask_for_prompt(channel: Channel, command: str) -> Result | None:
    """None once the modem waits for the PDU, else why it does not."""
    channel.prepare()
    if channel.restarted:
        raise SilentError("the modem restarted and is to be set up first")
    channel.framer.prompt_wanted = True
    echoed = channel.echoes
    refusal: Result | None = None
    try:
        channel.say(command)
        deadline = monotonic() + channel.waits.prompt_s
        while (events := channel.read(deadline)) is not None:
            prompted, refusal = _look_for_prompt(channel, events, refusal)
            if refusal is not None:
                if prompted or not _may_be_stray(channel, refusal):
                    break
                wait_s = channel.waits.sync_s if channel.owed else channel.waits.quiet_s
                deadline = min(deadline, monotonic() + wait_s)
                continue
            if channel.told_e0 and channel.echoes > echoed:
                # It may be in text mode now, and would send the PDU as a text to the number `length`.
                channel.restarted = True
            if channel.restarted:
                break
            if prompted:
                return None
    finally:
        channel.framer.prompt_wanted = False
        channel.framer.echo = ""
    if refusal is not None:
        channel.heard(refusal)
        return refusal
    channel.in_step = False
    raise SilentError("the modem did not ask for the message")


def _look_for_prompt(
    channel: Channel, events: list[Event], refusal: Result | None
) -> tuple[bool, Result | None]:
    """Whether the prompt is among the events, and what refuses the command, now or before."""
    prompted = False
    for event in events:
        if event is Sign.PROMPT:
            prompted = True
            refusal = None if _may_be_stray(channel, refusal) else refusal
        elif isinstance(event, str):
            found = result(event)
            if found is None:
                channel.set_aside(event)
            elif not found.ok:  # an OK here is a stray one: a modem that takes the command prompts
                refusal = found
    return prompted, refusal


def _may_be_stray(channel: Channel, refusal: Result | None) -> bool:
    """Whether a refusal may be about something else: about an older part, or without a code. Then a prompt follows."""
    return refusal is not None and (bool(channel.owed) or refusal.family == "ERROR")


class _Hearing:
    """What a modem says after a PDU, until it is known which of that is about this part.

    A modem answers parts in the order in which they were handed over. So where the answer to an older part is owed,
    the first answer may be that one's, and this part's own follows.
    """

    def __init__(self, channel: Channel, deadline: float) -> None:
        self.deadline = deadline
        self._channel = channel
        self._told: list[Submitted] = []  # references, in the order in which they came
        self._groups: list[Submitted] = []  # the last reference before each OK
        self._refusals: list[Result] = []
        self._bare_ok = False  # an OK without a reference, of a modem that may tell none
        self._spoilt = False  # a line came that is none: it may have been the reference

    def hear(self, event: Event) -> Submitted | Refused | InDoubt | None:
        """Take one line. What became of the part, once that is sure."""
        channel = self._channel
        if not isinstance(event, str):
            return None
        if tag(event) in REFERENCES:
            self._take(Submitted(reference_of(event)))
            return None
        found = result(event)
        if found is None:
            self._spoilt = self._spoilt or not event.isascii() or not is_spoken(event)
            channel.set_aside(event)
            return None
        channel.heard(found)
        if found.ok:
            return self._hear_ok()
        return self._hear_refusal(found)

    def conclude(self) -> Submitted | Refused | InDoubt | None:
        """What became of the part, where nothing more comes; None where nothing was said of it."""
        if self._groups or self._told:
            return self._own()
        if self._refusals:
            return _verdict(self._channel, self._refusals[-1])
        return Submitted(None) if self._bare_ok else None

    @property
    def is_over(self) -> bool:
        """Whether a final result came last."""
        if len(self._told) > len(self._groups):
            return False
        return bool(self._groups or self._refusals or self._bare_ok)

    def leave_late(self, own: Submitted | Refused | InDoubt | None) -> None:
        """Keep the references that are not this part's for the one whose they are."""
        for told in self._told:
            if told is not own:
                self._channel.keep_late(told)

    def _take(self, told: Submitted) -> None:
        channel = self._channel
        self._told.append(told)
        channel.tells_references = channel.tells_references or told.reference is not None
        self._wait(channel.waits.result_s)

    def _hear_ok(self) -> Submitted | Refused | InDoubt | None:
        channel = self._channel
        if len(self._told) > len(self._groups):
            self._groups.append(self._told[-1])
            if len(self._told) <= channel.owed and not self._refusals:
                self._wait(channel.waits.result_s)  # it may be an older part's
                return None
            return self._own()
        if not self._told and not (channel.tells_references and not self._spoilt):
            # Some tell no reference. From others this is the OK to something else: then the reference follows.
            self._bare_ok = True
            self._wait(channel.waits.quiet_s)
        return None

    def _hear_refusal(self, found: Result) -> Submitted | Refused | InDoubt | None:
        channel = self._channel
        if self._told:
            # After the older part's reference this is about this part, else it is about something else.
            return _verdict(channel, found) if channel.owed else self._own()
        first = not self._refusals
        self._refusals.append(found)
        if first and (channel.owed or found.family == "ERROR"):
            # It may be about the older part, or a stray one: modems give codes for what the network refuses.
            self._wait(channel.waits.result_s)
            return None
        return _verdict(channel, found)

    def _own(self) -> Submitted:
        """The reference of this part: the last before the OK. Of two with an OK each, the one that was given out later."""
        if len(self._groups) < 2:
            return self._told[-1]
        own = self._groups[0]
        for told in self._groups[1:]:
            if (
                own.reference is None
                or told.reference is None
                or 0 < (told.reference - own.reference) % 256 < 128
            ):
                own = told
        return own

    def _wait(self, seconds: float) -> None:
        self.deadline = min(self.deadline, monotonic() + seconds)


def _await_reference(channel: Channel, deadline: float, timeout_s: float) -> Submitted | Refused | InDoubt:
    hearing = _Hearing(channel, deadline)
    outcome: Submitted | Refused | InDoubt | None = None
    try:
        while outcome is None and (events := channel.read(hearing.deadline)) is not None:
            for event in events:
                if outcome is None:
                    outcome = hearing.hear(event)
                else:
                    channel.set_aside(event)
            if outcome is None and channel.restarted:
                channel.in_step = False
                outcome = hearing.conclude() or InDoubt(
                    "The modem restarted before it said what became of the message."
                )
        if outcome is None:
            outcome = hearing.conclude()
            channel.in_step = channel.in_step and hearing.is_over
        if outcome is None:
            outcome = _ask_late(channel, timeout_s)
    except DeviceGoneError:
        outcome = hearing.conclude() or InDoubt(
            "The modem disappeared before it said what became of the message."
        )
    finally:
        channel.framer.echo = ""
    _account(channel, outcome)
    hearing.leave_late(outcome)
    return outcome


def _account(channel: Channel, outcome: Submitted | Refused | InDoubt) -> None:
    """Take note of whether the modem owes an answer from now on."""
    if channel.gone or channel.restarted:
        channel.owed = 0
    elif isinstance(outcome, InDoubt) and not outcome.asked:
        channel.owed += 1
    else:
        channel.owed = 0
    if isinstance(outcome, Submitted):
        channel.last_reference = outcome.reference


def _ask_late(channel: Channel, timeout_s: float) -> Submitted | Refused | InDoubt:
    """Resync, looking for what the modem still says of the submission."""
    owed, before = channel.owed, len(channel.late_references)
    channel.in_step = False
    try:
        channel.resync()
    except ChannelError as error:
        log.warning("%s: after a submission without an answer: %s", channel.name, error)
    came = channel.late_references[before:]
    if len(came) > owed:
        # The older parts' come first; this part's is the last.
        return channel.late_references.pop()
    late = channel.late_result
    if late is not None and not came and not owed and not (late.ok and channel.tells_references):
        return _verdict(channel, late)
    return InDoubt(f"The modem did not say within {timeout_s:g} s what became of the message.")


def _verdict(channel: Channel, found: Result) -> Submitted | Refused | InDoubt:
    """What a final result without +CMGS says of the part; some old modems leave the +CMGS out."""
    if found.ok:
        return Submitted(None)
    why = found.cause(channel.vendor)
    if why.outcome_unknown:
        return InDoubt(why.told_en, asked=True)
    return Refused(why)
