"""Parts handed over in PDU mode, each time as one transaction (27.005, 3.5 and 4.3 to 4.7).

`submit` is AT+CMGS: prompt, PDU, and what became of it. `write` is AT+CMGW and `send_written` AT+CMSS: the same in two
steps. None of them raises ChannelError; look at the channel's `gone` and `in_step` afterwards.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic
from typing import Final

from modem.at.channel import CTRL_Z, REFERENCES, Channel, reference_of
from modem.at.framer import Event, Sign
from modem.at.responses import Result, fields, is_spoken, result, tag
from modem.at.transport import ChannelError, DeviceGoneError, SilentError
from modem.errors import DEVICE_GONE, NO_PROMPT, NOT_WRITTEN, cause
from modem.parts import InDoubt, Refused, Submitted

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
    refusal = _type(channel, f"AT+CMGS={length}", pdu, sends=True)
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
    try:
        found = _await_index(channel, monotonic() + timeout_s)
    except DeviceGoneError:
        return Refused(cause("LOCAL", DEVICE_GONE))
    finally:
        channel.framer.echo = ""
    if isinstance(found, int):
        return found
    if found is not None and not found.ok:
        return Refused(found.cause(channel.vendor))
    channel.in_step = channel.in_step and found is not None
    return Refused(cause("LOCAL", NOT_WRITTEN))


def _await_index(channel: Channel, deadline: float) -> int | Result | None:
    """The index that AT+CMGW answers with, or the result without one; None where none came. Raises DeviceGoneError."""
    index: int | None = None
    unclear: Result | None = None
    while (events := channel.read(deadline)) is not None:
        for event in events:
            if not isinstance(event, str):
                continue
            if tag(event) == "+CMGW" and fields(event)[0].isdecimal():
                index = int(fields(event)[0])
                continue
            found = result(event)
            if found is None:
                channel.set_aside(event)
                continue
            channel.heard(found)
            if found.ok and index is not None:
                return index
            if not found.ok and found.family != "ERROR":
                return found
            # A result without index or code may answer something else: then the own result follows.
            unclear = unclear or found
            deadline = min(deadline, monotonic() + channel.waits.quiet_s)
        if channel.restarted:
            return None
    return unclear


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
    channel.sending()
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


def _type(channel: Channel, command: str, pdu: str, *, sends: bool = False) -> Refused | None:
    """Say a command that asks for a PDU, and the PDU. None once the modem has all of it. `sends`: it goes out with that."""
    try:
        refusal = _ask_for_prompt(channel, command)
    except DeviceGoneError:
        return Refused(cause("LOCAL", DEVICE_GONE))
    except ChannelError as error:
        log.warning("%s: no part was handed over: %s", channel.name, error)
        return Refused(cause("LOCAL", NO_PROMPT))
    if refusal is not None:
        return Refused(refusal.cause(channel.vendor))
    if sends:
        channel.sending()
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
    """Whether a refusal may answer something else: an older part, or nothing (an ERROR without a code).

    If so, the prompt still follows.
    """
    return refusal is not None and (bool(channel.owed) or refusal.family == "ERROR")


class _Hearing:
    """Sorts what a modem says after a PDU into the answer to this part and late answers to older parts.

    A modem answers parts in the order in which they were handed over. So while the answer to an older part is owed,
    the first answer may belong to the older part, and the answer to this part follows.
    """

    def __init__(self, channel: Channel, deadline: float) -> None:
        self.deadline = deadline
        self._channel = channel
        self._told: list[Submitted] = []  # references, in the order in which they came
        self._groups: list[Submitted] = []  # the last reference before each OK
        self._refusals: list[Result] = []
        self._bare_ok = False  # an OK without a reference, of a modem that may tell none
        self._spoilt = False  # a line came that is none: it may have been the reference
        self._strays = False  # a line came that answers a command: the next OK belongs to it

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
            self._strays = self._strays or channel.habits.answers_another(event)
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
            return verdict(self._channel, self._refusals[-1])
        return Submitted(None) if self._bare_ok else None

    @property
    def is_over(self) -> bool:
        """Whether a final result came last."""
        if len(self._told) > len(self._groups):
            return False
        return bool(self._groups or self._refusals or self._bare_ok)

    def leave_late(self, own: Submitted | Refused | InDoubt | None) -> None:
        """Keep the references of older parts in the channel. `own`: the outcome of this part."""
        for told in self._told:
            if told is not own:
                self._channel.keep_late(told)

    def _take(self, told: Submitted) -> None:
        channel = self._channel
        self._told.append(told)
        if told.reference is not None:
            channel.tells_references, channel.tells_none = True, False
        self._wait(channel.waits.result_s)

    def _hear_ok(self) -> Submitted | Refused | InDoubt | None:
        channel = self._channel
        if len(self._told) > len(self._groups):
            self._groups.append(self._told[-1])
            if len(self._told) <= channel.owed and not self._refusals and not self._is_next():
                self._wait(2 * channel.waits.result_s)  # it may belong to an older part
                return None
            return self._own()
        if self._strays:
            self._strays = False
        elif not self._told and not (channel.tells_references and not self._spoilt):
            # Some modems tell no reference. From others this is the OK to something else: then the reference follows.
            self._bare_ok = True
            self._wait(channel.waits.quiet_s if channel.tells_none else channel.waits.result_s)
        return None

    def _is_next(self) -> bool:
        """Whether the last reference is the one that follows those of all older parts. Modems count up by one."""
        last, told = self._channel.last_reference, self._told[-1].reference
        return last is not None and told is not None and (told - last) % 256 == self._channel.owed + 1

    def _hear_refusal(self, found: Result) -> Submitted | Refused | InDoubt | None:
        channel = self._channel
        if self._told:
            # Behind the references of older parts the error answers this part, behind its own something else.
            return self._own() if len(self._told) > channel.owed else verdict(channel, found)
        first = not self._refusals
        self._refusals.append(found)
        if first and (channel.owed or found.family == "ERROR"):
            # It may answer an older part, or be a stray one: modems give a code for what the network refuses.
            self._wait(channel.waits.result_s)
            return None
        return verdict(channel, found)

    def _own(self) -> Submitted:
        """The reference of this part: the last before the OK. Of several with an OK each, the one that counts highest."""
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
    """Wait until `deadline` (monotonic seconds) for what became of a part that was handed over."""
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
        channel.tells_none = outcome.reference is None and not channel.tells_references


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
        return verdict(channel, late)
    return InDoubt(f"The modem did not say within {timeout_s:g} s what became of the message.")


def verdict(channel: Channel, found: Result) -> Submitted | Refused | InDoubt:
    """What a final result without +CMGS says of the part; some old modems leave the +CMGS out."""
    if found.ok:
        return Submitted(None)
    why = found.cause(channel.vendor)
    if why.outcome_unknown:
        return InDoubt(why.told_en, asked=True)
    return Refused(why)
