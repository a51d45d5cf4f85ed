"""The memories of a modem: which are used, what lies in them, what is deleted (27.005, 3.2.2 and 4.1 to 4.6)."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from modem.at.answer_check import Response
from modem.at.responses import fields, tag
from modem.driver.commands import BUSY, Commands, code_of
from modem.driver.pdu_mode import PduMode

log = logging.getLogger(__name__)

MEMORIES: Final = ("SM", "ME")  # the SIM's first: texts stay with their number
REPORTS_MEMORY: Final = "SR"
_GONE_INDEX: Final = frozenset({("CMS", 321), ("CME", 21), ("CME", 22)})
OUTGOING: Final = ("ME", "SM")  # where parts are written: the modem's own first, for a card wears
UNSENT: Final = "2"  # <stat> of stored outgoing messages (27.005, 3.1)
SENT: Final = "3"
_SENT_STATES: Final = frozenset({UNSENT, SENT})

_WRONG_MODE: Final = frozenset({("CMS", 304), ("CMS", 305)})  # parameters of the other mode (27.005, 3.2.5)

# <stat> in text mode (27.005, 3.1), and what it is in PDU mode.
_WORDS: Final = {"REC UNREAD": "0", "REC READ": "1", "STO UNSENT": UNSENT, "STO SENT": SENT}


@dataclass(frozen=True, slots=True)
class Stored:
    """A message in a memory of the modem, as it tells it. `pdu` is "" where it tells none."""

    index: int
    pdu: str


@dataclass(frozen=True, slots=True)
class Record:
    """What the modem tells of one place: `<stat>` as it stands ("" where it tells none), and the PDU."""

    index: int
    stat: str
    pdu: str


class MessageStorage:
    """Where texts and reports lie in one modem, and where parts are written to be sent from there."""

    def __init__(self, commands: Commands, mode: PduMode) -> None:
        self.others: tuple[str, ...] = ()  # where texts may lie from before this program came
        self.usual: str | None = None  # where texts go now; None: not known
        self.outgoing: str | None = None  # where parts are written; None: nowhere
        self.seen = 0  # messages of all kinds in the last listing
        self.lost = (
            False  # the modem used another memory for new texts than it was told to, and was told again
        )
        self.cut = False  # the last listing ended too early: more may lie there
        self._commands = commands
        self._mode = mode
        self._selected: str | None = None  # what is read and deleted from; None: not known
        self._silences = 0  # commands without an answer, when that was known
        self._writes_elsewhere = False  # AT+CPMS? told another memory for outgoing parts than was chosen
        self._count = 1  # how many memories +CPMS wants to be told
        self._listed: tuple[str, ...] | None = None  # that the modem has; None: not asked yet

    def forget(self) -> None:
        """The modem was started anew: what it was told no longer holds."""
        self._selected = self._listed = None

    @property
    def may_do_better(self) -> bool:
        """Whether a memory that comes before the usual one may be used once the modem is ready."""
        if self.usual not in MEMORIES:
            return True
        better = MEMORIES[: MEMORIES.index(self.usual)]
        return any(self._listed is None or memory in self._listed for memory in better)

    def choose(self, *, patient: bool = True, only_better: bool = False) -> None:
        """Use the SIM's memory for everything, else the modem's, else leave it as it is.

        `patient`: wait for a SIM that is busy. `only_better`: keep the usual one, unless one before it is taken now.
        """
        if not only_better:
            self._selected = self.usual = None
        say = self._commands.patiently if patient else self._commands.attempt
        before = say("AT+CPMS?", "+CPMS")
        names = [part for part in (fields(before.lines[0]) if before.lines else []) if part.isalpha()]
        chosen = self._take_first(say)
        if chosen is None:
            return
        others = [*names[-1:], *((self.usual,) if self.usual else ())]
        self._selected = self.usual = chosen
        if self._listed is None:
            listed = self._commands.attempt("AT+CPMS=?", "+CPMS")
            group = re.search(r"\(([^()]*)\)", listed.lines[0]) if listed.lines else None
            self._listed = tuple(re.findall(r"[A-Z]{2}", group[1])) if group else None
            all_known = (*MEMORIES, REPORTS_MEMORY)
            # A modem that did not say which it has may have any.
            others += [name for name in all_known if self._listed is None or name in self._listed]
        self.others = tuple(name for name in dict.fromkeys((*self.others, *others)) if name != chosen)

    def _take_first(self, say: Callable[..., Response]) -> str | None:
        """Have the modem use the best memory that it takes, where that is better than the usual one."""
        limit = MEMORIES.index(self.usual) if self.usual in MEMORIES else len(MEMORIES)
        for memory in MEMORIES[:limit]:
            for count in (3, 2, 1):  # Wavecom knows two, some one
                answer = say("AT+CPMS=" + ",".join([f'"{memory}"'] * count), "+CPMS")
                if answer.ok:
                    self._count = count
                    return memory
                if self._commands.mute or code_of(answer.result) in BUSY:
                    return None
        return None

    def write_to(self) -> bool:
        """Choose where parts are written: the modem's own memory, for a card wears. Whether there is such a place.

        What comes in stays where it was, so that it stays with its card; a modem that wants all of its memories
        alike has one for both.
        """
        self.outgoing = self.usual
        if self.usual is None:
            return False
        for memory in OUTGOING:
            if memory == self.usual:
                return True
            # Two of its memories must be set without the third, to read from either.
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
        """The messages received into a memory (the usual one by default), those without a readable record too.

        None where it cannot be read now.
        """
        records = self.records(memory)
        if records is None:
            return None
        return [Stored(record.index, record.pdu) for record in records if record.stat not in _SENT_STATES]

    def records(self, memory: str | None = None) -> list[Record] | None:
        """All that lies in a memory (the usual one by default); None where it cannot be read now."""
        if not self._select(memory):
            return None
        answer = self._read("AT+CMGL=4", "+CMGL", timeout_s=self._commands.patience.list_s)
        if answer is None or (not answer.ok and not answer.lines):
            return None
        found: list[Record] = []
        within = False
        for line in answer.lines:
            if tag(line) == "+CMGL":
                parts = fields(line)
                within = parts[0].isdecimal()
                if within:
                    found.append(Record(int(parts[0]), _stat(parts, 1), ""))
            elif within and not found[-1].pdu:
                found[-1] = replace(found[-1], pdu=line)
        self.seen = len(found)
        self.cut = not answer.ok
        if self.cut and found and not found[-1].pdu:
            found.pop()  # its PDU did not come: read as an empty one it would be deleted
        return found

    def read(self, index: int, memory: str | None = None) -> Stored | None:
        """One message; None where there is none at `index`, or an outgoing one."""
        record = self.record(index, memory)
        return None if record is None or record.stat in _SENT_STATES else Stored(index, record.pdu)

    def record(self, index: int, memory: str | None = None) -> Record | None:
        """What lies at `index`; None where nothing does, or the modem does not say."""
        if not self._select(memory):
            return None
        answer = self._read(f"AT+CMGR={index}", "+CMGR")
        if answer is None or not answer.ok or not answer.lines or tag(answer.lines[0]) != "+CMGR":
            return None
        head = fields(answer.lines[0])
        if len(answer.lines) == 1 and head[-1] in ("", "0") and head[0] not in _SENT_STATES:
            return None  # some tell of an empty place that its message has no length
        return Record(index, _stat(head, 0), answer.lines[1] if len(answer.lines) > 1 else "")

    def is_empty(self, index: int, memory: str | None = None) -> bool:
        """Whether the modem says that nothing lies at `index`."""
        if not self._select(memory):
            return False
        answer = self._read(f"AT+CMGR={index}", "+CMGR")
        if answer is None:
            return False
        return (answer.ok and len(answer.lines) < 2) or code_of(answer.result) in _GONE_INDEX

    def _read(self, command: str, prefix: str, timeout_s: float | None = None) -> Response | None:
        """Read messages, again where the modem answered in text mode and was set right.

        None where the answer is in text mode all the same: nothing in it is a PDU.
        """
        answer = self._commands.patiently(command, prefix, timeout_s=timeout_s)
        worded = _is_worded(answer, prefix)
        code = code_of(answer.result)
        if not worded and (
            answer.ok or code in _GONE_INDEX or code in BUSY or not self._commands.channel.in_step
        ):
            return answer
        before = self._mode.fallbacks
        held = self._mode.restore(certain=worded)
        if held and (worded or code in _WRONG_MODE or self._mode.fallbacks != before):
            answer = self._commands.patiently(command, prefix, timeout_s=timeout_s)
        if not _is_worded(answer, prefix):
            return answer
        # Some modem may say the words in PDU mode too; then it is AT+CMGF? that says so.
        return answer if self._mode.is_told and _shows_pdus(answer, prefix) else None

    def delete(self, index: int, memory: str | None = None) -> bool:
        """Delete one message. Whether it is gone."""
        if not self._select(memory):
            return False
        answer = self._commands.attempt(f"AT+CMGD={index}", timeout_s=self._commands.patience.sim_s)
        return answer.ok or code_of(answer.result) in _GONE_INDEX

    def filling(self) -> tuple[int, int] | None:
        """How many places of the memory for new texts are taken, and how many there are; None where it is not told.

        Where that is another memory than the modem was told to use, it is told again; where that does not help, it
        is the usual one from now on.
        """
        told = self._told()
        if self._writes_elsewhere:
            self.lost = self.write_to()
        if told is not None and self._is_foreign(told[0]):
            log.info(
                "%s keeps new texts in %s, not in %s: told again", self._commands.name, told[0], self.usual
            )
            self._commands.attempt("AT+CPMS=" + ",".join([f'"{self.usual}"'] * self._count), "+CPMS")
            self._selected = None
            told = self._told()
            self.lost = told is not None and not self._is_foreign(told[0])
        if told is None:
            return None
        name, used, places = told
        if self._is_foreign(name):
            log.info("%s keeps new texts in %s, not in %s", self._commands.name, name, self.usual)
            self.usual = name
        return used, places

    def _is_foreign(self, name: str) -> bool:
        return self.usual is not None and name.isalpha() and name != self.usual

    def _told(self) -> tuple[str, int, int] | None:
        """The memory for new texts, its places that are taken, and all of them, as AT+CPMS? has them."""
        answer = self._commands.attempt("AT+CPMS?", "+CPMS")
        parts = fields(answer.lines[0]) if answer.lines else []
        name, used, total = parts[-3:] if len(parts) > 2 else ("", "", "")
        if not (used.isdecimal() and total.isdecimal() and len(used) < 6 and len(total) < 6):
            return None
        apart = len(parts) == 9 and self.outgoing not in (None, self.usual)  # three memories were told
        self._writes_elsewhere = apart and parts[3] != self.outgoing
        if parts[0] != self._selected:
            self._selected = None  # the modem reads from another memory than it was told
        return name, int(used), int(total)

    def _select(self, memory: str | None) -> bool:
        """Read and delete in `memory` from now on. Whether the modem can."""
        if self._commands.channel.restarted:
            return False  # an index means another message now, which nobody has read
        if self._commands.total_silences != self._silences:
            # It may have restarted, and gone back to the one it starts with.
            self._selected, self._silences = None, self._commands.total_silences
        wanted = memory or self.usual
        if wanted is None or wanted == self._selected:
            return True
        for count in dict.fromkeys((1, self._count)):  # Huawei sticks want all of them alike
            if self._commands.patiently("AT+CPMS=" + ",".join([f'"{wanted}"'] * count), "+CPMS").ok:
                self._selected = wanted
                return True
        return False

    @property
    def keeps_reports(self) -> bool:
        """Whether there is a memory for status reports."""
        return REPORTS_MEMORY in (self._listed or ())


def _stat(parts: list[str], place: int) -> str:
    """<stat> as a digit; "" where there is none."""
    stat = parts[place] if len(parts) > place else ""
    return _WORDS.get(stat.upper(), stat)


def _is_worded(answer: Response, prefix: str) -> bool:
    """Whether the <stat> of a message is a word, as in text mode."""
    place = 1 if prefix == "+CMGL" else 0
    for line in answer.lines:
        parts = fields(line) if tag(line) == prefix else []
        if len(parts) > place and any(char.isascii() and char.isalpha() for char in parts[place]):
            return True
    return False


def _shows_pdus(answer: Response, prefix: str) -> bool:
    """Whether all that is not the head of a message is hexadecimal digits."""
    bodies = [line for line in answer.lines if tag(line) != prefix]
    return all(re.fullmatch(r"[0-9A-Fa-f]+", body) and len(body) % 2 == 0 for body in bodies)
