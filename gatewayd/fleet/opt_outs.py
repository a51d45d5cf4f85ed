"""Texts by which people opt out: judged once for the fleet, when the box that received them uploads them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from config.settings import InboxSettings
from gatewayd.receiving import opt_out_texts
from gatewayd.receiving.opt_out_texts import OptOutWords
from gatewayd.sending.opt_out_replies import Confirmation, OptOutReplies
from gatewayd.sims.numbering import Numbering
from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.tables import inbound

log = logging.getLogger(__name__)


class TextJudge:
    """Notes the wishes of texts in the transaction that uploads them; then this box, which has the SIM, confirms them.

    One thread uploads and calls both methods.
    """

    def __init__(
        self,
        settings: InboxSettings,
        numbering: Numbering,
        replies: OptOutReplies,
        send: Callable[[Confirmation], None],
    ) -> None:
        """`send`: queues a confirmation at this box."""
        self._send = send
        self._words = OptOutWords(settings)
        self._numbering = numbering
        self._replies = replies
        self._confirmations: dict[int, Confirmation] = {}  # of transactions that may not be durable

    def text_taken(self, db: Transaction, inbox_id: int, now: int) -> None:
        """Note the wish of a text that is in the shared inbox now."""
        text = inbound.plain_text(db, inbox_id)
        if text is None:
            return
        wish = opt_out_texts.wish_of(
            db, self._words, self._numbering, text.sim_id, text.sender, text.text, now
        )
        if wish is None or not opt_out_texts.take(db, wish, inbox_id, now):
            return
        confirmation = self._replies.confirmation(db, text.sim_id, wish, now)
        if confirmation is not None:
            self._confirmations[inbox_id] = confirmation

    def uploaded(self, inbox_ids: Iterable[int]) -> None:
        """These texts are durable: send their confirmations."""
        for inbox_id in inbox_ids:
            confirmation = self._confirmations.get(inbox_id)
            if confirmation is None:
                continue
            try:
                self._send(confirmation)
            except StoreUnavailableError as error:
                log.warning("an opt-out is noted, but cannot be confirmed to its sender: %s", error)
        self._confirmations.clear()
