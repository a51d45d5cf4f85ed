"""The memories of a modem: which are used, what lies in them, what is deleted (27.005, 3.2.2 and 4.1 to 4.6)."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from typing import Final

from modem.lines import fields, tag
from modem.talk import Talk, code_of

log = logging.getLogger(__name__)

MEMORIES: Final = ("SM", "ME")  # the SIM's first: texts stay with their number
REPORTS_MEMORY: Final = "SR"
_GONE_INDEX: Final = frozenset({("CMS", 321), ("CME", 21), ("CME", 22)})
OUTGOING: Final = ("ME", "SM")  # where parts are written: the modem's own first, for a card wears
UNSENT: Final = "2"  # <stat> of stored outgoing messages (27.005, 3.1)
SENT: Final = "3"
_SENT_STATES: Final = frozenset({UNSENT, SENT})


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


class Memories:
    """Where texts and reports lie in one modem, and where parts are written to be sent from there."""

    def __init__(self, talk: Talk) -> None:
        self.others: tuple[str, ...] = ()  # where texts may lie from before this program came
        self.usual: str | None = None  # where texts go now; None: not known
        self.outgoing: str | None = None  # where parts are written; None: nowhere
        self.cut = False  # the last listing ended too early: more may lie there
        self._talk = talk
        self._selected: str | None = None  # what is read and deleted from; None: not known
        self._silences = 0  # commands without an answer, when that was known
        self._count = 1  # how many memories +CPMS wants to be told
        self._listed: tuple[str, ...] | None = None  # that the modem has; None: not asked yet

    def forget(self) -> None:
        """The modem was started anew: what it was told no longer holds."""
        self._selected = self._listed = None

    def choose(self) -> None:
        """Use the SIM's memory for everything, else the modem's, else leave it as it is."""
        before = self._talk.patiently("AT+CPMS?", "+CPMS")
        names = [part for part in (fields(before.lines[0]) if before.lines else []) if part.isalpha()]
        self._selected = self.usual = None
        for memory in MEMORIES:
            for count in (3, 2, 1):  # Wavecom knows two, some one
                if self._talk.patiently("AT+CPMS=" + ",".join([f'"{memory}"'] * count), "+CPMS").ok:
                    self._selected = self.usual = memory
                    self._count = count
                    break
                if self._talk.mute:
                    break
            if self._selected is not None:
                break
        if self._selected is None:
            return
        others = names[-1:]
        if self._listed is None:
            listed = self._talk.attempt("AT+CPMS=?", "+CPMS")
            group = re.search(r"\(([^()]*)\)", listed.lines[0]) if listed.lines else None
            self._listed = tuple(re.findall(r"[A-Z]{2}", group[1])) if group else None
            all_known = (*MEMORIES, REPORTS_MEMORY)
            # A modem that did not say which it has may have any.
            others += [name for name in all_known if self._listed is None or name in self._listed]
        self.others = tuple(name for name in dict.fromkeys(others) if name != self._selected)

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
            if self._count == 3 and self._talk.patiently(f'AT+CPMS={apart},"{self.usual}"', "+CPMS").ok:
                self._selected = memory
                if self._talk.patiently(f'AT+CPMS="{self.usual}"', "+CPMS").ok:
                    self._selected = self.usual
                    self.outgoing = memory
                    return True
                self._talk.patiently("AT+CPMS=" + ",".join([f'"{self.usual}"'] * 3), "+CPMS")
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
        answer = self._talk.patiently("AT+CMGL=4", "+CMGL", timeout_s=self._talk.patience.list_s)
        if not answer.ok and not answer.lines:
            return None
        found: list[Record] = []
        within = False
        for line in answer.lines:
            if tag(line) == "+CMGL":
                parts = fields(line)
                within = parts[0].isdecimal()
                if within:
                    found.append(Record(int(parts[0]), parts[1] if len(parts) > 1 else "", ""))
            elif within and not found[-1].pdu:
                found[-1] = replace(found[-1], pdu=line)
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
        answer = self._talk.patiently(f"AT+CMGR={index}", "+CMGR")
        if not answer.ok or not answer.lines or tag(answer.lines[0]) != "+CMGR":
            return None
        head = fields(answer.lines[0])
        if len(answer.lines) == 1 and head[-1] in ("", "0") and head[0] not in _SENT_STATES:
            return None  # some tell of an empty place that its message has no length
        return Record(index, head[0], answer.lines[1] if len(answer.lines) > 1 else "")

    def is_empty(self, index: int, memory: str | None = None) -> bool:
        """Whether the modem says that nothing lies at `index`."""
        if not self._select(memory):
            return False
        answer = self._talk.patiently(f"AT+CMGR={index}", "+CMGR")
        return (answer.ok and len(answer.lines) < 2) or code_of(answer.result) in _GONE_INDEX

    def delete(self, index: int, memory: str | None = None) -> bool:
        """Delete one message. Whether it is gone."""
        if not self._select(memory):
            return False
        answer = self._talk.attempt(f"AT+CMGD={index}", timeout_s=self._talk.patience.sim_s)
        return answer.ok or code_of(answer.result) in _GONE_INDEX

    def filling(self) -> tuple[int, int] | None:
        """How many places of the memory for new texts are taken, and how many there are; None where it is not told.

        Where that is another memory than it was told to use, it is the usual one from now on.
        """
        if self.usual is None:
            return None
        answer = self._talk.attempt("AT+CPMS?", "+CPMS")
        parts = fields(answer.lines[0]) if answer.lines else []
        name, used, total = parts[-3:] if len(parts) > 2 else ("", "", "")
        if not (used.isdigit() and total.isdigit()):
            return None
        if name.isalpha() and name != self.usual:
            log.info("%s keeps new texts in %s, not in %s", self._talk.name, name, self.usual)
            self.usual = name
        return int(used), int(total)

    def _select(self, memory: str | None) -> bool:
        """Read and delete in `memory` from now on. Whether the modem can."""
        if self._talk.channel.restarted:
            return False  # an index means another message now, which nobody has read
        if self._talk.total_silences != self._silences:
            # It may have restarted, and gone back to the one it starts with.
            self._selected, self._silences = None, self._talk.total_silences
        wanted = memory or self.usual
        if wanted is None or wanted == self._selected:
            return True
        for count in dict.fromkeys((1, self._count)):  # Huawei sticks want all of them alike
            if self._talk.patiently("AT+CPMS=" + ",".join([f'"{wanted}"'] * count), "+CPMS").ok:
                self._selected = wanted
                return True
        return False

    @property
    def keeps_reports(self) -> bool:
        """Whether there is a memory for status reports."""
        return REPORTS_MEMORY in (self._listed or ())
