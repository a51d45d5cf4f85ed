"""Collects the unsolicited result codes of one modem, with the PDU that follows some of them. No I/O."""

from __future__ import annotations

import re
from collections import deque
from time import monotonic
from typing import Final

from modem.at.framer import MessageText
from modem.at.responses import (
    CALL_ENDS,
    RINGS,
    Urc,
    is_restart,
    is_spoken,
    is_text_form,
    owns_next_line,
    result,
    says_started,
    tag,
)
from modem.timeouts import RINGING_S

URCS_KEPT: Final = 1000  # the limit of memory for a modem that sends URCs faster than they are processed

_SHORTEST_PDU: Final = 16  # characters; even a status report without data is longer
_PDU: Final = re.compile(f"[0-9A-Fa-f]{{{_SHORTEST_PDU},}}")


class UrcCollector:
    """The URCs of one modem. A +CMT, +CDS or +CBM waits up to `head_s` seconds for its PDU."""

    def __init__(self, head_s: float) -> None:
        self.urcs: deque[Urc] = deque(maxlen=URCS_KEPT)
        self.restarted = False  # the modem reported a start: its volatile settings are lost
        self.started = False  # the modem reported a start while a command ran
        self._head_s = head_s
        self._head: tuple[str, float] | None = None  # a URC that owns the next line, and until when
        self._rang_at = float("-inf")

    @property
    def awaits_line(self) -> bool:
        """Whether the next line may belong to the last URC."""
        return self._head is not None

    def forget_head(self) -> None:
        """Stop waiting for the PDU of the last URC."""
        self._head = None

    def collect(self, line: str, *, commanded: bool = False) -> None:
        """Keep one URC. `commanded`: a command waits for its answer."""
        if owns_next_line(line):
            self._head = (line, monotonic() + self._head_s)
            return
        if is_restart(line):
            self.restarted = True
        elif says_started(line):
            # The running command may still be answered: then the modem had started before this line.
            self.started = True
            self.restarted = self.restarted or not commanded
        of_call = self.ends_call(line)
        if of_call:
            self._rang_at = float("-inf")
        elif tag(line) in RINGS:
            self._rang_at = monotonic()
        self.urcs.append(Urc(line, of_call=of_call))

    def ends_call(self, line: str) -> bool:
        """Whether a line ends an incoming call that rang, and not a command."""
        return line in CALL_ENDS and monotonic() - self._rang_at < RINGING_S

    def may_follow(self, line: str, *, bare: bool) -> bool:
        """Whether a line may belong to the last URC. `bare`: a command waits for a bare answer, such as the IMSI."""
        if self._head is None:
            return False
        return is_text_form(self._head[0]) or not bare or _PDU.fullmatch(line) is not None

    def follow(self, line: str, *, awaited: bool = True) -> bool:
        """Take a line that belongs to the last +CMT, +CDS or +CBM. Whether it does. `awaited`: a result may come, too."""
        if self._head is None:
            return False
        head, until = self._head
        if is_text_form(head):
            return self._follow_in_text_mode(head, line, late=monotonic() > until, awaited=awaited)
        if not _PDU.fullmatch(line):
            if result(line) is not None or is_spoken(line):
                return False  # a line in between; the PDU still comes
            if not line.isascii() and len(line) < _SHORTEST_PDU:
                return False  # noise in between
            if monotonic() > until:
                self._head = None
                return False
        self._head = None
        self.urcs.append(Urc(head, line))
        return True

    def _follow_in_text_mode(self, head: str, line: str, *, late: bool, awaited: bool) -> bool:
        """Do as `follow`: a text may look like anything. An empty text sends no line; its URC is completed late."""
        if awaited and not late and result(line) is not None and not isinstance(line, MessageText):
            return False
        self._head = None
        self.urcs.append(Urc(head, "" if late else line))
        return not late

    def drop(self, tags: frozenset[str]) -> list[Urc]:
        """Remove all URCs with these tags. Returns them."""
        dropped = [urc for urc in self.urcs if urc.tag in tags]
        kept = [urc for urc in self.urcs if urc.tag not in tags]
        self.urcs.clear()
        self.urcs.extend(kept)
        return dropped

    def take(self, tags: frozenset[str]) -> Urc | None:
        """Remove the first URC with one of these tags; None without one. The end of a call that rang is dropped."""
        for urc in [urc for urc in self.urcs if urc.tag in tags]:
            self.urcs.remove(urc)
            if not (urc.line in CALL_ENDS and urc.of_call):
                return urc
        return None
