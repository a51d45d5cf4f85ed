"""One AT command at a time over a file descriptor; what the modem says of its own accord is set aside, never lost."""

from __future__ import annotations

import errno
import logging
import math
import os
import re
import select
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

from modem.errors import DEVICE_GONE, NO_PROMPT, NOT_WRITTEN, cause
from modem.framer import Event, Framer, Sign
from modem.lines import OK, Result, Urc, answers, fields, is_restart, is_spoken, owns_next_line, result, tag
from modem.masking import command
from modem.transcript import Transcript
from modem.work import InDoubt, Refused, Submitted

log = logging.getLogger(__name__)

ANSWER_S: Final = (
    5.0  # Telit allows 5 s for the simplest commands, Quectel 0.3 s; other drivers wait 1 to 10 s
)
URCS_KEPT: Final = 1000  # a modem that chatters while nobody works it off must not fill the memory

_ESC: Final = b"\x1b"
_CTRL_Z: Final = b"\x1a"
_CHUNK: Final = 4096
_DRAIN_CHUNKS: Final = 64  # stale input beyond this is a device that never stops talking
_EMPTY_READS: Final = 10  # another reader steals what poll promised; so often in a row, the device is gone
_GONE: Final = select.POLLHUP | select.POLLERR | select.POLLNVAL


class ChannelError(Exception):
    """The modem cannot be talked to."""


class DeviceGoneError(ChannelError):
    """The device was taken away: unplugged, reset, or its other end closed. Close it and open it anew."""


class SilentError(ChannelError):
    """A command got no final result in time. The channel goes back in step before the next one."""


class OutOfStepError(ChannelError):
    """The modem could not be brought back to answering `AT` with a clean `OK`."""


@dataclass(frozen=True, slots=True)
class Response:
    """The information lines of an answer, and its final result."""

    lines: tuple[str, ...]
    result: Result

    @property
    def ok(self) -> bool:
        """Whether the command did what it was to do."""
        return self.result.ok


@dataclass(frozen=True, slots=True)
class Waits:
    """How long to wait for what, in seconds. Tests shorten these."""

    prompt_s: float = 10.0  # below 1 s as a rule, but 3 minutes are allowed to some; ModemManager waits 10 s
    result_s: float = 5.0  # from +CMGS to its OK: the network has answered, only the line is in between
    write_s: float = 5.0  # a PDU takes 0.4 s at 9600 baud; what takes longer is a modem that stopped reading
    quiet_s: float = 0.2  # a modem in the middle of an answer does not pause longer than this
    flood_s: float = 2.0  # a modem that never stops talking is asked all the same
    escape_s: float = 0.3  # time to leave text entry after ESC
    sync_s: float = 1.0  # for the OK to `AT`
    clean_s: float = 0.1  # nothing may follow that OK, or it answered an older command
    head_s: float = 3.0  # from +CMT to its PDU: 0.4 s at 9600 baud, and a pause in the line
    text_s: float = 1.0  # between two lines of one +CUSD


DEFAULT_WAITS: Final = Waits()


