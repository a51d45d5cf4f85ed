"""One AT command at a time over a file descriptor; what the modem says of its own accord is set aside, never lost."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Final

from modem.at import answer_check
from modem.at.answer_check import AnswerHabits, Response
from modem.at.framer import Event, MessageText
from modem.at.redaction import command
from modem.at.responses import (
    CALL_ENDS,
    ERROR,
    OK,
    RINGS,
    Result,
    Urc,
    answers,
    fields,
    is_restart,
    is_spoken,
    is_text_form,
    owns_next_line,
    result,
    says_started,
    tag,
)
from modem.at.transcript import Transcript
from modem.at.transport import ChannelError, SilentError, Transport
from modem.parts import Submitted

log = logging.getLogger(__name__)

ANSWER_S: Final = (
    5.0  # Telit allows 5 s for the simplest commands, Quectel 0.3 s; other drivers wait 1 to 10 s
)
URCS_KEPT: Final = 1000  # a modem that chatters while nobody works it off must not fill the memory

# Realigning is not done more often than this without a question whose answer does not fit: a modem that says odd
# things again and again must not be asked `AT` before each command.
_BETWEEN_REALIGNMENTS_S: Final = 1.0

# A caller rings every 3 to 6 s. What ends a call within this time after a ring ends that call, and nothing of ours.
_RINGING_S: Final = 8.0

CTRL_Z: Final = b"\x1a"
_ESC: Final = b"\x1b"


class OutOfStepError(ChannelError):
    """The modem could not be brought back to answering `AT` with a clean `OK`."""


@dataclass(frozen=True, slots=True)
class _Command:
    """What is said, and what its answer looks like (see `Channel.command`)."""

    text: str
    prefixes: tuple[str, ...]
    bare: bool
    timeout_s: float
    enough_s: float | None
    ends: frozenset[str]

    @property
    def asks(self) -> bool:
        """Whether it can be said twice without harm."""
        return answer_check.asks(self.text, self.prefixes, bare=self.bare)


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
        self.slowly = False  # PDUs are typed in pieces with pauses
        self.sending: Callable[[], None] = lambda: None  # called right before a part is given to the modem
        self.pause_s = 0.0  # to be left between an answer and the next command
        self.restarted = False  # the modem said that it starts: what it was told before no longer holds
        self.told_v1 = False  # and so speaks V0 only after a restart
        self.told_e0 = False  # and obeyed: it echoes only after a restart
        self.answered_at: float | None = None  # monotonic seconds of the last final result
        self.tells_references = False  # it answers a part with its TP-MR, as all but a few old modems do
        self.tells_none = False  # it answered the last part with a bare OK
        self.late_references: list[Submitted] = []  # each +CMGS that came while none was waited for
        self.late_result: Result | None = None  # likewise the last final result
        self.last_reference: int | None = None  # the TP-MR of the last part that was taken
        self.owed = 0  # parts that were given up without an answer: theirs may yet come
        self.name = name
        self.waits = waits
        self._transport = Transport(
            fd, wake_fd, attend, write_s=waits.write_s, text_s=waits.text_s, transcript=transcript
        )
        self.framer: Final = self._transport.framer  # told what echo and prompt to expect
        self.read: Final = self._transport.read
        self._in_step = False
        self._numeric = False  # the modem answers in V0
        self._locked = False  # it last answered AT with the state of its SIM
        self._head: tuple[str, float] | None = None  # a URC that owns the next line, and until when
        self._doubtful = False  # an answer came that nobody asked for: the next one may be shifted
        self._strays = False  # lines came while the last command ran that answer another one
        self._started = False  # the modem said meanwhile that it has started
        self._realigned_at = float("-inf")
        self._rang_at = float("-inf")
        self.habits = AnswerHabits()  # of the modem; to be made anew where another one may be there

    @property
    def gone(self) -> bool:
        """Whether the device was lost."""
        return self._transport.gone

    @property
    def in_step(self) -> bool:
        """Whether the next command can be said as it is; else the modem is brought in step first."""
        return self._in_step and not self._transport.gone

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
        ends: frozenset[str] = frozenset(),
    ) -> Response:
        """Say `text` and wait for its final result.

        Information lines are those that begin with one of `prefixes`, and with `bare` also those that begin with
        nothing a URC begins with. `enough_s`: an information line and this much silence are an answer too, for modems
        that leave out the OK. `ends`: lines that end this command too, as a failure.

        A question whose answer does not fit it (the answer to another command, a stray OK or ERROR) is asked once
        more after the modem was brought back in step, and twice where the modem is known to answer it. So it takes
        `timeout_s` three times at most.

        Raises SilentError without a final result in time, OutOfStepError where the modem was already beyond reach,
        DeviceGoneError.
        """
        self.prepare()
        command = _Command(text, prefixes, bare, timeout_s, enough_s, ends)
        answer = self._exchange(command)
        if command.asks:
            for come_back in (self._realign, self.resync):
                if not self.in_step or not self.habits.is_odd(text, answer):
                    break
                if come_back == self.resync and not self.habits.has_told(text):
                    break  # it may be this modem's own way
                log.info("%s: the answer to %s does not fit; it is asked again", self.name, _shown(text))
                self.habits.remember(text, prefixes, answer.lines)  # its own answer may yet come
                come_back()
                answer = self._exchange(command)
            self.habits.learn(text, answer)
        self._doubtful = self._doubtful or answer.strays
        self.habits.remember(text, prefixes, answer.lines)
        return answer

    def _exchange(self, command: _Command) -> Response:
        """Say a command once and wait for its final result."""
        self.say(command.text)
        lines: list[str] = []
        deadline = limit = monotonic() + command.timeout_s
        restarting = self.restarted
        first: Result | None = None
        found: Result | None = None
        spare = False
        self._strays = self._started = False
        while (events := self.read(limit)) is not None:
            for event in events:
                if found is None:
                    found = self._take(event, command, lines)
                else:
                    spare = spare or self._is_of_answer(event, command)
                    found = self._second(event, found, command)
            if found is not None:
                if first is None:
                    first = found
                    limit = monotonic() + self._lingering_s(found, command)
                if spare or limit <= monotonic():
                    break
            elif self.restarted and not restarting:
                break  # what it was doing will not be answered
            elif command.enough_s is not None and lines:
                limit = min(deadline, monotonic() + command.enough_s)
        self.framer.echo = ""
        if found is not None:
            self.heard(found)
            return Response(tuple(lines), found, self._strays, spare)
        return self._without_result(command, tuple(lines), restarting=restarting)

    def _without_result(self, command: _Command, lines: tuple[str, ...], *, restarting: bool) -> Response:
        """What a command without a final result is. `restarting`: the modem had restarted before it was said."""
        self.restarted = self.restarted or self._started
        self.in_step = False
        if command.enough_s is not None and lines:
            return Response(lines, OK)
        if self.restarted and not restarting:
            raise SilentError(f"the modem restarted instead of answering {_shown(command.text)}")
        raise SilentError(f"no answer to {_shown(command.text)} within {command.timeout_s:g} s", lines)

    def _lingering_s(self, found: Result, command: _Command) -> float:
        """How long to listen on behind a final result, because it may answer something else.

        An ERROR to a question that was not refused before may be a stray one: then the answer follows. What changes
        something is not said twice; where lines of another command came with its result, its own result follows.
        """
        if command.asks:
            return self.waits.clean_s if found == ERROR and not self.habits.refuses(command.text) else 0.0
        return self.waits.quiet_s if self._strays else 0.0

    def _second(self, event: Event, found: Result, command: _Command) -> Result:
        """Sort one line behind a final result. Which result counts for the command."""
        if isinstance(event, str) and self._strays and not command.asks:
            own = result(event, numeric=self._numeric)
            if own is not None:
                return own
        self.set_aside(event)
        return found

    def _is_of_answer(self, event: Event, command: _Command) -> bool:
        """Whether a line behind a final result belongs to an answer."""
        if not isinstance(event, str):
            return False
        if answers(event, command.prefixes) or result(event, numeric=self._numeric) is not None:
            return True
        return command.bare and not is_spoken(event)

    def wait(self, deadline: float) -> None:
        """Wait until a URC or a late reference is there, or `wake_fd` was attended to, or `deadline` (monotonic seconds)
        has passed.
        """
        while not self.urcs and not self.late_references:
            events = self.read(deadline, wakeful=True)
            if not events:
                return
            for event in events:
                self.set_aside(event)

    def await_urc(self, tags: frozenset[str], deadline: float) -> Urc | Result | None:
        """The next URC with one of these tags, taken out of `urcs`, or a final result that is an error.

        None at the deadline (monotonic seconds), or where the modem restarted. Before that, set `late_result` to None.
        What ends a call that rang is passed over.
        """
        while True:
            for urc in [urc for urc in self.urcs if urc.tag in tags]:
                self.urcs.remove(urc)
                if not (urc.line in CALL_ENDS and urc.of_call):
                    return urc
            if self.late_result is not None and not self.late_result.ok:
                failure, self.late_result = self.late_result, None
                return failure
            if self.restarted:
                return None
            events = self.read(deadline)
            if events is None:
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

    def keep_late(self, told: Submitted) -> None:
        """Keep the reference of a part that nobody waits for any more. One that is told twice counts once."""
        if told.reference is not None and told.reference == self.last_reference:
            return
        self.late_references.append(told)
        self.owed = max(0, self.owed - 1)

    def take_late(self) -> list[Submitted]:
        """The references that came late, once."""
        late, self.late_references = self.late_references, []
        return late

    def pause(self, seconds: float) -> None:
        """Let time pass, setting aside what the modem says."""
        self._listen_until(monotonic() + seconds)

    def read_with(self, reader: Callable[[int, int], bytes]) -> None:
        """Read from the line with `reader`, which is called as os.read(2) is."""
        self._transport.reader = reader

    def unread(self) -> Iterator[list[Event]]:
        """The events of what is there already, piece by piece, without waiting. Raises DeviceGoneError."""
        return self._transport.read_stale()

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
        self.late_result = None
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
            self._doubtful = False
            self.late_result = late_result
            self.restarted = self.restarted or (self._numeric and self.told_v1)
        raise OutOfStepError("the modem does not answer AT")

    def write(self, data: bytes) -> None:
        """Write all of it. Raises SilentError where the modem stopped taking bytes, DeviceGoneError."""
        try:
            self._transport.write(data)
        except SilentError:
            self.in_step = False
            raise

    # One line

    def _take(self, event: Event, command: _Command, lines: list[str]) -> Result | None:
        """Sort one line while a command runs: its final result, or None and the line where it belongs."""
        if not isinstance(event, str):
            return None
        if self._head is not None and self._may_follow(event, command) and self._follow(event):
            return None
        found = result(event, numeric=self._numeric)
        if found is not None:
            self._numeric = self._numeric and len(event) == 1
            return found
        if event in command.ends and not self._ends_call(event):
            self.in_step = False  # an OK may yet come
            return Result("ENDED", None, event)
        if answers(event, command.prefixes):
            if tag(event) in _RECORDS:
                self._head = None  # the next line belongs to this one
            lines.append(event)
        elif tag(event) in REFERENCES:
            self._strays = True
            self.keep_late(Submitted(reference_of(event)))
        elif is_spoken(event):
            self._strays = self._strays or self.habits.answers_another(event)
            self._speak(event, commanded=True)
        elif command.bare and event[:2].upper() != "AT":  # the beginning of an echo that was cut by a URC
            self._strays = self._strays or not command.asks  # what sets something has no bare answer
            lines.append(event)
        else:
            log.debug("%s: dropped %r", self.name, _shown(event))
        return None

    def _may_follow(self, line: str, command: _Command) -> bool:
        """Whether a line may be the PDU or text of a head, rather than the bare answer to a command, as the IMSI is."""
        in_text_mode = self._head is not None and is_text_form(self._head[0])
        return in_text_mode or not command.bare or _PDU.fullmatch(line) is not None

    def set_aside(self, event: Event) -> None:
        """Sort one line that answers nothing."""
        if not isinstance(event, str) or (self._head is not None and self._follow(event, awaited=False)):
            return
        if tag(event) in REFERENCES:
            self.keep_late(Submitted(reference_of(event)))
        elif (found := result(event)) is not None:
            self.late_result = found
        elif is_spoken(event):
            self._doubtful = self._doubtful or self.habits.is_answer(event)
            self._speak(event)
        else:
            log.debug("%s: dropped %r", self.name, _shown(event))

    def _speak(self, line: str, *, commanded: bool = False) -> None:
        """Keep a line that the modem says of its own accord. `commanded`: while a command waits for its answer."""
        if owns_next_line(line):
            self._head = (line, monotonic() + self.waits.head_s)
            return
        if is_restart(line):
            self.restarted = True
        elif says_started(line):
            # What runs may yet be answered: then the modem had started before that was said.
            self._started = True
            self.restarted = self.restarted or not commanded
        of_call = self._ends_call(line)
        if of_call:
            self._rang_at = float("-inf")
        elif tag(line) in RINGS:
            self._rang_at = monotonic()
        self.urcs.append(Urc(line, of_call=of_call))

    def _ends_call(self, line: str) -> bool:
        """Whether a line ends a call that rang, and nothing of ours."""
        return line in CALL_ENDS and monotonic() - self._rang_at < _RINGING_S

    def _follow(self, line: str, *, awaited: bool = True) -> bool:
        """Whether this line belongs to the +CMT, +CDS or +CBM before it. `awaited`: a result may come, too."""
        if self._head is None:
            return False
        head, until = self._head
        if is_text_form(head):
            return self._follow_in_text_mode(head, line, late=monotonic() > until, awaited=awaited)
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

    def _follow_in_text_mode(self, head: str, line: str, *, late: bool, awaited: bool) -> bool:
        """As `_follow`: the text may look like anything. An empty one is no line at all, and is given out late."""
        if awaited and not late and result(line) is not None and not isinstance(line, MessageText):
            return False
        self._head = None
        self.urcs.append(Urc(head, "" if late else line))
        return not late

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
        elif self._doubtful and monotonic() - self._realigned_at >= _BETWEEN_REALIGNMENTS_S:
            self._realign()
        self._doubtful = False
        if self.pause_s and self.answered_at is not None:
            self._listen_until(self.answered_at + self.pause_s)

    def _realign(self) -> None:
        """Let pass what still comes, and have the modem answer `AT`. Takes about 0.3 s; else see `resync`."""
        self._realigned_at = monotonic()
        self._listen_until_quiet(self.waits.quiet_s)
        if not self._answers("AT"):
            self.resync()

    def _drop_stale(self) -> None:
        for events in self._transport.read_stale():
            for event in events:
                self.set_aside(event)
        if self.framer.partial.lstrip().startswith(">"):
            self.in_step = False  # waits for a message text, not for a command

    def _answers(self, text: str) -> bool:
        """Whether the modem answers with an OK, and says nothing more after it."""
        self.say(text)
        deadline = monotonic() + self.waits.sync_s
        found: Result | None = None
        another = False  # the lines of an older answer came: the next result is that one's
        while found is None:
            events = self.read(deadline)
            if events is None:
                break
            for event in events:
                verdict = result(event, numeric=True) if isinstance(event, str) else None
                if verdict is None:
                    another = another or self._belongs_to_another(event)
                    self.set_aside(event)
                elif another:
                    another = False  # its result; the OK to this `AT` follows
                    deadline = monotonic() + self.waits.sync_s
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

    def _belongs_to_another(self, event: Event) -> bool:
        """Whether a line that comes where a bare OK is expected is part of the answer to a question."""
        if not isinstance(event, str) or self._head is not None:
            return False
        if is_spoken(event):
            return self.habits.answers_another(event)
        return event[:2].upper() != "AT" and event.isascii() and event.isprintable()

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
