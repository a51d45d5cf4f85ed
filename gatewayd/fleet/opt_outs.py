"""Texts by which people opt out: judged once for the fleet, when the box that received them uploads them."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from time import monotonic
from typing import Final

from config.settings import InboxSettings
from gatewayd.receiving import opt_out_texts
from gatewayd.receiving.opt_out_texts import OptOutWords
from gatewayd.sending.opt_out_replies import Confirmation, OptOutReplies
from gatewayd.sims.numbering import Numbering
from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.interfaces import AnyStore
from gatewayd.store.tables import inbound

_COMMITTED_WITHIN_S: Final = 60.0


class TextJudge:
    """Notes the wishes of texts in the transaction that uploads them; then this box, which has the SIM, confirms them.

    One thread uploads, another one confirms.
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
        # Of transactions that may not be durable: when they were noted (monotonic), and what to send.
        self._confirmations: SimpleQueue[tuple[float, int, Confirmation]] = SimpleQueue()

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
            self._confirmations.put((monotonic(), inbox_id, confirmation))

    def confirm(self, store: AnyStore) -> None:
        """Send the confirmations of the texts that are durable. Raises StoreUnavailableError; then they are sent later."""
        for _ in range(self._confirmations.qsize()):
            noted_at, inbox_id, confirmation = self._confirmations.get()
            try:
                with store.readers.lend() as db:
                    is_kept = inbound.plain_text(db, inbox_id) is not None
                if is_kept:
                    self._send(confirmation)
            except StoreUnavailableError:
                self._confirmations.put((noted_at, inbox_id, confirmation))
                raise
            if not is_kept and monotonic() - noted_at < _COMMITTED_WITHIN_S:
                self._confirmations.put((noted_at, inbox_id, confirmation))
