"""One AT command at a time over a file descriptor; what the modem says of its own accord is set aside, never lost."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Final

from modem.framer import Event
from modem.lines import OK, Result, Urc, answers, fields, is_restart, is_spoken, owns_next_line, result, tag
from modem.masking import command
from modem.transcript import Transcript
from modem.wire import ChannelError, SilentError, Wire
from modem.work import Submitted

log = logging.getLogger(__name__)

ANSWER_S: Final = (
    5.0  # Telit allows 5 s for the simplest commands, Quectel 0.3 s; other drivers wait 1 to 10 s
)
URCS_KEPT: Final = 1000  # a modem that chatters while nobody works it off must not fill the memory

CTRL_Z: Final = b"\x1a"
_ESC: Final = b"\x1b"


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
        self.sending: Callable[[], None] = lambda: None  # called right before a part is given to the modem
        self.pause_s = 0.0  # to be left between an answer and the next command
        self.restarted = False  # the modem said that it starts: what it was told before no longer holds
        self.told_v1 = False  # and so speaks V0 only after a restart
        self.told_e0 = False  # and obeyed: it echoes only after a restart
        self.answered_at: float | None = None  # monotonic seconds of the last final result
        self.tells_references = False  # it answers a part with its TP-MR, as all but a few old modems do
        self.late_reference: Submitted | None = None  # a +CMGS that came while none was waited for
        self.late_result: Result | None = None  # likewise a final result
        self.name = name
        self.waits = waits
        self._wire = Wire(fd, wake_fd, attend, write_s=waits.write_s, transcript=transcript)
        self.framer: Final = self._wire.framer  # told what echo and prompt to expect
        self.read: Final = self._wire.read
        self._in_step = False
        self._numeric = False  # the modem answers in V0
        self._locked = False  # it last answered AT with the state of its SIM
        self._head: tuple[str, float] | None = None  # a URC that owns the next line, and until when

    @property
    def gone(self) -> bool:
        """Whether the device was lost."""
        return self._wire.gone

    @property
    def in_step(self) -> bool:
        """Whether the next command can be said as it is; else the modem is brought in step first."""
        return self._in_step and not self._wire.gone

    @in_step.setter
    def in_step(self, value: bool) -> None:
        self._in_step = value

    @property
    def echoes(self) -> int:
        """How many commands the modem has echoed."""
        return self.framer.echoes

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
        self.prepare()
        self.say(text)
        lines: list[str] = []
        deadline = monotonic() + timeout_s
        limit = deadline
        restarting = self.restarted
        while (events := self.read(limit)) is not None:
            found: Result | None = None
            for event in events:
                if found is None:
                    found = self._take(event, prefixes, bare, lines)
                else:
                    self.set_aside(event)
            if found is not None:
                self.framer.echo = ""
                self.heard(found)
                return Response(tuple(lines), found)
            if self.restarted and not restarting:
                break  # what it was doing will not be answered
            if enough_s is not None and lines:
                limit = min(deadline, monotonic() + enough_s)
        self.framer.echo = ""
        self.in_step = False
        if enough_s is not None and lines:
            return Response(tuple(lines), OK)
        if self.restarted and not restarting:
            raise SilentError(f"the modem restarted instead of answering {_shown(text)}")
        raise SilentError(f"no answer to {_shown(text)} within {timeout_s:g} s")

    def wait(self, deadline: float) -> None:
        """Wait until a URC is there, or `wake_fd` was attended to, or `deadline` (monotonic seconds) has passed."""
        while not self.urcs:
            events = self.read(deadline, wakeful=True)
            if not events:
                return
            for event in events:
                self.set_aside(event)

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
            if self.framer.text_open:
                limit = min(deadline, monotonic() + self.waits.text_s)
            events = self.read(limit)
            if events is None:
                events = self.framer.end_text()
                if not events:
                    return None
            for event in events:
                self.set_aside(event)

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
        self.write(_ESC + b"\r" + text.encode("ascii") + b"\r")
        self.pause(self.waits.escape_s)

    def pause(self, seconds: float) -> None:
        """Let time pass, setting aside what the modem says."""
        self._listen_until(monotonic() + seconds)

    def read_with(self, reader: Callable[[int, int], bytes]) -> None:
        """Read from the line with `reader`, which is called as os.read(2) is."""
        self._wire.reader = reader

    def unread(self) -> Iterator[list[Event]]:
        """The events of what is there already, piece by piece, without waiting. Raises DeviceGoneError."""
        return self._wire.read_stale()

    def forget_partial(self) -> None:
        """Forget the line that has begun, and the URC that waits for its PDU: the rest of them will not come."""
        self.framer.clear()
        self._head = None

    def resync(self) -> None:
        """Bring the modem back to answering `AT` with a clean `OK`, from whatever state it was left in.

        Takes about 0.6 s where the modem answers, and at most 12 s where it does not.
        Raises OutOfStepError, DeviceGoneError.
        """
        waits = self.waits
        self.in_step = False
        self.framer.echo = ""
        self.framer.prompt_wanted = False
        self.late_reference = self.late_result = None
        self._listen_until_quiet(waits.quiet_s)
        late_result = self.late_result  # what comes after the ESC may answer that
        try:
            self.write(_ESC)
            self.pause(waits.escape_s)
            if self._answers("AT") or self._answers("AT") or self._answers("ATQ0V1E0"):
                return
            # In text entry that one ESC does not leave: gammu sends ESC CR, some firmwares want two.
            self.write(_ESC + _ESC + b"\r")
            self.pause(waits.escape_s)
            if self._answers("AT"):
                return
            # The last resort: end the text entry with what is in it, which is no PDU. phonesim ignores ESC.
            self.write(CTRL_Z)
            self._listen_until_quiet(waits.sync_s)
            if self._answers("AT") or self._answers("ATQ0V1E0"):
                return
        except SilentError as error:
            raise OutOfStepError(str(error)) from error
        finally:
            self.late_result = late_result
            self.restarted = self.restarted or (self._numeric and self.told_v1)
        raise OutOfStepError("the modem does not answer AT")

    def write(self, data: bytes) -> None:
        """Write all of it. Raises SilentError where the modem stopped taking bytes, DeviceGoneError."""
        try:
            self._wire.write(data)
        except SilentError:
            self.in_step = False
            raise

    # One line

    def _take(self, event: Event, prefixes: tuple[str, ...], bare: bool, lines: list[str]) -> Result | None:
        """Sort one line while a command runs: its final result, or None and the line where it belongs."""
        if not isinstance(event, str):
            return None
        # The answer to a command whose answers are bare, as the IMSI, is no PDU of a text that came meanwhile.
        if self._head is not None and (not bare or _PDU.fullmatch(event)) and self._follow(event):
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
            log.debug("%s: dropped %r", self.name, _shown(event))
        return None

    def set_aside(self, event: Event) -> None:
        """Sort one line that answers nothing."""
        if not isinstance(event, str) or (self._head is not None and self._follow(event)):
            return
        if tag(event) in REFERENCES:
            self.late_reference = Submitted(reference_of(event))
        elif (found := result(event)) is not None:
            self.late_result = found
        elif is_spoken(event):
            self._speak(event)
        else:
            log.debug("%s: dropped %r", self.name, _shown(event))

    def _speak(self, line: str) -> None:
        if owns_next_line(line):
            self._head = (line, monotonic() + self.waits.head_s)
            return
        if is_restart(line):
            self.restarted = True
        self.urcs.append(Urc(line))

    def _follow(self, line: str) -> bool:
        """Whether this line belongs to the +CMT, +CDS or +CBM before it."""
        if self._head is None:
            return False
        head, until = self._head
        if not _PDU.fullmatch(line):
            if result(line) is not None or is_spoken(line):
                return False  # slipped in between; the PDU still comes
            if not line.isascii() and len(line) < _SHORTEST_PDU:
                return False  # noise, likewise
            if monotonic() > until:
                self._head = None
                return False
        self._head = None
        self.urcs.append(Urc(head, line))
        return True

    def heard(self, found: Result) -> None:
        self.answered_at = monotonic()
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s < %s %s", self.name, found.family, "" if found.code is None else found.code)

    # In step

    def prepare(self) -> None:
        """In step, after the pause the modem wants, with nothing stale to be taken for an answer."""
        self._drop_stale()
        if not self.in_step:
            self.resync()
        if self.pause_s and self.answered_at is not None:
            self._listen_until(self.answered_at + self.pause_s)

    def _drop_stale(self) -> None:
        for events in self._wire.read_stale():
            for event in events:
                self.set_aside(event)
        if self.framer.partial.lstrip().startswith(">"):
            self.in_step = False  # waits for a message text, not for a command

    def _answers(self, text: str) -> bool:
        """Whether the modem answers with an OK, and says nothing more after it."""
        self.say(text)
        deadline = monotonic() + self.waits.sync_s
        found: Result | None = None
        while found is None:
            events = self.read(deadline)
            if events is None:
                break
            for event in events:
                verdict = result(event, numeric=True) if isinstance(event, str) else None
                if verdict is None:
                    self.set_aside(event)
                elif found is None or not verdict.ok:
                    found = verdict
                    self._numeric = event in ("0", "4")
        self.framer.echo = ""
        if found is None:
            return False
        self.answered_at = monotonic()
        # A modem that wants its PIN first may refuse even AT. Said twice, it is no late answer to something else.
        locked = (found.family, found.code) in _LOCKED
        understood = found.ok or (locked and self._locked)
        self._locked = locked
        self.in_step = self._listen_until_quiet(self.waits.clean_s) and understood
        return self.in_step

    # Bytes

    def _listen_until(self, deadline: float) -> None:
        while (events := self.read(deadline)) is not None:
            for event in events:
                self.set_aside(event)

    def _listen_until_quiet(self, quiet_s: float) -> bool:
        """Listen until nothing came for `quiet_s`. Whether no final result was among what came."""
        clean = True
        give_up = monotonic() + self.waits.flood_s
        while monotonic() < give_up:
            events = self.read(monotonic() + quiet_s, partial=True)
            if events is None:
                break
            for event in events:
                clean = clean and not (isinstance(event, str) and result(event, numeric=self._numeric))
                self.set_aside(event)
        return clean

    def say(self, text: str) -> None:
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s > %s", self.name, _shown(text))
        for event in self.framer.end_text():
            self.set_aside(event)
        self.framer.echo = text
        self.write(text.encode("ascii", "replace") + b"\r")


REFERENCES: Final = frozenset({"+CMGS", "+CMSS"})  # some answer +CMGS to both
_RECORDS: Final = frozenset({"+CMGR", "+CMGL"})  # of a stored message; its PDU is the next line
_SHORTEST_PDU: Final = 16  # characters; a status report of nothing is longer
_PDU: Final = re.compile(f"[0-9A-Fa-f]{{{_SHORTEST_PDU},}}")

_LOCKED: Final = frozenset(
    ("CME", code) for code in (5, 6, 7, 10, 11, 12, 13, 15)
)  # SIM: absent, locked, failing


def reference_of(line: str) -> int | None:
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
