"""What a port says of a submission, written down: the part, its message, and what comes next."""

from __future__ import annotations

import logging
import random

from config.settings import DispatchSettings
from gatewayd import ledger, lifecycle, reports
from gatewayd.board import Board
from gatewayd.clock import Clock, Moment
from gatewayd.news import News, PartKey
from gatewayd.routing import Candidate, Router, candidates
from gatewayd.store import messages, parts, stored
from gatewayd.store.database import Connection, Row
from modem.errors import UNENCODABLE, Cause, Kind
from modem.work import InDoubt, Outcome, Refused, Submitted

log = logging.getLogger(__name__)

# A back-off is stretched by up to this share, so that ports that failed together do not try again together.
_JITTER = 0.25

_SAME_SIM_TRIES = 2

# A SIM's or its port's own trouble, a wrong setting of theirs among it: another may do better at once.
_ITS_OWN = (Kind.SIM, Kind.CONFIGURATION)

IN_DOUBT = "the modem never said whether the network took it; waiting for a delivery report"
_NOT_KNOWN = "the modem never said whether the network took it, and no delivery report came"


class Settler:
    """Applies outcomes. Its methods run within a transaction and leave what others must hear of in `News`."""

    def __init__(self, settings: DispatchSettings, clock: Clock, board: Board) -> None:
        self._settings = settings
        self._clock = clock
        self._board = board

    def settle(self, db: Connection, outcome: Outcome, at: Moment, news: News) -> None:
        """Write down what became of a submission. A claim that does not hold any more changes nothing."""
        key = PartKey(outcome.submission.message_id, outcome.submission.seq, outcome.submission.token)
        sim_id = parts.one(db, key.message_id, key.seq)["sim_id"]
        match outcome.result:
            case Submitted(reference):
                self._submitted(db, key, reference, at, news)
            case Refused(cause):
                self._refused(db, key, cause, at, news)
            case InDoubt(reason, asked):
                if parts.in_doubt(db, *key.claim, at.now):
                    log.warning("part %d of message %d is in doubt: %s", key.seq, key.message_id, reason)
                    messages.waits_because(db, key.message_id, IN_DOUBT)
                    if asked:
                        stored.dropped(db, *key.claim)
                    (news.in_memory if stored.lies(db, *key.claim) else news.doubtful).append(key)
        reports.take_early(db, sim_id, self._settings.submit_timeout_s, at, news)

    def decide(self, db: Connection, key: PartKey, at: Moment, news: News) -> None:
        """The wait for a report on a part in doubt is over: do as `dispatch.in_doubt` says."""
        if self._settings.in_doubt == "hold":
            return
        again = (
            self._settings.in_doubt == "retry"
            and parts.attempts(db, key.message_id, key.seq) < self._settings.max_attempts
        )
        if not parts.settle_doubt(db, *key.claim, "queued" if again else "failed"):
            return
        if again:
            log.warning("part %d of message %d is sent again: no report came", key.seq, key.message_id)
            messages.waits_because(db, key.message_id, None)
            news.queued[messages.by_id(db, key.message_id)["sim_id"]] = 1
        else:
            lifecycle.fail(db, key.message_id, _NOT_KNOWN, at, news)

    def _submitted(self, db: Connection, key: PartKey, reference: int | None, at: Moment, news: News) -> None:
        if not parts.submitted(db, *key.claim, reference, at.now):
            return
        lifecycle.part_taken(db, key.message_id, at, news)

    def _refused(self, db: Connection, key: PartKey, cause: Cause, at: Moment, news: News) -> None:
        code = cause.family if cause.code is None else f"{cause.family} {cause.code}"
        if cause.family == "LOCAL" and cause.code != UNENCODABLE:
            # The part never reached the modem: that is no attempt, and no fault of the message's.
            if parts.never_begun(db, *key.claim, at.now):
                message = messages.by_id(db, key.message_id)
                other = self._other_sim(db, message, key.seq, at)
                if other is not None:
                    self._hand_on(db, message, other, at, news)
            return
        message = messages.by_id(db, key.message_id)
        tried = parts.attempts(db, key.message_id, key.seq)
        passes = cause.kind is not Kind.RECIPIENT and message["status"] == "pending"
        # What passes may also be the SIM's own trouble: once is the moment's, twice another SIM is asked.
        other = None
        if passes and (cause.kind in _ITS_OWN or tried >= _SAME_SIM_TRIES):
            other = self._other_sim(db, message, key.seq, at)
        # A SIM's own trouble is no reason to give up while there is one that was not tried.
        untried = other is not None and cause.kind in _ITS_OWN
        again = passes and (tried < self._settings.max_attempts or untried)
        if not parts.refused(db, *key.claim, again=again, deferred=again and other is None, now=at.now):
            return
        if cause.kind is Kind.CONFIGURATION:
            log.warning("SIM %d refused a message, and a person can help: %s", message["sim_id"], cause.told)
        parts.note_refusal(db, *key.claim, sim_id=message["sim_id"], cause=code, now=at.now)
        if not again:
            lifecycle.fail(db, key.message_id, cause.told, at, news)
            return
        messages.waits_because(db, key.message_id, cause.told)
        if other is not None:
            self._hand_on(db, message, other, at, news)
        else:
            news.deferred.append((self._backoff(tried), key))

    def _hand_on(self, db: Connection, message: Row, other: Candidate, at: Moment, news: News) -> None:
        ledger.move_reservation(db, message, other.id, at.today)
        messages.rebind(db, message["id"], other.id, at.today, other.cost * message["parts"])
        news.queued[other.id] = 1

    def _other_sim(self, db: Connection, message: Row, seq: int, at: Moment) -> Candidate | None:
        """A SIM that is up, has not refused this message yet, and may carry it: nothing of it was ever begun."""
        if message["pinned"] or parts.others_begun(db, message["id"], seq):
            return None
        now = self._clock.monotonic()
        out = self._board.rests(now).keys() | parts.refused_by(db, message["id"]) | {message["sim_id"]}
        places = self._board.sims()
        found = candidates(
            db,
            {sim_id: place for sim_id, place in places.items() if place.registered and sim_id not in out},
            company_id=message["company_id"],
            today=at.today,
            now=now,
            grace_s=0,
            rests={},  # those that rest are out
        )
        return Router(found, message["company_id"]).choose(None, "")

    def _backoff(self, attempts: int) -> float:
        waits = self._settings.backoff_s
        return waits[min(attempts, len(waits)) - 1] * (1 + random.random() * _JITTER)  # noqa: S311 - no secret
