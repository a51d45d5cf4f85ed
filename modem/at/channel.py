"""One AT command at a time, with the answer that belongs to it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

from config.language.text import Text
from modem.at import answer_check
from modem.at.answer_check import Response
from modem.at.framer import Event
from modem.at.line import ModemLine
from modem.at.redaction import shown
from modem.at.responses import (
    ERROR,
    OK,
    REFERENCES,
    Result,
    Urc,
    answers,
    is_spoken,
    reference_of,
    result,
    tag,
)
from modem.at.synchroniser import OutOfStepError, Synchroniser
from modem.at.transcript import Transcript
from modem.at.transport import SilentError
from modem.parts import Submitted
from modem.timeouts import ANSWER_S, DEFAULT_TIMEOUTS, ChannelTimeouts

__all__ = ["Channel", "OutOfStepError"]

log = logging.getLogger(__name__)

_RECORDS: Final = frozenset({"+CMGR", "+CMGL"})  # of a stored message; its PDU is the next line


@dataclass(frozen=True, slots=True)
class _Command:
    """One command and the form of its answer (see `Channel.command`)."""

    text: str
    prefixes: tuple[str, ...]
    bare: bool
    timeout_s: float
    enough_s: float | None
    ends: frozenset[str]

    @property
    def asks(self) -> bool:
        """Whether it can be sent twice without harm."""
        return answer_check.asks(self.text, self.prefixes, bare=self.bare)


class Channel(ModemLine):
    """Commands to one modem (see `ModemLine` for the line)."""

    def __init__(
        self,
        fd: int,
        wake_fd: int,
        attend: Callable[[], None],
        *,
        name: str = "modem",
        timeouts: ChannelTimeouts = DEFAULT_TIMEOUTS,
        transcript: Transcript | None = None,
    ) -> None:
        super().__init__(fd, wake_fd, attend, name=name, timeouts=timeouts, transcript=transcript)
        self._synchroniser = Synchroniser(self)
        self._strays = False  # lines of another answer came while the last command ran

    def prepare(self) -> None:
        """Make the line ready for the next command (see `Synchroniser.prepare`)."""
        self._synchroniser.prepare()

    def resync(self) -> None:
        """Bring the modem back in step (see `Synchroniser.resync`)."""
        self._synchroniser.resync()

    def command(
        self,
        text: str,
        *prefixes: str,
        bare: bool = False,
        timeout_s: float = ANSWER_S,
        enough_s: float | None = None,
        ends: frozenset[str] = frozenset(),
    ) -> Response:
        """Send `text` and wait for its final result.

        Information lines begin with one of `prefixes`; with `bare`, lines that look like no URC count too.
        `enough_s`: an information line and so much silence are an answer too, for modems that leave out the OK.
        `ends`: lines that also end this command, as a failure.

        A question whose answer does not fit it (the answer to another command, a stray OK or ERROR) is sent again after
        the modem was resynchronised, and a third time where the modem is known to answer it. So this takes three times
        `timeout_s` at most.

        Raises SilentError without a final result in time, OutOfStepError where the modem was already out of reach,
        DeviceGoneError.
        """
        self.prepare()
        command = _Command(text, prefixes, bare, timeout_s, enough_s, ends)
        answer = self._exchange(command)
        if command.asks:
            for resynchronise in (self._synchroniser.realign, self._synchroniser.resync):
                if not self.in_step or not self.habits.is_odd(text, answer):
                    break
                if resynchronise == self._synchroniser.resync and not self.habits.has_told(text):
                    break  # this modem may always answer so
                log.info("%s: the answer to %s does not fit; it is asked again", self.name, shown(text))
                self.habits.remember(text, prefixes, answer.lines)  # the right answer may still come
                resynchronise()
                answer = self._exchange(command)
            self.habits.learn(text, answer)
        self.doubtful = self.doubtful or answer.strays
        self.habits.remember(text, prefixes, answer.lines)
        return answer

    def wait(self, deadline: float) -> None:
        """Wait until a URC or a late reference is there, `wake_fd` was attended to, or `deadline` (monotonic seconds)."""
        while not self.urcs and not self.late_references:
            events = self.read(deadline, wakeful=True)
            if not events:
                return
            for event in events:
                self.set_aside(event)

    def await_urc(self, tags: frozenset[str], deadline: float) -> Urc | Result | None:
        """The next URC with one of these tags, removed from `urcs`, or a final result that is an error.

        None at the deadline (monotonic seconds), or where the modem restarted. Set `late_result` to None before.
        The end of a call that rang is passed over.
        """
        while True:
            if (urc := self.collector.take(tags)) is not None:
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
        """Remove all URCs with these tags from `urcs`. Returns them."""
        return self.collector.drop(tags)

    def _exchange(self, command: _Command) -> Response:
        """Send a command once and wait for its final result."""
        self.write_command(command.text)
        lines: list[str] = []
        deadline = limit = monotonic() + command.timeout_s
        restarting = self.restarted
        first: Result | None = None
        found: Result | None = None
        spare = False
        self._strays = self.collector.started = False
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
                break  # the restart ended the running command
            elif command.enough_s is not None and lines:
                limit = min(deadline, monotonic() + command.enough_s)
        self.framer.echo = ""
        if found is not None:
            self.note_result(found)
            return Response(tuple(lines), found, self._strays, spare)
        return self._without_result(command, tuple(lines), restarting=restarting)

    def _without_result(self, command: _Command, lines: tuple[str, ...], *, restarting: bool) -> Response:
        """The outcome of a command without a final result. `restarting`: the modem had restarted before the command."""
        self.restarted = self.restarted or self.collector.started
        self.in_step = False
        if command.enough_s is not None and lines:
            return Response(lines, OK)
        if self.restarted and not restarting:
            raise SilentError(
                Text("the modem restarted instead of answering {command}", command=shown(command.text))
            )
        raise SilentError(
            Text(
                "no answer to {command} within {timeout_s:g} s",
                command=shown(command.text),
                timeout_s=command.timeout_s,
            ),
            lines,
        )

    def _lingering_s(self, found: Result, command: _Command) -> float:
        """How long to listen after a final result, because it may belong to another command.

        An ERROR to a question that was not refused before may be a stray one: then the answer follows. A command that
        changes a setting is not sent twice; after lines of another command its own result follows.
        """
        if command.asks:
            return self.timeouts.clean_s if found == ERROR and not self.habits.refuses(command.text) else 0.0
        return self.timeouts.quiet_s if self._strays else 0.0

    def _second(self, event: Event, found: Result, command: _Command) -> Result:
        """Sort one line after a final result. Returns the result that counts for the command."""
        if isinstance(event, str) and self._strays and not command.asks:
            own = result(event, numeric=self.numeric)
            if own is not None:
                return own
        self.set_aside(event)
        return found

    def _is_of_answer(self, event: Event, command: _Command) -> bool:
        """Whether a line after a final result belongs to an answer."""
        if not isinstance(event, str):
            return False
        if answers(event, command.prefixes) or result(event, numeric=self.numeric) is not None:
            return True
        return command.bare and not is_spoken(event)

    def _take(self, event: Event, command: _Command, lines: list[str]) -> Result | None:
        """Sort one line while a command runs. Returns its final result, or None for any other line."""
        if not isinstance(event, str):
            return None
        collector = self.collector
        if collector.may_follow(event, bare=command.bare) and collector.follow(event):
            return None
        found = result(event, numeric=self.numeric)
        if found is not None:
            self.numeric = self.numeric and len(event) == 1
            return found
        if event in command.ends and not collector.ends_call(event):
            self.in_step = False  # an OK may still come
            return Result("ENDED", None, event)
        if answers(event, command.prefixes):
            if tag(event) in _RECORDS:
                collector.forget_head()  # the next line belongs to this one
            lines.append(event)
        elif tag(event) in REFERENCES:
            self._strays = True
            self.keep_late(Submitted(reference_of(event)))
        elif is_spoken(event):
            self._strays = self._strays or self.habits.answers_another(event)
            collector.collect(event, commanded=True)
        elif command.bare and event[:2].upper() != "AT":  # AT begins an echo that was cut by a URC
            self._strays = self._strays or not command.asks  # a setting has no bare answer
            lines.append(event)
        else:
            log.debug("%s: dropped %r", self.name, shown(event))
        return None
