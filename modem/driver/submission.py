"""Submits one PDU as one transaction (27.005, 3.5 and 4.3 to 4.7).

`submit` is AT+CMGS: prompt, PDU and outcome. `write` (AT+CMGW) and `send_written` (AT+CMSS) do the same in two steps.
None of them raises ChannelError; check the channel's `gone` and `in_step` afterwards.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic
from typing import Final

from config.language.text import Text
from modem.at.channel import Channel
from modem.at.framer import Event, Sign
from modem.at.line import CTRL_Z
from modem.at.responses import Result, result
from modem.at.transport import ChannelError, DeviceGoneError, SilentError
from modem.driver import parsers
from modem.driver.submission_outcome import Outcome, await_outcome
from modem.errors import DEVICE_GONE, NO_PROMPT, NOT_WRITTEN, WITHHELD, cause
from modem.parts import InDoubt, Refused, always
from modem.timeouts import BETWEEN_PIECES_S

log = logging.getLogger(__name__)

_STORED_UNSENT: Final = 2  # <stat> (27.005, 3.1)

_PIECE: Final = 16  # characters at once: the buffer of the oldest UARTs; Kannel sends 18 to Nokia telephones


def submit(
    channel: Channel,
    length: int,
    pdu: str,
    timeout_s: float,
    meanwhile: Callable[[], None] | None = None,
    permitted: Callable[[], bool] = always,
) -> Outcome:
    """AT+CMGS: `length` is the number of octets after the SMSC address.

    Waits `timeout_s` after the PDU, and calls `meanwhile` once before: the modem is busy with the network, so this
    time costs nothing. A fault before the PDU was complete is a refusal with a LOCAL cause; a fault after it leaves the
    part in doubt. `permitted` is asked once the modem waits for the PDU, and again before its end where it is written
    slowly: if it says no, the modem gets no whole PDU, and the part is refused as WITHHELD.
    """
    refusal = _send_pdu(channel, f"AT+CMGS={length}", pdu, sends=True, permitted=permitted)
    if refusal is not None:
        return refusal
    deadline = monotonic() + timeout_s
    if meanwhile is not None:
        meanwhile()
    return await_outcome(channel, deadline, timeout_s)


def write(channel: Channel, length: int, pdu: str, timeout_s: float) -> int | Refused:
    """AT+CMGW: the index of the unsent part in memory. After a refusal with a LOCAL cause the part may be there or not."""
    refusal = _send_pdu(channel, f"AT+CMGW={length},{_STORED_UNSENT}", pdu)
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
    """The index in the answer to AT+CMGW, or its result without an index; None without a result. Raises DeviceGoneError."""
    index: int | None = None
    unclear: Result | None = None
    while (events := channel.read(deadline)) is not None:
        for event in events:
            if not isinstance(event, str):
                continue
            if (written := parsers.written_index(event)) is not None:
                index = written
                continue
            found = result(event)
            if found is None:
                channel.set_aside(event)
                continue
            channel.note_result(found)
            if found.ok and index is not None:
                return index
            if not found.ok and found.family != "ERROR":
                return found
            # A result without index or code may belong to another command: then the right one follows.
            unclear = unclear or found
            deadline = min(deadline, monotonic() + channel.timeouts.quiet_s)
        if channel.restarted:
            return None
    return unclear


def send_written(
    channel: Channel,
    index: int,
    timeout_s: float,
    meanwhile: Callable[[], None] | None = None,
    permitted: Callable[[], bool] = always,
) -> Outcome:
    """AT+CMSS: send the part that `write` stored at `index`. Otherwise as `submit`."""
    try:
        channel.prepare()
        if channel.restarted:
            raise SilentError(Text("the modem restarted and must be set up first"))
    except DeviceGoneError:
        return Refused(cause("LOCAL", DEVICE_GONE))
    except ChannelError as error:
        log.warning("%s: no part was sent: %s", channel.name, error)
        return Refused(cause("LOCAL", NO_PROMPT))
    if not permitted():
        return Refused(cause("LOCAL", WITHHELD))
    channel.sending()
    try:
        channel.write_command(f"AT+CMSS={index}")
    except DeviceGoneError:
        return InDoubt("The modem disappeared during the command that sends the message.")
    except SilentError:
        return InDoubt("The modem stopped reading during the command that sends the message.")
    deadline = monotonic() + timeout_s
    if meanwhile is not None:
        meanwhile()
    return await_outcome(channel, deadline, timeout_s)


class _WithheldError(Exception):
    """The part may not be handed over now. The modem waits for the PDU, or for its end."""


def _send_pdu(
    channel: Channel,
    command: str,
    pdu: str,
    *,
    sends: bool = False,
    permitted: Callable[[], bool] = always,
) -> Refused | None:
    """Send a command that needs a PDU, and the PDU. None once the modem has all of it. `sends`: this submits the part."""
    try:
        refusal = _ask_for_prompt(channel, command)
    except DeviceGoneError:
        return Refused(cause("LOCAL", DEVICE_GONE))
    except ChannelError as error:
        log.warning("%s: no part was submitted: %s", channel.name, error)
        return Refused(cause("LOCAL", NO_PROMPT))
    if refusal is not None:
        return Refused(refusal.cause(channel.vendor))
    try:
        if not permitted():
            raise _WithheldError
        if sends:
            channel.sending()
        refusal = _write_pdu(channel, pdu, permitted)
    except (_WithheldError, ChannelError) as error:
        return Refused(cause("LOCAL", _given_up(channel, error)))
    return None if refusal is None else Refused(refusal.cause(channel.vendor))


def _given_up(channel: Channel, error: _WithheldError | ChannelError) -> int:
    """The LOCAL code of a PDU that was not written to its end. The modem is left without it."""
    if isinstance(error, DeviceGoneError):
        return DEVICE_GONE
    if isinstance(error, _WithheldError):
        _leave_text_entry(channel)
        return WITHHELD
    channel.in_step = False  # the modem is in text entry; the ESC of the resync drops the part
    return NOT_WRITTEN


def _leave_text_entry(channel: Channel) -> None:
    """Have the modem drop the PDU that it waits for (ESC), and bring it back in step."""
    try:
        channel.resync()
    except ChannelError as error:  # it is out of step, so the next command begins with the same again
        log.warning("%s: while a part was withheld: %s", channel.name, error)


def _write_pdu(channel: Channel, pdu: str, permitted: Callable[[], bool]) -> Result | None:
    """Write a PDU; with `channel.slowly` in pieces with pauses, for UARTs that lose bytes at full speed.

    None once all is written. A refusal that came before is returned: the modem would take the rest for commands.
    Raises _WithheldError before the last octet where it is not `permitted` any more.
    """
    channel.framer.echo = pdu
    if not channel.slowly:
        channel.write(pdu.encode("ascii") + CTRL_Z)
        return None
    channel.late_result = None
    for begin in range(0, len(pdu), _PIECE):
        channel.pause(BETWEEN_PIECES_S)
        found = channel.late_result
        if found is not None and not found.ok:
            channel.late_result = None
            channel.framer.echo = ""
            channel.note_result(found)
            return found
        channel.write(pdu[begin : begin + _PIECE].encode("ascii"))
    channel.pause(BETWEEN_PIECES_S)
    if not permitted():
        raise _WithheldError
    channel.write(CTRL_Z)
    return None


def _ask_for_prompt(channel: Channel, command: str) -> Result | None:
    """Send a command that prompts. None once the modem waits for the PDU, otherwise its refusal."""
    channel.prepare()
    if channel.restarted:
        raise SilentError(Text("the modem restarted and must be set up first"))
    channel.framer.prompt_wanted = True
    echoed = channel.echoes
    refusal: Result | None = None
    try:
        channel.write_command(command)
        deadline = monotonic() + channel.timeouts.prompt_s
        while (events := channel.read(deadline)) is not None:
            prompted, refusal = _look_for_prompt(channel, events, refusal)
            if refusal is not None:
                if prompted or not _may_be_stray(channel, refusal):
                    break
                wait_s = channel.timeouts.sync_s if channel.owed else channel.timeouts.quiet_s
                deadline = min(deadline, monotonic() + wait_s)
                continue
            if channel.told_e0 and channel.echoes > echoed:
                # The modem may have restarted into text mode, and would send the PDU as a text to the number `length`.
                channel.restarted = True
            if channel.restarted:
                break
            if prompted:
                return None
    finally:
        channel.framer.prompt_wanted = False
        channel.framer.echo = ""
    if refusal is not None:
        channel.note_result(refusal)
        return refusal
    channel.in_step = False
    raise SilentError(Text("the modem did not ask for the message"))


def _look_for_prompt(
    channel: Channel, events: list[Event], refusal: Result | None
) -> tuple[bool, Result | None]:
    """Whether the prompt is among the events, and the refusal of the command, from these or earlier events."""
    prompted = False
    for event in events:
        if event is Sign.PROMPT:
            prompted = True
            refusal = None if _may_be_stray(channel, refusal) else refusal
        elif isinstance(event, str):
            found = result(event)
            if found is None:
                channel.set_aside(event)
            elif not found.ok:  # an OK here is a stray one: a modem that accepts the command prompts
                refusal = found
    return prompted, refusal


def _may_be_stray(channel: Channel, refusal: Result | None) -> bool:
    """Whether a refusal may belong to an older part, or to no command (an ERROR without a code).

    Then the prompt still follows.
    """
    return refusal is not None and (bool(channel.owed) or refusal.family == "ERROR")
