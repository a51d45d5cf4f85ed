"""Records the outcome of a submission: the state of the part and its message, and the next step."""

from __future__ import annotations

import logging
import random
from enum import Enum

from config.settings import DispatchSettings
from gatewayd.accounts import quotas
from gatewayd.messages import lifecycle, reports
from gatewayd.messages.effects import Effects, PartKey
from gatewayd.messages.reasons import EXPIRED_IN_DOUBT, HELD, IN_DOUBT, NOT_KNOWN, SETTLED_FAILED
from gatewayd.sending.interfaces import MessageSource
from gatewayd.sending.routing import Candidate, Router, candidates
from gatewayd.sims.numbering import Numbering
from gatewayd.sims.port_registry import PortRegistry
from gatewayd.store import Transaction
from gatewayd.store.tables import messages, modem_memory, parts
from gatewayd.store.tables.messages import Message
from gatewayd.store.tables.parts import Part
from gatewayd.timekeeping.clock import Clock, Moment
from modem.errors import UNENCODABLE, WITHHELD, Cause, Kind
from modem.parts import InDoubt, Refused, Submission, Submitted
from modem.port.interface import Claim, Outcome

log = logging.getLogger(__name__)

# A back-off is lengthened by up to this share, so that ports that failed together do not try again together.
_JITTER = 0.25

_SAME_SIM_TRIES = 2

# Faults of the SIM, of its port or of their configuration: another SIM may succeed at once.
_ITS_OWN = (Kind.SIM, Kind.CONFIGURATION)

# "SM rejected, duplicate SM" (TP-FCS 0xC5 of 23.040, 9.2.3.22)
_DUPLICATE = ("CMS", 197)


class DoubtDecision(Enum):
    """The decision of a person about parts in doubt."""

    SENT = "sent"
    FAILED = "failed"
    RETRY = "retry"


def settle_by_hand(
    db: Transaction, message: Message, verdict: DoubtDecision, at: Moment, effects: Effects
) -> bool:
    """Apply a person's decision to every part of a message that is in doubt. False: no part is in doubt."""
    doubtful = [part for part in parts.of_message(db, message.id) if part.state == "in_doubt"]
    for part in doubtful:
        key = PartKey(message.id, part.seq, part.token)
        match verdict:
            case DoubtDecision.SENT:
                # The TP-MR stays unknown: a report finds the part by recipient and time, like a part in doubt.
                parts.settle_doubt(db, *key.claim, "submitted")
                lifecycle.part_taken(db, message.id, at, effects)
            case DoubtDecision.FAILED:
                parts.settle_doubt(db, *key.claim, "failed")
            case DoubtDecision.RETRY:
                parts.settle_doubt(db, *key.claim, "queued")
                messages.waits_because(db, message.id, None)
                effects.queued[part.sim_id] = 1
    if doubtful and verdict is DoubtDecision.FAILED:
        lifecycle.fail(db, message.id, SETTLED_FAILED.text, at, effects)
    return bool(doubtful)


