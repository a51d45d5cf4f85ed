"""Texts by which people opt out of a company's messages, and in again: one word, as STOP or START."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import Enum

from config.settings import InboxSettings
from gatewayd.messages.opt_out_list import write_event
from gatewayd.records import Caller
from gatewayd.sims.numbering import E164, Numbering
from gatewayd.store import Transaction
from gatewayd.store.tables import opt_outs, sims
from gatewayd.timekeeping.clock import DAY
from modem.sms.tpdu import Deliver

_SENT_LATELY = 30 * DAY


class Wish(Enum):
    """The wish of the sender of a text."""

    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"


@dataclass(frozen=True, slots=True)
class OptOutText:
    """A text that consists of one of the words, and the company that it concerns."""

    wish: Wish
    company_id: int
    sender: str  # E.164
    words: str  # as they came
    sandbox: bool = False


class OptOutWords:
    """The words of the configuration. Case, accents, blanks and punctuation do not count."""

    def __init__(self, settings: InboxSettings) -> None:
        self._wishes = {
            **{_letters(word): Wish.OPT_OUT for word in settings.opt_out_words},
            **{_letters(word): Wish.OPT_IN for word in settings.opt_in_words},
        }

    def wish(self, text: str) -> Wish | None:
        """The wish that a text states; None: it is an ordinary text."""
        return self._wishes.get(_letters(text))


def read(
    db: Transaction, words: OptOutWords, numbering: Numbering, sim_id: int, text: Deliver, now: int
) -> OptOutText | None:
    """The wish of a received text, and the company that it concerns: the SIM's, else the one that last sent to its sender.

    None: it states none, it comes from no number, or it concerns no company. May read all messages of a month.
    """
    if text.concat is not None or text.is_data:
        return None
    return wish_of(db, words, numbering, sim_id, text.sender, text.text, now)


def wish_of(
    db: Transaction,
    words: OptOutWords,
    numbering: Numbering,
    sim_id: int,
    told_sender: str,
    told: str,
    now: int,
) -> OptOutText | None:
    """As `read`, of a text that is stored."""
    wish = words.wish(told)
    if wish is None:
        return None
    sender = numbering.of_line(told_sender)
    if not E164.fullmatch(sender):
        return None
    company_id = sims.company_of(db, sim_id)
    if company_id is None:
        company_id = opt_outs.last_sender(db, sim_id, sender, now - _SENT_LATELY)
    return None if company_id is None else OptOutText(wish, company_id, sender, told)


def take(db: Transaction, text: OptOutText, inbox_id: int, now: int) -> bool:
    """Note the wish, with its event, within a transaction. False: nothing changed by it."""
    if text.wish is Wish.OPT_OUT:
        changed = opt_outs.add(
            db,
            text.company_id,
            text.sender,
            now,
            source="text",
            text=text.words,
            inbox_id=inbox_id,
            sandbox=text.sandbox,
        )
    else:
        changed = opt_outs.end(
            db, text.company_id, text.sender, now, source="text", text=text.words, sandbox=text.sandbox
        )
    if changed:
        company = Caller(0, text.company_id, admin=False, sandbox=text.sandbox)
        write_event(db, company, text.sender, now, opted_out=text.wish is Wish.OPT_OUT, source="text")
    return changed


def _letters(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if character.isalnum())
