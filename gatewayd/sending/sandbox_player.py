"""Plays the outcomes of sandbox messages at their times, without a port."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from gatewayd.messages.effects import Effects
from gatewayd.messages.reasons import IN_DOUBT, SANDBOX_REFUSED
from gatewayd.messages.sandbox import Step
from gatewayd.receiving import opt_out_texts
from gatewayd.receiving.opt_out_texts import OptOutText, OptOutWords
from gatewayd.records import EventType
from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.interfaces import AnyStore
from gatewayd.store.tables import events, inbound, messages, sandbox
from gatewayd.store.tables.inbound import Nature
from gatewayd.store.tables.messages import Message
from gatewayd.store.tables.sandbox import DueStep
from gatewayd.timekeeping.clock import SECOND, Clock, Moment
from gatewayd.timekeeping.next_look import NextLook
from gatewayd.timekeeping.timers import Timers
from modem.sms.gsm7 import alphabet_for

log = logging.getLogger(__name__)

# At most this many steps in one transaction: other writers must not wait long.
_AT_ONCE = 100

# The longest time between two looks: the wall clock may be set.
_LOOK_S = 60.0


class SandboxPlayer:
    """Runs one timer, for the step that is due next."""

    def __init__(
        self,
        store: AnyStore,
        clock: Clock,
        timers: Timers,
        words: OptOutWords,
        write_with_effects: Callable[[Callable[[Transaction, Moment, Effects], None]], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._words = words
        self._write_with_effects = write_with_effects
        self._next = NextLook(clock, timers, self._look)

    def look(self) -> None:
        """Look now: at the start, after messages were kept, and after the clock was set. Any thread may call it."""
        self._next.within(0.0)

    def _look(self) -> float | None:
        try:
            return self._play()
        except StoreUnavailableError as error:
            log.warning("sandbox messages cannot go on (%s); tried again in %g s", error, _LOOK_S)
            return _LOOK_S

    def _play(self) -> float | None:
        """Play some of the steps that are due; the seconds until the next look, None where nothing is to come."""
        with self._store.readers.lend() as db:
            due = sandbox.due(db, self._clock.now(), _AT_ONCE)
        if due:
            self._write_with_effects(partial(self._play_all, due))
            return 0.0
        with self._store.readers.lend() as db:
            following = sandbox.next_due(db)
        return None if following is None else min(_LOOK_S, max(0, following - self._clock.now()) / SECOND)

    def _play_all(self, due: list[DueStep], db: Transaction, at: Moment, effects: Effects) -> None:
        for step in due:
            message = messages.find(db, step.message_id)
            if sandbox.done(db, step) and message is not None and self._step(db, step, message, at.now):
                effects.changed.append(message.sms_id)

    def _step(self, db: Transaction, due: DueStep, message: Message, now: int) -> bool:
        """Play one step, with its events. Returns whether the status of the message changed."""
        match Step(due.step):
            case Step.SENT:
                return _sent(db, message, now)
            case Step.DELIVERED:
                _sent(db, message, now)  # a report settles a doubt
                changed = sandbox.delivered(db, message.id, now)
                if changed:
                    events.write_of_message(db, EventType.MESSAGE_DELIVERED, message.id, now)
                return changed
            case Step.REFUSED:
                changed = messages.failed(db, message.id, SANDBOX_REFUSED.text, now) is not None
                if changed:
                    events.write_of_message(db, EventType.MESSAGE_FAILED, message.id, now)
                return changed
            case Step.DOUBT:
                if sandbox.in_doubt(db, message.id, IN_DOUBT.text):
                    events.write_of_message(db, EventType.MESSAGE_IN_DOUBT, message.id, now)
                return False
            case Step.REPLY:
                self._reply(db, message, now)
                return False

    def _reply(self, db: Transaction, message: Message, now: int) -> None:
        """The text of the message comes in from its recipient; a word as STOP opts it out of the sandbox."""
        nature = Nature("text", alphabet_for(message.text).value, None)
        inbox_id = inbound.keep_sandbox_text(
            db, message.company_id, message.recipient, message.text, nature=nature, now=now
        )
        events.write_of_text(db, inbox_id, now)
        wish = self._words.wish(message.text)
        if wish is not None:
            text = OptOutText(wish, message.company_id, message.recipient, message.text, sandbox=True)
            opt_out_texts.take(db, text, inbox_id, now)


def _sent(db: Transaction, message: Message, now: int) -> bool:
    changed = sandbox.sent(db, message.id, now)
    if changed:
        events.write_of_message(db, EventType.MESSAGE_SENT, message.id, now)
    return changed