class Channel:
    """Commands to one modem, over an open descriptor that reads and writes without blocking.

    `attend` is called whenever `wake_fd` becomes readable while something is waited for; it empties it. What it raises
    ends the wait. Used from one thread.
    """

    def __init__(
        self,
        fd: int,
        wake_fd: int,
        attend: Callable[[], None],
        *,
        name: str = "modem",
        waits: Waits = DEFAULT_WAITS,
        transcript: Transcript | None = None,
    ) -> None:
        self.urcs: deque[Urc] = deque(maxlen=URCS_KEPT)
        self.vendor = ""  # whose table of error codes counts
        self.pause_s = 0.0  # to be left between an answer and the next command
        self.in_step = False  # False: resync before the next command
        self.gone = False  # the device was lost
        self.restarted = False  # the modem said that it starts: what it was told before no longer holds
        self.told_v1 = False  # and so speaks V0 only after a restart
        self.told_e0 = False  # and obeyed: it echoes only after a restart
        self.answered_at: float | None = None  # monotonic seconds of the last final result
        self._fd = fd
        self._wake_fd = wake_fd
        self._attend = attend
        self._name = name
        self._waits = waits
        self._transcript = transcript
        self._framer = Framer()
        self._poll = select.poll()
        self._poll.register(
            wake_fd, select.POLLIN
        )  # first, so that a modem that never stops talking delays no one
        self._poll.register(fd, select.POLLIN)
        self._device = select.poll()
        self._device.register(fd, select.POLLIN)
        self._empty = 0
        self._numeric = False  # the modem answers in V0
        self._locked = False  # it last answered AT with the state of its SIM
        self._head: tuple[str, float] | None = None  # a URC that owns the next line, and until when
        self._overtime = False  # the last read already was after its deadline
        self._late_reference: Submitted | None = None  # a +CMGS that came while none was waited for
        self._late_result: Result | None = None  # likewise a final result

    @property
    def echoes(self) -> int:
        """How many commands the modem has echoed."""
        return self._framer.echoes

    def command(
        self,
        text: str,
        *prefixes: str,
        bare: bool = False,
        timeout_s: float = ANSWER_S,
        enough_s: float | None = None,
    ) -> Response:
        """Say `text` and wait for its final result.

        Information lines are those that begin with one of `prefixes`, and with `bare` also those that begin with
        nothing a URC begins with. `enough_s`: an information line and this much silence are an answer too, for modems
        that leave out the OK.

        Raises SilentError without a final result in time, OutOfStepError where the modem was already beyond reach,
        DeviceGoneError.
        """
        self._prepare()
        self._say(text)
        lines: list[str] = []
        deadline = monotonic() + timeout_s
        limit = deadline
        restarting = self.restarted
        while (events := self._read(limit)) is not None:
            found: Result | None = None
            for event in events:
                if found is None:
                    found = self._take(event, prefixes, bare, lines)
                else:
                    self._set_aside(event)
            if found is not None:
                self._framer.echo = ""
                self._heard(found)
                return Response(tuple(lines), found)
            if self.restarted and not restarting:
                break  # what it was doing will not be answered
            if enough_s is not None and lines:
                limit = min(deadline, monotonic() + enough_s)
        self._framer.echo = ""
        self.in_step = False
        if enough_s is not None and lines:
            return Response(tuple(lines), OK)
        if self.restarted and not restarting:
            raise SilentError(f"the modem restarted instead of answering {_shown(text)}")
        raise SilentError(f"no answer to {_shown(text)} within {timeout_s:g} s")

    def submit(
        self, length: int, pdu: str, timeout_s: float, meanwhile: Callable[[], None] | None = None
    ) -> Submitted | Refused | InDoubt:
        """AT+CMGS in PDU mode as one transaction (27.005, 4.3): `length` octets behind the SMSC address.

        Waits `timeout_s` after the PDU was handed over, and calls `meanwhile` once first: the modem is now busy with
        the network, so this time costs nothing. Never raises ChannelError: what went wrong before the PDU was
        complete is a refusal with a LOCAL cause, and what went wrong after it leaves the part in doubt. Look at `gone`
        and `in_step` afterwards.
        """
        try:
            refusal = self._ask_for_prompt(length)
        except DeviceGoneError:
            return Refused(cause("LOCAL", DEVICE_GONE))
        except ChannelError as error:
            log.warning("%s: no part was handed over: %s", self._name, error)
            return Refused(cause("LOCAL", NO_PROMPT))
        if refusal is not None:
            return Refused(refusal.cause(self.vendor))
        try:
            self._framer.echo = pdu
            self._write(pdu.encode("ascii") + _CTRL_Z)
        except DeviceGoneError:
            return Refused(cause("LOCAL", DEVICE_GONE))
        except SilentError:
            self.in_step = False  # the modem is in text entry; the ESC of the resync throws away what it has
            return Refused(cause("LOCAL", NOT_WRITTEN))
        deadline = monotonic() + timeout_s
        if meanwhile is not None:
            meanwhile()
        return self._await_reference(deadline, timeout_s)

    def wait(self, deadline: float) -> None:
        """Wait until a URC is there, or `wake_fd` was attended to, or `deadline` (monotonic seconds) has passed."""
        while not self.urcs:
            events = self._read(deadline, wakeful=True)
            if not events:
                return
            for event in events:
                self._set_aside(event)

    def await_urc(self, tags: frozenset[str], deadline: float) -> Urc | None:
        """The next URC with one of these tags, taken out of `urcs`; None at the deadline (monotonic seconds), or where
        the modem restarted.
        """
        while True:
            found = next((urc for urc in self.urcs if urc.tag in tags), None)
            if found is not None:
                self.urcs.remove(found)
                return found
            if self.restarted:
                return None
            limit = deadline
            if self._framer.text_open:
                limit = min(deadline, monotonic() + self._waits.text_s)
            events = self._read(limit)
            if events is None:
                events = self._framer.end_text()
                if not events:
                    return None
            for event in events:
                self._set_aside(event)

    def drop_urcs(self, tags: frozenset[str]) -> list[Urc]:
        """Take all URCs with these tags out of `urcs`."""
        dropped = [urc for urc in self.urcs if urc.tag in tags]
        kept = [urc for urc in self.urcs if urc.tag not in tags]
        self.urcs.clear()
        self.urcs.extend(kept)
        return dropped

    def say_blindly(self, text: str) -> None:
        """Leave text entry and say `text` to a modem that no longer answers, waiting for nothing."""
        self.in_step = False
        self._write(_ESC + b"\r" + text.encode("ascii") + b"\r")
        self.pause(self._waits.escape_s)

    def pause(self, seconds: float) -> None:
        """Let time pass, setting aside what the modem says."""
        self._listen_until(monotonic() + seconds)

    def resync(self) -> None:
        """Bring the modem back to answering `AT` with a clean `OK`, from whatever state it was left in.

        Takes about 0.6 s where the modem answers, and at most 12 s where it does not.
        Raises OutOfStepError, DeviceGoneError.
        """
        waits = self._waits
        self.in_step = False
        self._framer.echo = ""
        self._framer.prompt_wanted = False
        self._late_reference = self._late_result = None
        self._listen_until_quiet(waits.quiet_s)
        late_result = self._late_result  # what comes after the ESC may answer that
        try:
            self._write(_ESC)
            self.pause(waits.escape_s)
            if self._answers("AT") or self._answers("AT") or self._answers("ATQ0V1E0"):
                return
            # In text entry that one ESC does not leave: gammu sends ESC CR, some firmwares want two.
            self._write(_ESC + _ESC + b"\r")
            self.pause(waits.escape_s)
            if self._answers("AT"):
                return
            # The last resort: end the text entry with what is in it, which is no PDU. phonesim ignores ESC.
            self._write(_CTRL_Z)
            self._listen_until_quiet(waits.sync_s)
            if self._answers("AT") or self._answers("ATQ0V1E0"):
                return
        except SilentError as error:
            raise OutOfStepError(str(error)) from error
        finally:
            self._late_result = late_result
            self.restarted = self.restarted or (self._numeric and self.told_v1)
        raise OutOfStepError("the modem does not answer AT")

    # The submission

    def _ask_for_prompt(self, length: int) -> Result | None:
        """None once the modem waits for the PDU, else why it does not."""
        self._prepare()
        if self.restarted:
            raise SilentError("the modem restarted and is to be set up first")
        self._framer.prompt_wanted = True
        echoed = self.echoes
        try:
            self._say(f"AT+CMGS={length}")
            deadline = monotonic() + self._waits.prompt_s
            while (events := self._read(deadline)) is not None:
                prompted = False
                refusal: Result | None = None
                for event in events:
                    if event is Sign.PROMPT:
                        prompted = True
                    elif isinstance(event, str):
                        found = result(event)
                        if found is None:
                            self._set_aside(event)
                        elif (
                            not found.ok
                        ):  # an OK here is a stray one: a modem that takes the command prompts
                            refusal = found
                if refusal is not None:
                    self._heard(refusal)
                    return refusal
                if self.told_e0 and self.echoes > echoed:
                    # It may be in text mode now, and would send the PDU as a text to the number `length`.
                    self.restarted = True
                if self.restarted:
                    break
                if prompted:
                    return None
        finally:
            self._framer.prompt_wanted = False
            self._framer.echo = ""
        self.in_step = False
        raise SilentError("the modem did not ask for the message")

    def _await_reference(self, deadline: float, timeout_s: float) -> Submitted | Refused | InDoubt:
        taken: Submitted | None = None
        try:
            while (events := self._read(deadline)) is not None:
                found: Result | None = None
                for event in events:
                    if not isinstance(event, str):
                        continue
                    if found is None and taken is None and tag(event) == "+CMGS":
                        taken = Submitted(_reference(event))
                        deadline = min(deadline, monotonic() + self._waits.result_s)
                    elif found is None:
                        found = result(event)
                        if found is None:
                            self._set_aside(event)
                    else:
                        self._set_aside(event)
                if found is not None:
                    self._framer.echo = ""
                    self._heard(found)
                    return taken or self._verdict(found)
                if self.restarted:
                    self.in_step = False
                    return taken or InDoubt("The modem restarted before it said what became of the message.")
            self.in_step = False
            return taken or self._ask_late(timeout_s)
        except DeviceGoneError:
            return taken or InDoubt("The modem disappeared before it said what became of the message.")
        finally:
            self._framer.echo = ""

    def _ask_late(self, timeout_s: float) -> Submitted | Refused | InDoubt:
        """Resync, looking for what the modem still says of the submission."""
        try:
            self.resync()
        except ChannelError as error:
            log.warning("%s: after a submission without an answer: %s", self._name, error)
        if self._late_reference is not None:
            return self._late_reference
        if self._late_result is not None:
            return self._verdict(self._late_result)
        return InDoubt(f"The modem did not say within {timeout_s:g} s what became of the message.")

    def _verdict(self, found: Result) -> Submitted | Refused | InDoubt:
        """What a final result without +CMGS says of the part; some old modems leave the +CMGS out."""
        if found.ok:
            return Submitted(None)
        why = found.cause(self.vendor)
        if (why.family, why.code) in _NOBODY_KNOWS:
            return InDoubt(why.told_en)
        return Refused(why)

    # One line

    def _take(self, event: Event, prefixes: tuple[str, ...], bare: bool, lines: list[str]) -> Result | None:
        """Sort one line while a command runs: its final result, or None and the line where it belongs."""
        if not isinstance(event, str):
            return None
        if self._head is not None and self._follow(event):
            return None
        found = result(event, numeric=self._numeric)
        if found is not None:
            self._numeric = self._numeric and len(event) == 1
            return found
        if answers(event, prefixes):
            if tag(event) in _RECORDS:
                self._head = None  # the next line belongs to this one
            lines.append(event)
        elif is_spoken(event):
            self._speak(event)
        elif bare and event[:2].upper() != "AT":  # the beginning of an echo that was cut by a URC
            lines.append(event)
        else:
            log.debug("%s: dropped %r", self._name, _shown(event))
        return None

    def _set_aside(self, event: Event) -> None:
        """Sort one line that answers nothing."""
        if not isinstance(event, str) or (self._head is not None and self._follow(event)):
            return
        if tag(event) == "+CMGS":
            self._late_reference = Submitted(_reference(event))
        elif (found := result(event)) is not None:
            self._late_result = found
        elif is_spoken(event):
            self._speak(event)
        else:
            log.debug("%s: dropped %r", self._name, _shown(event))

    def _speak(self, line: str) -> None:
        if owns_next_line(line):
            self._head = (line, monotonic() + self._waits.head_s)
            return
        if is_restart(line):
            self.restarted = True
        self.urcs.append(Urc(line))

    def _follow(self, line: str) -> bool:
        """Whether this line belongs to the +CMT, +CDS or +CBM before it."""
        if self._head is None:
            return False
        head, until = self._head
        if result(line) is not None or is_spoken(line):
            return False  # slipped in between; the PDU still comes
        if not _PDU.fullmatch(line):
            if not line.isascii() and len(line) < _SHORTEST_PDU:
                return False  # noise, likewise
            if monotonic() > until:
                self._head = None
                return False
        self._head = None
        self.urcs.append(Urc(head, line))
        return True

    def _heard(self, found: Result) -> None:
        self.answered_at = monotonic()
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s < %s %s", self._name, found.family, "" if found.code is None else found.code)

    # In step

    def _prepare(self) -> None:
        """In step, after the pause the modem wants, with nothing stale to be taken for an answer."""
        self._drop_stale()
        if not self.in_step:
            self.resync()
        if self.pause_s and self.answered_at is not None:
            self._listen_until(self.answered_at + self.pause_s)

    def _drop_stale(self) -> None:
        for _ in range(_DRAIN_CHUNKS):
            ready = self._device.poll(0)
            if not ready:
                break
            for event in self._framer.feed(self._receive(ready[0][1])):
                self._set_aside(event)
        if self._framer.partial.lstrip().startswith(">"):
            self.in_step = False  # waits for a message text, not for a command

    def _answers(self, text: str) -> bool:
        """Whether the modem answers with an OK, and says nothing more after it."""
        self._say(text)
        deadline = monotonic() + self._waits.sync_s
        found: Result | None = None
        while found is None:
            events = self._read(deadline)
            if events is None:
                break
            for event in events:
                verdict = result(event, numeric=True) if isinstance(event, str) else None
                if verdict is None:
                    self._set_aside(event)
                elif found is None or not verdict.ok:
                    found = verdict
                    self._numeric = event in ("0", "4")
        self._framer.echo = ""
        if found is None:
            return False
        self.answered_at = monotonic()
        # A modem that wants its PIN first may refuse even AT. Said twice, it is no late answer to something else.
        locked = (found.family, found.code) in _LOCKED
        understood = found.ok or (locked and self._locked)
        self._locked = locked
        self.in_step = self._listen_until_quiet(self._waits.clean_s) and understood
        return self.in_step

    # Bytes

    def _listen_until(self, deadline: float) -> None:
        while (events := self._read(deadline)) is not None:
            for event in events:
                self._set_aside(event)

    def _listen_until_quiet(self, quiet_s: float) -> bool:
        """Listen until nothing came for `quiet_s`. Whether no final result was among what came."""
        clean = True
        give_up = monotonic() + self._waits.flood_s
        while monotonic() < give_up:
            events = self._read(monotonic() + quiet_s, partial=True)
            if events is None:
                break
            for event in events:
                clean = clean and not (isinstance(event, str) and result(event, numeric=self._numeric))
                self._set_aside(event)
        return clean

    def _say(self, text: str) -> None:
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s > %s", self._name, _shown(text))
        for event in self._framer.end_text():
            self._set_aside(event)
        self._framer.echo = text
        self._write(text.encode("ascii", "replace") + b"\r")

    def _read(self, deadline: float, *, partial: bool = False, wakeful: bool = False) -> list[Event] | None:
        """The next events, None at the deadline.

        An empty list when bytes came that end no line (`partial`), or after waking (`wakeful`). What is there already
        is read once after the deadline too: it may have passed while this thread did something else.
        """
        while True:
            remaining = deadline - monotonic()
            if remaining <= 0 and self._overtime:
                self._overtime = False
                return None
            self._overtime = remaining <= 0
            for fd, flags in self._poll.poll(max(0, math.ceil(remaining * 1000))):
                if fd == self._wake_fd:
                    self._attend()
                    if wakeful:
                        return []
                    continue
                events = self._framer.feed(self._receive(flags))
                if events or partial:
                    return events

    def _receive(self, flags: int) -> bytes:
        try:
            data = os.read(self._fd, _CHUNK)
        except BlockingIOError:
            data = b""
        except OSError as error:
            raise self._lost(error) from error
        if data:
            self._empty = 0
            if self._transcript is not None:
                self._transcript.heard(data)
            return data
        self._empty += 1
        if flags & _GONE or self._empty >= _EMPTY_READS:
            raise self._lost(None)
        return b""

    def _write(self, data: bytes) -> None:
        """Raises SilentError where the modem stopped taking bytes: then the last ones were not written."""
        deadline = monotonic() + self._waits.write_s
        if self._transcript is not None:
            self._transcript.sent(data)
        while True:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:
                pass
            except OSError as error:
                raise self._lost(error) from error
            if not data:
                return
            writable = select.poll()
            writable.register(self._fd, select.POLLOUT)
            left_ms = math.ceil((deadline - monotonic()) * 1000)
            if left_ms <= 0 or not writable.poll(left_ms):
                self.in_step = False
                raise SilentError("the modem does not take what is written to it")

    def _lost(self, error: OSError | None) -> DeviceGoneError:
        self.gone = True
        self.in_step = False
        name = errno.errorcode.get(error.errno or 0, "") if error is not None else "end of file"
        return DeviceGoneError(f"the device was lost ({name})")


_RECORDS: Final = frozenset({"+CMGR", "+CMGL"})  # of a stored message; its PDU is the next line
_SHORTEST_PDU: Final = 16  # characters; a status report of nothing is longer
_PDU: Final = re.compile(f"[0-9A-Fa-f]{{{_SHORTEST_PDU},}}")

_LOCKED: Final = frozenset(
    ("CME", code) for code in (5, 6, 7, 10, 11, 12, 13, 15)
)  # SIM: absent, locked, failing

# The network did not answer in time: it may have the message all the same.
_NOBODY_KNOWS: Final = frozenset({("CMS", 332), ("CME", 31)})


def _reference(line: str) -> int | None:
    """The <mr> of `+CMGS: <mr>[,<scts>]`, None where it is missing."""
    first = fields(line)[0]
    if first.isascii() and first.isdigit() and len(first) <= 3 and int(first) <= 255:
        return int(first)
    return None


def _shown(text: str) -> str:
    """A line fit for a log: without a PIN, without PDUs."""
    if text[:2].upper() == "AT":
        return command(text)
    if len(text) > 30 and text.isalnum():
        return f"({len(text)} characters)"
    return text
