"""What a port says of a submission, written down: the part, its message, and what comes next."""

from __future__ import annotations

import random

from config.settings import DispatchSettings
from gatewayd import ledger, lifecycle, reports
from gatewayd.board import Board
from gatewayd.clock import Clock, Moment
from gatewayd.news import News, PartKey
from gatewayd.routing import Router, candidates
from gatewayd.store import messages, parts
from gatewayd.store.database import Connection, Row
from modem.errors import Cause, Kind
from modem.work import InDoubt, Outcome, Refused, Submitted

# A back-off is stretched by up to this share, so that ports that failed together do not try again together.
_JITTER = 0.25

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
            case InDoubt():
                if parts.in_doubt(db, key.message_id, key.seq, key.token, at.now):
                    messages.waits_because(db, key.message_id, IN_DOUBT)
                    news.doubtful.append(key)
        reports.take_early(db, sim_id, self._settings.submit_timeout_s, at, news)

    def decide(self, db: Connection, key: PartKey, at: Moment, news: News) -> None:
        """The wait for a report on a part in doubt is over: do as `dispatch.in_doubt` says."""
        if self._settings.in_doubt == "hold":
            return
        again = (
            self._settings.in_doubt == "retry"
            and parts.attempts(db, key.message_id, key.seq) < self._settings.max_attempts
        )
        if not parts.settle_doubt(db, key.message_id, key.seq, key.token, "queued" if again else "failed"):
            return
        if again:
            messages.waits_because(db, key.message_id, None)
            news.queued[messages.by_id(db, key.message_id)["sim_id"]] = 1
        else:
            lifecycle.fail(db, key.message_id, _NOT_KNOWN, at, news)

    def _submitted(self, db: Connection, key: PartKey, reference: int | None, at: Moment, news: News) -> None:
        if not parts.submitted(db, key.message_id, key.seq, key.token, reference, at.now):
            return
        lifecycle.part_taken(db, key.message_id, at, news)

    def _refused(self, db: Connection, key: PartKey, cause: Cause, at: Moment, news: News) -> None:
        code = cause.family if cause.code is None else f"{cause.family} {cause.code}"
        if cause.family == "LOCAL":
            # The part never reached the modem: that is no attempt, and no fault of the message's.
            if parts.never_begun(db, key.message_id, key.seq, key.token, at.now):
                self._hand_on(db, messages.by_id(db, key.message_id), key.seq, at, news)
            return
        tried = parts.attempts(db, key.message_id, key.seq)
        again = cause.kind is not Kind.RECIPIENT and tried < self._settings.max_attempts
        message = messages.by_id(db, key.message_id)
        again = again and message["status"] == "pending"
        elsewhere = again and cause.kind is Kind.SIM and self._other_sim(db, message, key.seq, at) is not None
        if not parts.refused(
            db,
            key.message_id,
            key.seq,
            key.token,
            cause=code,
            again=again,
            deferred=again and not elsewhere,
            now=at.now,
        ):
            return
        if not again:
            lifecycle.fail(db, key.message_id, f"{cause.reason} ({code})", at, news)
            return
        messages.waits_because(db, key.message_id, f"{cause.reason} ({code})")
        if elsewhere:
            self._hand_on(db, message, key.seq, at, news)
        else:
            news.deferred.append((self._backoff(tried), key))

    def _hand_on(self, db: Connection, message: Row, seq: int, at: Moment, news: News) -> None:
        """Give a message to another SIM if one can carry it; else it stays in its own SIM's queue."""
        other = self._other_sim(db, message, seq, at)
        if other is not None:
            sim_id, cost = other
            ledger.move_reservation(db, message, sim_id, at.today)
            messages.rebind(db, message["id"], sim_id, at.today, cost * message["parts"])
            news.queued[sim_id] = 1

    def _other_sim(self, db: Connection, message: Row, seq: int, at: Moment) -> tuple[int, float] | None:
        """Another SIM (id and cost of a part) that is up and may carry a message of which nothing was sent."""
        if message["pinned"] or parts.others_begun(db, message["id"], seq):
            return None
        found = candidates(
            db,
            {sim_id: place for sim_id, place in self._board.sims().items() if place.registered},
            company_id=message["company_id"],
            today=at.today,
            now=self._clock.monotonic(),
            grace_s=0,
            without=message["sim_id"],
        )
        best = Router(found, message["company_id"]).choose(None, "")
        return None if best is None else (best.id, best.cost)

    def _backoff(self, attempts: int) -> float:
        waits = self._settings.backoff_s
        return waits[min(attempts, len(waits)) - 1] * (1 + random.random() * _JITTER)  # noqa: S311 - no secret
