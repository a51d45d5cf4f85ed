"""The memories of a modem: which are used, what lies in them, what is deleted (27.005, 3.2.2 and 4.1 to 4.6)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from modem.lines import fields, tag
from modem.talk import Talk, code_of

MEMORIES: Final = ("SM", "ME")  # the SIM's first: texts stay with their number
REPORTS_MEMORY: Final = "SR"
_GONE_INDEX: Final = frozenset({("CMS", 321), ("CME", 21), ("CME", 22)})
_SENT_STATES: Final = frozenset({"2", "3"})  # stored outgoing messages (27.005, 3.1, <stat>)


@dataclass(frozen=True, slots=True)
class Stored:
    """A message in a memory of the modem, as it tells it. `pdu` is "" where it tells none."""

    index: int
    pdu: str


class Memories:
    """Where texts and reports lie in one modem."""

    def __init__(self, talk: Talk) -> None:
        self.others: tuple[str, ...] = ()  # where texts may lie from before this program came
        self.usual: str | None = None  # where texts go now; None: not known
        self._talk = talk
        self._selected: str | None = None  # what is read and deleted from; None: not known
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
            self._listed = tuple(re.findall(r"[A-Z]{2}", group[1])) if group else ()
            others += [name for name in (*MEMORIES, REPORTS_MEMORY) if name in self._listed]
        self.others = tuple(name for name in dict.fromkeys(others) if name != self._selected)

    def stored(self, memory: str | None = None) -> list[Stored]:
        """The messages received into a memory (the usual one by default), those without a readable record too."""
        if not self._select(memory):
            return []
        answer = self._talk.patiently("AT+CMGL=4", "+CMGL", timeout_s=self._talk.patience.list_s)
        found: list[Stored] = []
        incoming = False
        for line in answer.lines:
            if tag(line) == "+CMGL":
                parts = fields(line)
                incoming = parts[0].isdecimal() and (len(parts) < 2 or parts[1] not in _SENT_STATES)
                if incoming:
                    found.append(Stored(int(parts[0]), ""))
            elif incoming and not found[-1].pdu:
                found[-1] = replace(found[-1], pdu=line)
        return found

    def read(self, index: int, memory: str | None = None) -> Stored | None:
        """One message; None where there is none at `index`, or an outgoing one."""
        if not self._select(memory):
            return None
        answer = self._talk.patiently(f"AT+CMGR={index}", "+CMGR")
        if not answer.ok or not answer.lines or tag(answer.lines[0]) != "+CMGR":
            return None
        head = fields(answer.lines[0])
        if head[0] in _SENT_STATES or (len(answer.lines) == 1 and head[-1] in ("", "0")):
            return None  # some tell of an empty place that its message has no length
        return Stored(index, answer.lines[1] if len(answer.lines) > 1 else "")

    def delete(self, index: int, memory: str | None = None) -> bool:
        """Delete one message. Whether it is gone."""
        if not self._select(memory):
            return False
        answer = self._talk.attempt(f"AT+CMGD={index}", timeout_s=self._talk.patience.sim_s)
        return answer.ok or code_of(answer.result) in _GONE_INDEX

    def filling(self) -> tuple[int, int] | None:
        """How many places of the memory for new texts are taken, and how many there are; None where it is not told."""
        if self.usual is None:
            return None
        answer = self._talk.attempt("AT+CPMS?", "+CPMS")
        parts = fields(answer.lines[0]) if answer.lines else []
        used, total = parts[-2:] if len(parts) > 2 else ("", "")
        if not (used.isdigit() and total.isdigit()):
            return None
        return int(used), int(total)

    def _select(self, memory: str | None) -> bool:
        """Read and delete in `memory` from now on. Whether the modem can."""
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
