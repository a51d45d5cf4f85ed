"""Having texts announced and reports delivered: +CNMI and +CIEV (27.005, 3.4.1; 27.007, 8.9 and 8.10)."""

from __future__ import annotations

import logging
import re
from typing import Final

from modem.talk import Talk

log = logging.getLogger(__name__)

# Ways to have texts announced and reports delivered, the best first (27.005, 3.4.1). Mode 2 keeps URCs while the line
# is reserved, but many Qualcomm, SIMCom, Quectel and Huawei modems only take 1; reports come straight (ds 1) or
# through storage (ds 2); a modem that does neither still announces texts. Texts that come straight (mt 2) are lost
# where this program dies between two lines: only for a modem that cannot store them.
_ANNOUNCED: Final = 1
_STRAIGHT: Final = 2
_INDICATIONS: Final = tuple(
    (mode, texts, broadcast, reports, buffer)
    for texts in (_ANNOUNCED, _STRAIGHT)
    for reports in (1, 2, 0)
    for mode in (2, 1, 3)
    for broadcast in (0, 2)
    for buffer in (0, 1)
)
_STORES_REPORTS: Final = 2  # the <ds> of these
_MESSAGE_INDICATORS: Final = frozenset({"message", "smsfull"})  # 27.007, 8.9

# Tried whatever the modem lists: some list nothing, or what they then refuse.
_FALLBACK_INDICATIONS: Final = (
    (2, 1, 0, 1, 0), (1, 1, 0, 1, 0), (2, 1, 0, 2, 0), (1, 1, 0, 2, 0), (2, 1, 0, 0, 0), (1, 1, 0, 0, 0), (2, 1),
    (2, 2, 0, 1, 0), (1, 2, 0, 1, 0), (2, 2, 0, 0, 0), (1, 2, 0, 0, 0), (2, 2),
)  # fmt: skip


class Indications:
    """What one modem says of its own accord about texts and reports."""

    def __init__(self, talk: Talk) -> None:
        self.form: tuple[int, ...] | None = None  # what AT+CNMI took
        self._talk = talk
        self._about_texts: frozenset[str] | None = None  # indicators; None: not asked yet

    @property
    def stores_reports(self) -> bool:
        """Whether reports are stored and announced, rather than told straight."""
        return self.form is not None and self.form[3:4] == (_STORES_REPORTS,)

    def choose(self) -> None:
        """Take the first form of +CNMI that the modem says OK to: what it lists and what it takes may differ."""
        listed = self._talk.attempt("AT+CNMI=?", "+CNMI")
        allowed = ranges(listed.lines[0]) if listed.lines else []
        fitting = [
            form
            for form in _INDICATIONS
            if allowed
            and all(value in allowed[place] for place, value in enumerate(form) if place < len(allowed))
        ]
        announced, straight = (
            [form for form in (*fitting, *_FALLBACK_INDICATIONS) if form[1] == texts]
            for texts in (_ANNOUNCED, _STRAIGHT)
        )
        for form in dict.fromkeys((*announced, *straight)):
            if self._talk.attempt("AT+CNMI=" + ",".join(map(str, form))).ok:
                self.form = form
                return
            if self._talk.mute:
                break
        self.form = None
        log.warning(
            "%s announces neither texts nor reports (AT+CNMI); its memory is read now and then",
            self._talk.name,
        )

    def about_texts(self) -> frozenset[str]:
        """The indicators of +CIEV, by name and number, that speak of texts or of a full memory (27.007, 8.9 and 8.10)."""
        if self._about_texts is None:
            answer = self._talk.attempt("AT+CIND=?", "+CIND")
            names = re.findall(r'\(\s*"?([A-Za-z]+)"?\s*,', answer.lines[0]) if answer.lines else []
            numbers = {str(n) for n, name in enumerate(names, 1) if name.lower() in _MESSAGE_INDICATORS}
            self._about_texts = _MESSAGE_INDICATORS | numbers
        return self._about_texts


def ranges(line: str) -> list[frozenset[int]]:
    """The values that a test command lists: `(0-2),(0,1)` gives {0, 1, 2} and {0, 1}."""
    groups: list[frozenset[int]] = []
    for group in re.findall(r"\(([^()]*)\)", line):
        values: set[int] = set()
        for part in group.split(","):
            low, _, high = part.strip().partition("-")
            if low.isdecimal() and len(low) < 3:
                values.update(range(int(low), int(high if high.isdecimal() and len(high) < 3 else low) + 1))
        groups.append(frozenset(values))
    return groups