class Outcomes:
    """Records outcomes. Its methods run within a transaction and add their side effects to `Effects`."""

    def __init__(
        self,
        settings: DispatchSettings,
        clock: Clock,
        port_registry: PortRegistry,
        numbering: Numbering,
        source: MessageSource,
    ) -> None:
        self._source = source
        self._settings = settings
        self._clock = clock
        self._port_registry = port_registry
        self._numbering = numbering

    def apply(
        self,
        db: Transaction,
        outcome: Outcome,
        at: Moment,
        effects: Effects,
        *,
        keeps_reference: bool = False,
    ) -> None:
        """Record the outcome of a submission. A claim that is not valid any more changes nothing.

        `keeps_reference`: the modem is known to send with the TP-MR that it is given.
        """
        submission = outcome.submission
        key = PartKey(submission.message_id, submission.seq, submission.token)
        match outcome.result:
            case Submitted(reference):
                self._submitted(db, key, reference, at, effects)
            case Refused(cause) if submission.reject_duplicates and (cause.family, cause.code) == _DUPLICATE:
                self._duplicate(db, key, submission, cause, at, effects, believed=keeps_reference)
            case Refused(cause):
                self._refused(db, key, cause, at, effects)
            case InDoubt(reason, asked):
                if parts.in_doubt(db, *key.claim, at.now):
                    log.warning("part %d of message %d is in doubt: %s", key.seq, key.message_id, reason)
                    parts.note_attempt(
                        db,
                        *key.claim,
                        outcome="in_doubt",
                        reason=IN_DOUBT.en,
                        reason_fr=IN_DOUBT.fr,
                        now=at.now,
                    )
                    lifecycle.in_doubt(db, key.message_id, IN_DOUBT.text, at)
                    if asked:
                        modem_memory.dropped(db, *key.claim)
                    (effects.in_memory if modem_memory.lies(db, *key.claim) else effects.doubtful).append(key)
        reports.take_early_of(db, key, self._settings.submit_timeout_s, at, effects)

    def recover(
        self, db: Transaction, claim: Claim, result: Submitted | Refused, at: Moment, effects: Effects
    ) -> bool:
        """See `Work.recovered`. Returns whether the part was in doubt and is settled now."""
        key = PartKey(claim.message_id, claim.seq, claim.token)
        if isinstance(result, Refused) and (result.cause.family, result.cause.code) == _DUPLICATE:
            return False  # the refusal of a repetition does not show whether the part was sent
        if not parts.take_out_of_doubt(db, *key.claim, queued=isinstance(result, Submitted)):
            return False
        messages.waits_because(db, key.message_id, None)
        if isinstance(result, Submitted):
            self._submitted(db, key, result.reference, at, effects)
        else:
            self._refused(db, key, result.cause, at, effects)
            effects.queued[parts.one(db, key.message_id, key.seq).sim_id] = 1
        reports.take_early_of(db, key, self._settings.submit_timeout_s, at, effects)
        return True

    def decide(self, db: Transaction, key: PartKey, at: Moment, effects: Effects) -> None:
        """No report came for a part in doubt: apply `dispatch.in_doubt`."""
        part = parts.find(db, key.message_id, key.seq)
        # A part of a shared message is not there any more where its box began anew with an older file.
        if part is None or part.state != "in_doubt" or part.token != key.token:
            return
        if self._settings.in_doubt == "hold" or self._source.is_shared(db, key.message_id):
            messages.waits_because(db, key.message_id, HELD.text)
            return
        expired = lifecycle.has_expired(messages.by_id(db, key.message_id), at)
        again = (
            self._settings.in_doubt == "retry" and not expired and part.attempts < self._settings.max_attempts
        )
        parts.settle_doubt(db, *key.claim, "queued" if again else "failed")
        if again:
            log.warning("part %d of message %d is sent again: no report came", key.seq, key.message_id)
            messages.waits_because(db, key.message_id, None)
            effects.queued[part.sim_id] = 1
        else:
            reason = EXPIRED_IN_DOUBT if expired else NOT_KNOWN
            lifecycle.fail(db, key.message_id, reason.text, at, effects)

    def _submitted(
        self, db: Transaction, key: PartKey, reference: int | None, at: Moment, effects: Effects
    ) -> None:
        if not parts.submitted(db, *key.claim, reference, at.now):
            return
        lifecycle.part_taken(db, key.message_id, at, effects)

    def _duplicate(
        self,
        db: Transaction,
        key: PartKey,
        submission: Submission,
        cause: Cause,
        at: Moment,
        effects: Effects,
        *,
        believed: bool,
    ) -> None:
        """The service centre refused the part as a duplicate: the submission in doubt had arrived.

        This is certain only where the modem sends our TP-MR, and no other part to the same recipient has the same one.
        Elsewhere the part is sent once more at once, without TP-RD (reject duplicates): so this happens at most once for
        each doubt and needs no back-off.
        """
        part = parts.one(db, key.message_id, key.seq)
        believed = believed and not any(
            other.recipient == part.recipient
            for other in parts.awaiting_report(db, part.sim_id, submission.message_reference)
        )
        if believed:
            self._submitted(db, key, submission.message_reference, at, effects)
        elif parts.refused(db, *key.claim, again=True, deferred=False, now=at.now):
            self._note(db, key, cause, at)
            effects.queued[part.sim_id] = 1

    def _note(self, db: Transaction, key: PartKey, cause: Cause, at: Moment) -> None:
        code = cause.family if cause.code is None else f"{cause.family} {cause.code}"
        modem_text = f" ({cause.vendor_text})" if cause.code is None and cause.vendor_text else ""
        parts.note_attempt(
            db,
            *key.claim,
            outcome="refused",
            cause=code,
            reason=cause.reason + modem_text,
            reason_fr=cause.reason_fr + modem_text,
            now=at.now,
        )

    def _refused(self, db: Transaction, key: PartKey, cause: Cause, at: Moment, effects: Effects) -> None:
        part = parts.one(db, key.message_id, key.seq)
        message = messages.by_id(db, key.message_id)
        begun = parts.others_begun(db, key.message_id, key.seq)
        if cause.family == "LOCAL" and cause.code != UNENCODABLE:
            # The part never reached the modem: this is not an attempt, and not a fault of the message.
            if parts.never_begun(db, *key.claim, at.now) and not begun and cause.code != WITHHELD:
                self._to_another_sim(db, message, part, at, effects)
            return
        tried = part.attempts
        expired = lifecycle.has_expired(message, at)
        passes = cause.kind is not Kind.RECIPIENT and message.status == "pending" and not expired
        # A temporary failure may also be a fault of the SIM: after the second one another SIM is tried. A message of which
        # a part was sent loses its concatenation on another SIM (see `Scheduler`): that is the last choice.
        patience = self._settings.max_attempts if begun else _SAME_SIM_TRIES
        other = None
        shared = self._source.is_shared(db, message.id)
        hands_on = passes and (cause.kind in _ITS_OWN or tried >= patience)
        if hands_on and not shared:
            other = self._other_sim(db, message, part, at)
        # A fault of one SIM does not end the message while another SIM was not tried.
        untried = other is not None and (cause.kind in _ITS_OWN or begun)
        again = passes and (tried < self._settings.max_attempts or untried)
        if not parts.refused(db, *key.claim, again=again, deferred=again and other is None, now=at.now):
            return
        if cause.kind is Kind.CONFIGURATION:
            log.warning("SIM %d refused a message; a person must act: %s", part.sim_id, cause.text)
        self._note(db, key, cause, at)
        if expired and cause.kind is not Kind.RECIPIENT:
            lifecycle.expire(db, message, at, effects)
            return
        if not again:
            lifecycle.fail(db, key.message_id, cause.text, at, effects)
            return
        messages.waits_because(db, key.message_id, cause.text)
        if other is not None:
            self._hand_on(db, message, other, at, effects)
        elif hands_on and shared and not begun and self._hand_back(db, message, part, at, effects):
            log.info("message %d is given back, because SIM %d refused it", message.id, part.sim_id)
        else:
            effects.deferred.append((self._backoff(tried), key))

    def _to_another_sim(
        self, db: Transaction, message: Message, part: Part, at: Moment, effects: Effects
    ) -> None:
        """Give a message of which nothing was handed over to another SIM that can send it now, if there is one."""
        if self._source.is_shared(db, message.id):
            self._hand_back(db, message, part, at, effects)
            return
        other = self._other_sim(db, message, part, at)
        if other is not None:
            self._hand_on(db, message, other, at, effects)

    def _hand_back(self, db: Transaction, message: Message, part: Part, at: Moment, effects: Effects) -> bool:
        out = parts.refused_by(db, message.id) | {message.sim_id, part.sim_id}
        return self._source.hand_back(db, message, out, at, effects)

    def _hand_on(
        self, db: Transaction, message: Message, other: Candidate, at: Moment, effects: Effects
    ) -> None:
        quotas.move_reservation(db, message, other.id, other.room.day)
        messages.rebind(db, message.id, other.id, other.room.day, quotas.cost_on(message, other.cost))
        effects.queued[other.id] = 1

    def _other_sim(self, db: Transaction, message: Message, part: Part, at: Moment) -> Candidate | None:
        """Another SIM that is up, has not refused this message, and may send it; None: there is none."""
        if message.pinned:
            return None
        now = self._clock.monotonic()
        out = self._port_registry.rests(now).keys() | parts.refused_by(db, message.id)
        out |= {message.sim_id, part.sim_id}
        places = self._port_registry.sims()
        found = candidates(
            db,
            {sim_id: place for sim_id, place in places.items() if place.registered and sim_id not in out},
            company_id=message.company_id,
            at=at,
            now=now,
            grace_s=0,
            rests={},  # SIMs that rest are excluded already
        )
        router = Router(found, message.company_id, portable=self._numbering.portable)
        operator = self._numbering.operator(message.recipient)
        return router.choose(None, operator, message.recipient, message.unsent)

    def _backoff(self, attempts: int) -> float:
        waits = self._settings.backoff_s
        return waits[min(attempts, len(waits)) - 1] * (1 + random.random() * _JITTER)  # noqa: S311 - no secret
