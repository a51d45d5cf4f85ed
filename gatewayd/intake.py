"""Taking messages: quota, SIM, ids and the rows, in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from config.settings import DispatchSettings
from gatewayd import ledger
from gatewayd.board import Board
from gatewayd.clock import DAY, SECOND, Calendar, Clock, Moment, month_of
from gatewayd.errors import (
    ConflictError,
    IdempotencyMismatchError,
    QueueFullError,
    QuotaExceededError,
    SimUnavailableError,
)
from gatewayd.ids import new_sms_id, next_task_id
from gatewayd.routing import Candidate, Router, candidates
from gatewayd.store import accounts, idempotency, load, messages
from gatewayd.store.database import Connection
from gatewayd.store.idempotency import Kept
from gatewayd.views import NO_COMPANY, Accepted, Caller, Draft, Idempotency, Options
from modem.segment import segment

KEYS_KEPT = DAY
"""How long an idempotency key is known: longer than any client goes on repeating a request."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A draft, and what the network will make of it: counted outside the transaction."""

    draft: Draft
    sms_id: str
    parts: int
    operator: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What was kept of a request: one entry for each draft, None where no SIM had room; and how many for which SIM."""

    accepted: list[Accepted | None]
    by_sim: dict[int, int]
    at: int
    expires_in_s: float | None  # None: never


class Intake:
    """Takes messages into the store."""

    def __init__(
        self,
        settings: DispatchSettings,
        clock: Clock,
        calendar: Calendar,
        board: Board,
        operator: Callable[[str], str],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._calendar = calendar
        self._board = board
        self._operator = operator

    def measure(self, draft: Draft) -> Measured:
        """Count a draft's parts and name it."""
        return Measured(
            draft, new_sms_id(self._clock.now()), len(segment(draft.text)), self._operator(draft.recipient)
        )

    def take(
        self,
        db: Connection,
        caller: Caller,
        drafts: list[Measured],
        options: Options,
        key: Idempotency | None,
        *,
        single: bool,
    ) -> Taken | Kept:
        """Keep what can be kept of a request; within a transaction. `Kept`: the idempotency key was used before.

        Raises:
            ConflictError: the first request with this idempotency key is still being answered.
            IdempotencyMismatchError: it had another body.
            QuotaExceededError: the quota does not hold all of them.
            QueueFullError: too many messages wait already.
            SimUnavailableError: a single message found no SIM.
        """
        at = self._clock.moment(self._calendar)
        if key is not None:
            kept = _known(db, caller, key, at)
            if kept is not None:
                return kept
        self._check_quota(db, caller, len(drafts), at)
        if sum(load.waiting(db).values()) + len(drafts) > self._settings.max_pending:
            raise QueueFullError
        router = Router(
            candidates(
                db,
                self._board.sims(),
                company_id=caller.company_id,
                today=at.today,
                now=self._clock.monotonic(),
                grace_s=self._settings.grace_s,
                rests=self._board.rests(self._clock.monotonic()),
            ),
            caller.company_id,
        )
        taken = self._keep(db, caller, drafts, options, router, at)
        if single and taken.accepted[0] is None:
            raise SimUnavailableError
        if key is not None and taken.by_sim:
            ids = [None if one is None else one.sms_id for one in taken.accepted]
            idempotency.keep(
                db, caller.key_id, key.key, key.fingerprint, sms_ids=ids, single=single, now=at.now
            )
        return taken

    def take_own(self, db: Connection, measured: Measured, sim: Candidate, options: Options) -> Taken:
        """Keep a message of the gateway's own, for this SIM alone: no company's, and no quota's. Within a transaction."""
        nobody = Caller(0, NO_COMPANY, admin=False)
        at = self._clock.moment(self._calendar)
        router = Router([sim], nobody.company_id)
        return self._keep(db, nobody, [measured], replace(options, sim_id=sim.id), router, at)

    def _check_quota(self, db: Connection, caller: Caller, requested: int, at: Moment) -> None:
        company = accounts.company(db, caller.company_id)
        quota = None if company is None else company["quota"]
        if quota is None:
            return
        used = accounts.used(db, caller.company_id, month_of(at.today))
        if used + requested > quota:
            raise QuotaExceededError(
                requested=requested,
                remaining=max(0, quota - used),
                total=quota,
                used=used,
                resets_in_s=max(1, (self._calendar.next_month(at.now) - at.now) // SECOND),
            )

    def _keep(
        self,
        db: Connection,
        caller: Caller,
        drafts: list[Measured],
        options: Options,
        router: Router,
        at: Moment,
    ) -> Taken:
        accepted: list[Accepted | None] = []
        message_rows: list[tuple[object, ...]] = []
        part_rows: list[tuple[object, ...]] = []
        by_sim: dict[int, int] = {}
        message_id, task_id = messages.next_ids(db)
        pinned = options.sim_id is not None
        expires_in_s = options.expires_in_s or self._settings.default_expiry_s or None
        expires_at = None if expires_in_s is None else at.now + int(expires_in_s * SECOND)
        for measured in drafts:
            sim = router.choose(options.sim_id, measured.operator)
            if sim is None:
                accepted.append(None)
                continue
            sim.take(measured.parts)
            by_sim[sim.id] = by_sim.get(sim.id, 0) + 1
            task_id = next_task_id(at.now, task_id)
            message_rows.append(
                (
                    message_id,
                    measured.sms_id,
                    task_id,
                    caller.company_id,
                    measured.draft.recipient,
                    measured.draft.text,
                    int(options.priority),
                    pinned,
                    sim.id,
                    options.campaign_id,
                    measured.parts,
                    measured.parts,
                    measured.parts,
                    sim.cost * measured.parts,
                    at.today,
                    at.today,
                    at.now,
                    expires_at,
                )
            )
            part_rows.extend(
                (message_id, seq, sim.id, pinned, int(options.priority))
                for seq in range(1, measured.parts + 1)
            )
            accepted.append(Accepted(measured.sms_id, str(task_id), sim.number))
            message_id += 1
        messages.insert(db, message_rows)
        messages.insert_parts(db, part_rows)
        for sim_id, count in by_sim.items():
            ledger.reserve_sim(db, sim_id, at.today, count)
        if message_rows:
            accounts.use(db, caller.company_id, month_of(at.today), len(message_rows))
        return Taken(accepted, by_sim, at.now, expires_in_s)


def _known(db: Connection, caller: Caller, key: Idempotency, at: Moment) -> Kept | None:
    """What is kept of an idempotency key, on the writing connection.

    Raises:
        IdempotencyMismatchError: it was used with another body.
        ConflictError: its first request is still being answered.
    """
    kept = idempotency.find(db, caller.key_id, key.key, lately=at.lately(KEYS_KEPT))
    if kept is None:
        return None
    if kept.fingerprint != key.fingerprint:
        raise IdempotencyMismatchError
    if kept.in_flight:
        raise ConflictError(
            "The first request with this Idempotency-Key is still being answered", retry_after_s=1
        )
    return kept
