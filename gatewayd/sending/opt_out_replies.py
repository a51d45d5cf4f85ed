"""Takes opt-outs from received texts, and confirms them to their senders where that is configured."""

from __future__ import annotations

from dataclasses import dataclass

from config.settings import InboxSettings
from gatewayd.messages.effects import Effects
from gatewayd.receiving import opt_out_texts
from gatewayd.receiving.opt_out_texts import OptOutText, OptOutWords, Wish
from gatewayd.records import Draft, Options
from gatewayd.sending.intake import Intake
from gatewayd.sending.routing import Candidate
from gatewayd.sims.limits import room_without_limits
from gatewayd.sims.numbering import Numbering
from gatewayd.store import Transaction
from gatewayd.store.tables import opt_outs, sims
from gatewayd.timekeeping.clock import DAY, SECOND, Moment
from modem.port.interface import Unreadable
from modem.sms.tpdu import Deliver

# An answering machine at the other end must not exchange texts with the gateway for ever.
_CONFIRMED_ONCE_IN = DAY

_CONFIRMATION_EXPIRES_S = DAY // SECOND


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The answer to a wish that was noted, from the SIM that received it."""

    sim_id: int
    recipient: str
    words: str


class OptOutReplies:
    """Reads the wishes of received texts. Any thread may call any method."""

    def __init__(self, settings: InboxSettings, numbering: Numbering, intake: Intake) -> None:
        self._words = OptOutWords(settings)
        self._confirmations = {
            Wish.OPT_OUT: settings.opt_out_confirmation,
            Wish.OPT_IN: settings.opt_in_confirmation,
        }
        self._numbering = numbering
        self._intake = intake

    def states_wish(self, text: Deliver | Unreadable) -> bool:
        """Whether a text consists of one of the words."""
        return isinstance(text, Deliver) and self._words.wish(text.text) is not None

    def read(self, db: Transaction, sim_id: int, text: Deliver | Unreadable, now: int) -> OptOutText | None:
        """The wish of a text, on a reading connection (see `opt_out_texts.read`)."""
        if isinstance(text, Unreadable):
            return None
        return opt_out_texts.read(db, self._words, self._numbering, sim_id, text, now)

    def take(
        self, db: Transaction, sim_id: int, text: OptOutText, inbox_id: int, at: Moment, effects: Effects
    ) -> None:
        """Note the wish, and queue its confirmation on the SIM that received it, within a transaction."""
        if not opt_out_texts.take(db, text, inbox_id, at.now):
            return
        confirmation = self.confirmation(db, sim_id, text, at.now)
        if confirmation is not None:
            self.queue(db, confirmation, at, effects)

    def confirmation(self, db: Transaction, sim_id: int, text: OptOutText, now: int) -> Confirmation | None:
        """The confirmation of a wish that was noted, which counts as sent; None: none is sent. Within a transaction."""
        words = self._confirmations[text.wish]
        if not words or opt_outs.confirmed_since(db, text.company_id, text.sender, now - _CONFIRMED_ONCE_IN):
            return None
        opt_outs.confirmed(db, text.company_id, text.sender, now)
        return Confirmation(sim_id, text.sender, words)

    def queue(self, db: Transaction, one: Confirmation, at: Moment, effects: Effects) -> None:
        """Queue a confirmation on its SIM, within a transaction of this box's store."""
        number, room = sims.number_of(db, one.sim_id), room_without_limits(db, one.sim_id, at)
        sim = Candidate(one.sim_id, number, "", None, False, 0.0, room, 0.0)
        options = Options(expires_in_s=_CONFIRMATION_EXPIRES_S)
        self._intake.accept_own(db, self._intake.prepare(Draft(one.recipient, one.words)), sim, options)
        effects.queued[one.sim_id] = effects.queued.get(one.sim_id, 0) + 1
