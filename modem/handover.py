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
from modem.framer import Sign
from modem.lines import Result, fields, is_spoken, result, tag
from modem.wire import ChannelError, DeviceGoneError, SilentError
from modem.work import InDoubt, Refused, Submitted

log = logging.getLogger(__name__)

# The network did not answer in time: it may have the message all the same.
_NOBODY_KNOWS: Final = frozenset({("CMS", 332), ("CME", 31)})

_STORED_UNSENT: Final = 2  # <stat> (27.005, 3.1)


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
    index: int | None = None
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
                return Refused(cause("LOCAL", NOT_WRITTEN)) if index is None else index
            if channel.restarted:
                break
    except DeviceGoneError:
        return Refused(cause("LOCAL", DEVICE_GONE))
    finally:
        channel.framer.echo = ""
    channel.in_step = False
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
        channel.framer.echo = pdu
        channel.write(pdu.encode("ascii") + CTRL_Z)
    except DeviceGoneError:
        return Refused(cause("LOCAL", DEVICE_GONE))
    except SilentError:
        channel.in_step = False  # the modem is in text entry; the ESC of the resync throws away what it has
        return Refused(cause("LOCAL", NOT_WRITTEN))
    return None


def _ask_for_prompt(channel: Channel, command: str) -> Result | None:
    """None once the modem waits for the PDU, else why it does not."""
    channel.prepare()
    if channel.restarted:
        raise SilentError("the modem restarted and is to be set up first")
    channel.framer.prompt_wanted = True
    echoed = channel.echoes
    try:
        channel.say(command)
        deadline = monotonic() + channel.waits.prompt_s
        while (events := channel.read(deadline)) is not None:
            prompted = False
            refusal: Result | None = None
            for event in events:
                if event is Sign.PROMPT:
                    prompted = True
                elif isinstance(event, str):
                    found = result(event)
                    if found is None:
                        channel.set_aside(event)
                    elif not found.ok:  # an OK here is a stray one: a modem that takes the command prompts
                        refusal = found
            if refusal is not None:
                channel.heard(refusal)
                return refusal
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
    channel.in_step = False
    raise SilentError("the modem did not ask for the message")


def _await_reference(channel: Channel, deadline: float, timeout_s: float) -> Submitted | Refused | InDoubt:
    taken: Submitted | None = None
    spoilt = False  # a line came that is none: it may have been the reference
    try:
        while (events := channel.read(deadline)) is not None:
            found: Result | None = None
            for event in events:
                if not isinstance(event, str):
                    continue
                if found is None and taken is None and tag(event) in REFERENCES:
                    taken = Submitted(reference_of(event))
                    channel.tells_references = channel.tells_references or taken.reference is not None
                    deadline = min(deadline, monotonic() + channel.waits.result_s)
                elif found is None:
                    found = result(event)
                    if found is None:
                        spoilt = spoilt or not event.isascii() or not is_spoken(event)
                        channel.set_aside(event)
                    elif found.ok and taken is None and channel.tells_references and not spoilt:
                        found = None  # the OK to something else, said twice or late: this one comes with a reference
                else:
                    channel.set_aside(event)
            if found is not None:
                channel.framer.echo = ""
                channel.heard(found)
                return taken or verdict(channel, found)
            if channel.restarted:
                channel.in_step = False
                return taken or InDoubt("The modem restarted before it said what became of the message.")
        channel.in_step = False
        return taken or _ask_late(channel, timeout_s)
    except DeviceGoneError:
        return taken or InDoubt("The modem disappeared before it said what became of the message.")
    finally:
        channel.framer.echo = ""


def _ask_late(channel: Channel, timeout_s: float) -> Submitted | Refused | InDoubt:
    """Resync, looking for what the modem still says of the submission."""
    try:
        channel.resync()
    except ChannelError as error:
        log.warning("%s: after a submission without an answer: %s", channel.name, error)
    if channel.late_reference is not None:
        reference, channel.late_reference = channel.late_reference, None
        return reference
    if channel.late_result is not None and not (channel.late_result.ok and channel.tells_references):
        return verdict(channel, channel.late_result)
    return InDoubt(f"The modem did not say within {timeout_s:g} s what became of the message.")


def verdict(channel: Channel, found: Result) -> Submitted | Refused | InDoubt:
    """What a final result without +CMGS says of the part; some old modems leave the +CMGS out."""
    if found.ok:
        return Submitted(None)
    why = found.cause(channel.vendor)
    if (why.family, why.code) in _NOBODY_KNOWS:
        return InDoubt(why.told_en, asked=True)
    return Refused(why)
