"""The message memories of a modem: selection, content and deleting (27.005, 3.2.2 and 4.1 to 4.6)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from modem.at.answer_check import Response
from modem.driver import parsers
from modem.driver.commands import Commands
from modem.driver.parsers import SENT_STATES, Record
from modem.driver.pdu_mode import PduMode

log = logging.getLogger(__name__)

MODEM_MEMORY: Final = "ME"  # the modem's own, which keeps its messages when the slot is switched
MEMORIES: Final = ("SM", MODEM_MEMORY)  # the SIM's first: messages stay with their number
REPORTS_MEMORY: Final = "SR"
OUTGOING: Final = (MODEM_MEMORY, "SM")  # for outgoing parts: the modem's own first, because a SIM wears out


@dataclass(frozen=True, slots=True)
class Stored:
    """A received message in a memory of the modem. `pdu` is "" where the modem shows none."""

    index: int
    pdu: str


class MessageStorage:
    """The memories of one modem for messages and status reports, and for parts that are sent from memory."""

    def __init__(self, commands: Commands, mode: PduMode) -> None:
        self.others: tuple[str, ...] = ()  # may hold messages from before this program started
        self.usual: str | None = None  # the memory for new messages; None: not known
        self.outgoing: str | None = None  # the memory for outgoing parts; None: no memory
        self.seen = 0  # messages of all kinds in the last listing
        self.lost = (
            False  # the modem used another memory for new messages than the chosen one; it was set again
        )
        self.cut = False  # the last listing ended too early: there may be more messages
        self._commands = commands
        self._mode = mode
        self._selected: str | None = None  # the memory to read and delete from; None: not known
        self._silences = 0  # commands without an answer, when `_selected` was known
        self._writes_elsewhere = False  # AT+CPMS? shows another memory for outgoing parts than the chosen one
        self._count = 1  # how many memories AT+CPMS= needs
        self._listed: tuple[str, ...] | None = None  # the memories of the modem; None: not asked yet

    def forget(self) -> None:
        """Forget the selected memory: the modem was restarted."""
        self._selected = self._listed = None

    @property
    def may_do_better(self) -> bool:
        """Whether a better memory than the usual one may be usable once the modem is ready."""
        if self.usual not in MEMORIES:
            return True
        better = MEMORIES[: MEMORIES.index(self.usual)]
        return any(self._listed is None or memory in self._listed for memory in better)

    def choose(self, *, patient: bool = True, only_better: bool = False) -> None:
        """Select the SIM's memory for everything, else the modem's, else leave it as it is.

        `patient`: wait for a SIM that is busy. `only_better`: keep the usual one unless a better one works now.
        """
        if not only_better:
            self._selected = self.usual = None
        send = self._commands.patiently if patient else self._commands.attempt
        before = send("AT+CPMS?", "+CPMS")
        names = parsers.memory_names(before.lines)
        chosen = self._take_first(send)
        if chosen is None:
            return
        others = [*names[-1:], *((self.usual,) if self.usual else ())]
        self._selected = self.usual = chosen
        if self._listed is None:
            self._listed = parsers.memory_list(self._commands.attempt("AT+CPMS=?", "+CPMS").lines)
            all_known = (*MEMORIES, REPORTS_MEMORY)
            # A modem without a list may have any memory.
            others += [name for name in all_known if self._listed is None or name in self._listed]
        self.others = tuple(name for name in dict.fromkeys((*self.others, *others)) if name != chosen)

    def _take_first(self, send: Callable[..., Response]) -> str | None:
        """Select the best memory that the modem accepts, if it is better than the usual one."""
        limit = MEMORIES.index(self.usual) if self.usual in MEMORIES else len(MEMORIES)
        for memory in MEMORIES[:limit]:
            for count in (3, 2, 1):  # Wavecom has two memories, some modems one
                answer = send("AT+CPMS=" + ",".join([f'"{memory}"'] * count), "+CPMS")
                if answer.ok:
                    self._count = count
                    return memory
                if self._commands.mute or answer.cause.busy:
                    return None
        return None

    def write_to(self) -> bool:
        """Choose the memory for outgoing parts: the modem's own, because a SIM wears out. Whether there is one.

        The memory for incoming messages stays, so that a message stays with its SIM. A modem that needs all of its
        memories alike has one for both.
        """
        self.outgoing = self.usual
        if self.usual is None:
            return False
        for memory in OUTGOING:
            if memory == self.usual:
                return True
            # To read from either memory, two of the three must be settable without the third.
            apart = ",".join([f'"{memory}"'] * 2)
            if self._count == 3 and self._commands.patiently(f'AT+CPMS={apart},"{self.usual}"', "+CPMS").ok:
                self._selected = memory
                if self._commands.patiently(f'AT+CPMS="{self.usual}"', "+CPMS").ok:
                    self._selected = self.usual
                    self.outgoing = memory
                    return True
                self._commands.patiently("AT+CPMS=" + ",".join([f'"{self.usual}"'] * 3), "+CPMS")
                self._selected = self.usual
        return True

    def stored(self, memory: str | None = None) -> list[Stored] | None:
        """The received messages in a memory (the usual one by default), also those without a readable PDU.

        None where the memory cannot be read now.
        """
        records = self.records(memory)
        if records is None:
            return None
        return [Stored(record.index, record.pdu) for record in records if record.stat not in SENT_STATES]

    def records(self, memory: str | None = None) -> list[Record] | None:
        """All messages in a memory (the usual one by default); None where it cannot be read now."""
        if not self._select(memory):
            return None
        answer = self._read("AT+CMGL=4", "+CMGL", timeout_s=self._commands.timeouts.list_s)
        if answer is None or (not answer.ok and not answer.lines):
            return None
        found = parsers.listed_records(answer.lines)
        self.seen = len(found)
        self.cut = not answer.ok
        if self.cut and found and not found[-1].pdu:
            found.pop()  # its PDU did not come; with an empty PDU it would be deleted
        return found

    def read(self, index: int, memory: str | None = None) -> Stored | None:
        """The received message at `index`; None without one."""
        record = self.record(index, memory)
        return None if record is None or record.stat in SENT_STATES else Stored(index, record.pdu)

    def record(self, index: int, memory: str | None = None) -> Record | None:
        """The message at `index`; None without one, or without an answer."""
        if not self._select(memory):
            return None
        answer = self._read(f"AT+CMGR={index}", "+CMGR")
        if answer is None or not answer.ok:
            return None
        return parsers.record(answer.lines, index)

    def is_empty(self, index: int, memory: str | None = None) -> bool:
        """Whether the modem answers that there is no message at `index`."""
        if not self._select(memory):
            return False
        answer = self._read(f"AT+CMGR={index}", "+CMGR")
        if answer is None:
            return False
        return (answer.ok and len(answer.lines) < 2) or answer.cause.no_such_index

    def _read(self, command: str, prefix: str, timeout_s: float | None = None) -> Response | None:
        """Read messages; once more where the modem answered in text mode and is now in PDU mode again.

        None where the answer is still in text mode: it holds no PDU.
        """
        answer = self._commands.patiently(command, prefix, timeout_s=timeout_s)
        worded = parsers.shows_text_mode(answer.lines, prefix)
        cause = answer.cause
        if not worded and (
            answer.ok or cause.no_such_index or cause.busy or not self._commands.channel.in_step
        ):
            return answer
        before = self._mode.fallbacks
        held = self._mode.restore(certain=worded)
        if held and (worded or cause.wrong_mode or self._mode.fallbacks != before):
            answer = self._commands.patiently(command, prefix, timeout_s=timeout_s)
        if not parsers.shows_text_mode(answer.lines, prefix):
            return answer
        # A modem may use the words in PDU mode too; then AT+CMGF? answers PDU mode.
        return answer if self._mode.is_reported and parsers.shows_pdus(answer.lines, prefix) else None

    def delete(self, index: int, memory: str | None = None) -> bool:
        """Delete one message. Whether it is no longer there."""
        if not self._select(memory):
            return False
        answer = self._commands.attempt(f"AT+CMGD={index}", timeout_s=self._commands.timeouts.sim_s)
        return answer.ok or answer.cause.no_such_index

    def filling(self) -> tuple[int, int] | None:
        """The used and the total places of the memory for new messages; None without an answer.

        Where that is another memory than the chosen one, the chosen one is set again. If that does not help, the
        other memory is the usual one from now on.
        """
        usage = self._read_usage()
        if self._writes_elsewhere:
            self.lost = self.write_to()
        if usage is not None and self._is_foreign(usage[0]):
            log.info(
                "%s keeps new texts in %s, not in %s: set again", self._commands.name, usage[0], self.usual
            )
            self._commands.attempt("AT+CPMS=" + ",".join([f'"{self.usual}"'] * self._count), "+CPMS")
            self._selected = None
            usage = self._read_usage()
            self.lost = usage is not None and not self._is_foreign(usage[0])
        if usage is None:
            return None
        name, used, places = usage
        if self._is_foreign(name):
            log.info("%s keeps new texts in %s, not in %s", self._commands.name, name, self.usual)
            self.usual = name
        return used, places

    def _is_foreign(self, name: str) -> bool:
        return self.usual is not None and name.isalpha() and name != self.usual

    def _read_usage(self) -> tuple[str, int, int] | None:
        """Name, used and total places of the memory for new messages, from AT+CPMS?."""
        parts = parsers.memories(self._commands.attempt("AT+CPMS?", "+CPMS").lines)
        found = parsers.memory_for_new_messages(parts)
        if found is None:
            return None
        apart = len(parts) == 9 and self.outgoing not in (None, self.usual)  # the answer has three memories
        self._writes_elsewhere = apart and parts[3] != self.outgoing
        if parts[0] != self._selected:
            self._selected = None  # the modem reads from another memory than the selected one
        return found

    def _select(self, memory: str | None) -> bool:
        """Select `memory` for reading and deleting. Whether the modem accepts it."""
        if self._commands.channel.restarted:
            return False  # an index may mean another message now, which was not read yet
        if self._commands.total_silences != self._silences:
            # The modem may have restarted, and selected its default memory again.
            self._selected, self._silences = None, self._commands.total_silences
        wanted = memory or self.usual
        if wanted is None or wanted == self._selected:
            return True
        for count in dict.fromkeys((1, self._count)):  # Huawei sticks need all memories alike
            if self._commands.patiently("AT+CPMS=" + ",".join([f'"{wanted}"'] * count), "+CPMS").ok:
                self._selected = wanted
                return True
        return False

    @property
    def keeps_reports(self) -> bool:
        """Whether there is a memory for status reports."""
        return REPORTS_MEMORY in (self._listed or ())
