"""The line to one modem: writes commands, reads lines, and keeps every line that answers no running command."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Final

from modem.at.answer_check import AnswerHabits
from modem.at.framer import Event
from modem.at.redaction import shown
from modem.at.responses import REFERENCES, Result, Urc, is_spoken, reference_of, result, tag
from modem.at.transcript import Transcript
from modem.at.transport import SilentError, Transport
from modem.at.urcs import UrcCollector
from modem.parts import Submitted
from modem.timeouts import DEFAULT_TIMEOUTS, ChannelTimeouts

log = logging.getLogger(__name__)

CTRL_Z: Final = b"\x1a"
ESC: Final = b"\x1b"


class ModemLine:
    """An open descriptor that reads and writes without blocking, with URCs and late answers set aside.

    `attend` is called whenever `wake_fd` becomes readable during a wait, and must empty it. Its exceptions end the
    wait. Used from one thread.
    """

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
        self.name = name
        self.timeouts = timeouts
        self.vendor = ""  # selects the table of error codes
        self.slowly = False  # PDUs are sent in pieces with pauses
        self.sending: Callable[[], None] = lambda: None  # called right before a part is given to the modem
        self.pause_s = 0.0  # between an answer and the next command
        self.told_v1 = False  # V1 was set: the modem uses V0 only after a restart
        self.told_e0 = False  # echo is off: the modem echoes only after a restart
        self.answered_at: float | None = None  # monotonic seconds of the last final result
        self.tells_references = (
            False  # the modem answers a part with its TP-MR, as all but a few old modems do
        )
        self.tells_none = False  # the modem answered the last part with a bare OK
        self.late_references: list[Submitted] = []  # each +CMGS that came while no part waited for it
        self.late_result: Result | None = None  # the last final result that came while no command ran
        self.last_reference: int | None = None  # the TP-MR of the last accepted part
        self.owed = 0  # parts that timed out: their answers may still come
        self.doubtful = False  # an answer came while no command ran: the next answer may be an old one
        self.numeric = False  # the modem answers in V0
        self.habits = AnswerHabits()  # of the modem; replaced where another modem may be there
        self._transport = Transport(
            fd, wake_fd, attend, write_s=timeouts.write_s, text_s=timeouts.text_s, transcript=transcript
        )
        self.framer: Final = self._transport.framer  # gets the expected echo and prompt
        self.read: Final = self._transport.read
        self.collector: Final = UrcCollector(timeouts.head_s)
        self._in_step = False
        self._fd = fd

    @property
    def fd(self) -> int:
        """The descriptor, for a caller that speaks to the modem itself. Resynchronise the channel afterwards."""
        return self._fd

    @property
    def urcs(self) -> deque[Urc]:
        """The URCs that were not processed yet, the oldest first."""
        return self.collector.urcs

    @property
    def restarted(self) -> bool:
        """Whether the modem reported a start: its volatile settings are lost."""
        return self.collector.restarted

    @restarted.setter
    def restarted(self, value: bool) -> None:
        self.collector.restarted = value

    @property
    def gone(self) -> bool:
        """Whether the device was lost."""
        return self._transport.gone

    @property
    def in_step(self) -> bool:
        """Whether the next command can be sent as it is. Otherwise the modem is resynchronised first."""
        return self._in_step and not self._transport.gone

    @in_step.setter
    def in_step(self, value: bool) -> None:
        self._in_step = value

    @property
    def echoes(self) -> int:
        """The number of commands that the modem has echoed."""
        return self.framer.echoes

    # Late answers

    def keep_late(self, told: Submitted) -> None:
        """Keep the reference of a part that timed out. A repeated reference counts once."""
        if told.reference is not None and told.reference == self.last_reference:
            return
        self.late_references.append(told)
        self.owed = max(0, self.owed - 1)

    def take_late(self) -> list[Submitted]:
        """The late references, once."""
        late, self.late_references = self.late_references, []
        return late

    def set_aside(self, event: Event) -> None:
        """Sort one line that answers no running command."""
        if not isinstance(event, str) or (
            self.collector.awaits_line and self.collector.follow(event, awaited=False)
        ):
            return
        if tag(event) in REFERENCES:
            self.keep_late(Submitted(reference_of(event)))
        elif (found := result(event)) is not None:
            self.late_result = found
        elif is_spoken(event):
            self.doubtful = self.doubtful or self.habits.is_answer(event)
            self.collector.collect(event)
        else:
            log.debug("%s: dropped %r", self.name, shown(event))

    def note_result(self, found: Result) -> None:
        """Note a final result."""
        self.answered_at = monotonic()
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s < %s %s", self.name, found.family, "" if found.code is None else found.code)

    # Bytes

    def write_command(self, text: str) -> None:
        """Write one command. Raises SilentError, DeviceGoneError."""
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s > %s", self.name, shown(text))
        for event in self.framer.end_text():
            self.set_aside(event)
        self.framer.echo = text
        self.write(text.encode("ascii", "replace") + b"\r")

    def write_command_blindly(self, text: str) -> None:
        """Leave text entry and write `text` to a modem that no longer answers, without waiting for an answer."""
        self.in_step = False
        self.write(ESC + b"\r" + text.encode("ascii") + b"\r")
        self.pause(self.timeouts.escape_s)

    def write(self, data: bytes) -> None:
        """Write all of `data`. Raises SilentError where the modem stopped reading, DeviceGoneError."""
        try:
            self._transport.write(data)
        except SilentError:
            self.in_step = False
            raise

    def pause(self, seconds: float) -> None:
        """Wait, and set aside every line that comes."""
        self.listen_until(monotonic() + seconds)

    def listen_until(self, deadline: float) -> None:
        """Set aside every line that comes before `deadline` (monotonic seconds)."""
        while (events := self.read(deadline)) is not None:
            for event in events:
                self.set_aside(event)

    def listen_until_quiet(self, quiet_s: float) -> bool:
        """Set aside every line until none came for `quiet_s`. Whether there was no final result among them."""
        clean = True
        give_up = monotonic() + self.timeouts.flood_s
        while monotonic() < give_up:
            events = self.read(monotonic() + quiet_s, partial=True)
            if events is None:
                break
            for event in events:
                clean = clean and not (isinstance(event, str) and result(event, numeric=self.numeric))
                self.set_aside(event)
        return clean

    def drop_stale(self) -> None:
        """Set aside the lines that are there already, without waiting."""
        for events in self._transport.read_stale():
            for event in events:
                self.set_aside(event)
        if self.framer.partial.lstrip().startswith(">"):
            self.in_step = False  # the modem waits for a message text, not for a command

    def read_with(self, reader: Callable[[int, int], bytes]) -> None:
        """Read from the device with `reader`, which is called as os.read(2) is."""
        self._transport.reader = reader

    def unread(self) -> Iterator[list[Event]]:
        """The events that are there already, piece by piece, without waiting. Raises DeviceGoneError."""
        return self._transport.read_stale()

    def forget_partial(self) -> None:
        """Forget the unfinished line, and the URC that waits for its PDU: the rest will not come."""
        self.framer.clear()
        self.collector.forget_head()
