"""Accepts messages: quota, SIM, ids and rows, for all requests of a moment in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from config.settings import DispatchSettings
from gatewayd.accounts import quotas
from gatewayd.errors import (
    ConflictError,
    GatewayError,
    IdempotencyMismatchError,
    QueueFullError,
    QuotaExceededError,
    SimUnavailableError,
)
from gatewayd.ids import new_sms_id, next_task_id
from gatewayd.records import NO_COMPANY, Accepted, Caller, Draft, Idempotency, Options
from gatewayd.sending.routing import Candidate, Router, usable
from gatewayd.sims.port_registry import PortRegistry
from gatewayd.store import Transaction
from gatewayd.store.tables import accounts, idempotency, messages, queue_counts
from gatewayd.store.tables.idempotency import UsedKey
from gatewayd.timekeeping.clock import DAY, SECOND, Calendar, Clock, Moment, month_of
from modem.sms.segmentation import segment

KEYS_KEPT = DAY
"""How long an idempotency key is kept: longer than any client repeats a request."""


@dataclass(frozen=True, slots=True)
class PreparedDraft:
    """A draft with its id, its number of parts and the recipient's operator: prepared outside the transaction."""

    draft: Draft
    sms_id: str
    parts: int
    operator: str


@dataclass(frozen=True, slots=True)
class SendRequest:
    """One request to send messages. `single`: its only message is refused, not left out, where no SIM has room."""

    caller: Caller
    drafts: list[PreparedDraft]
    options: Options
    key: Idempotency | None
    single: bool


@dataclass(frozen=True, slots=True)
class AcceptedRequest:
    """The messages that were kept: one entry for each draft, None where no SIM had room; and their number by SIM id."""

    accepted: list[Accepted | None]
    by_sim: dict[int, int]
    at: int
    expires_at: int | None  # None: never
    expires_in_s: float | None  # None: never


class Intake:
    """Accepts messages into the store."""

    def __init__(
        self,
        settings: DispatchSettings,
        clock: Clock,
        calendar: Calendar,
        port_registry: PortRegistry,
        operator: Callable[[str], str],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._calendar = calendar
        self._port_registry = port_registry
        self._operator = operator

    def prepare(self, draft: Draft) -> PreparedDraft:
        """Count the parts of a draft and give it an id."""
        return PreparedDraft(
            draft, new_sms_id(self._clock.now()), len(segment(draft.text)), self._operator(draft.recipient)
        )

    def accept(
        self, db: Transaction, requests: Sequence[SendRequest]
    ) -> list[AcceptedRequest | UsedKey | GatewayError]:
        """Keep the messages of each request, in order, within a transaction.

        The result of each request: `UsedKey` where its idempotency key was used before; an error where nothing was kept:

            ConflictError: the first request with this idempotency key is still being answered.
            IdempotencyMismatchError: the first request with this key had another body.
            QuotaExceededError: the quota is too small for all messages of the request.
            QueueFullError: too many messages wait already.
            SimUnavailableError: no SIM has room for a single message.
        """
        at = self._clock.moment(self._calendar)
        now = self._clock.monotonic()
        waiting = queue_counts.waiting(db)
        sims = usable(
            db,
            self._port_registry.sims(),
            waiting,
            today=at.today,
            now=now,
            grace_s=self._settings.grace_s,
            rests=self._port_registry.rests(now),
        )
        batch = _Batch(db, at, self._settings, self._calendar, sims, queue_counts.pending(db))
        results: list[AcceptedRequest | UsedKey | GatewayError] = []
        for asked in requests:
            try:
                results.append(batch.accept(asked))
            except GatewayError as error:
                results.append(error)
        batch.write()
        return results

    def accept_own(
        self, db: Transaction, prepared: PreparedDraft, sim: Candidate, options: Options
    ) -> AcceptedRequest:
        """Keep a message of the gateway itself, pinned to this SIM, without company and quota. Within a transaction."""
        nobody = Caller(0, NO_COMPANY, admin=False)
        at = self._clock.moment(self._calendar)
        batch = _Batch(db, at, self._settings, self._calendar, [sim], queue_counts.pending(db))
        taken = batch.keep(
            SendRequest(nobody, [prepared], replace(options, sim_id=sim.id), None, single=True)
        )
        batch.write()
        return taken


@dataclass(slots=True)
class _Account:
    """The quota of a company in this transaction, and its use."""

    router: Router
    quota: int | None
    used: int
    taken: int = 0


class _Batch:
    """The requests of one transaction: data that they share is read once, and all rows are written together."""

    def __init__(
        self,
        db: Transaction,
        at: Moment,
        settings: DispatchSettings,
        calendar: Calendar,
        sims: list[Candidate],
        pending: int,
    ) -> None:
        self._db = db
        self._at = at
        self._settings = settings
        self._calendar = calendar
        self._sims = sims
        self._accounts: dict[int, _Account] = {}
        self._pending = pending
        self._message_id, self._task_id = messages.next_ids(db)
        self._message_rows: list[tuple[object, ...]] = []
        self._part_rows: list[tuple[object, ...]] = []
        self._by_sim: dict[int, int] = {}

    def accept(self, asked: SendRequest) -> AcceptedRequest | UsedKey:
        """Accept one request. Raises GatewayError; then nothing was counted."""
        if asked.key is not None:
            kept = _known(self._db, asked.caller, asked.key, self._at)
            if kept is not None:
                return kept
        account = self._account(asked.caller.company_id)
        self._check_quota(account, len(asked.drafts))
        if self._pending + len(asked.drafts) > self._settings.max_pending:
            raise QueueFullError
        taken = self.keep(asked)
        if asked.single and taken.accepted[0] is None:
            raise SimUnavailableError
        if asked.key is not None and taken.by_sim:
            idempotency.keep(
                self._db,
                asked.caller.key_id,
                asked.key.key,
                asked.key.fingerprint,
                sms_ids=[None if one is None else one.sms_id for one in taken.accepted],
                single=asked.single,
                now=self._at.now,
            )
        return taken

    def keep(self, asked: SendRequest) -> AcceptedRequest:
        """Give each message of the request to a SIM, without a check of quota and queue length."""
        at, options = self._at, asked.options
        account = self._account(asked.caller.company_id)
        accepted: list[Accepted | None] = []
        by_sim: dict[int, int] = {}
        pinned = options.sim_id is not None
        expires_in_s = options.expires_in_s or self._settings.default_expiry_s or None
        expires_at = None if expires_in_s is None else at.now + int(expires_in_s * SECOND)
        for prepared in asked.drafts:
            sim = account.router.choose(options.sim_id, prepared.operator)
            if sim is None:
                accepted.append(None)
                continue
            sim.take(prepared.parts)
            by_sim[sim.id] = by_sim.get(sim.id, 0) + 1
            self._pending += 1
            self._task_id = next_task_id(at.now, self._task_id)
            self._message_rows.append(
                (
                    self._message_id,
                    prepared.sms_id,
                    self._task_id,
                    asked.caller.company_id,
                    prepared.draft.recipient,
                    prepared.draft.text,
                    int(options.priority),
                    pinned,
                    sim.id,
                    options.campaign_id,
                    prepared.parts,
                    prepared.parts,
                    prepared.parts,
                    sim.cost * prepared.parts,
                    at.today,
                    at.today,
                    at.now,
                    expires_at,
                    prepared.draft.reference,
                    options.send_at,
                    options.transactional,
                    asked.caller.sandbox,
                )
            )
            self._part_rows.extend(
                (self._message_id, seq, sim.id, pinned, int(options.priority))
                for seq in range(1, prepared.parts + 1)
            )
            accepted.append(Accepted(prepared.sms_id, str(self._task_id), sim.number))
            self._message_id += 1
        for sim_id, count in by_sim.items():
            self._by_sim[sim_id] = self._by_sim.get(sim_id, 0) + count
        account.taken += sum(by_sim.values())
        return AcceptedRequest(accepted, by_sim, at.now, expires_at, expires_in_s)

    def write(self) -> None:
        """Write the rows of all accepted messages."""
        if not self._message_rows:
            return
        messages.insert(self._db, self._message_rows)
        messages.insert_parts(self._db, self._part_rows)
        for sim_id, count in self._by_sim.items():
            quotas.reserve_sim(self._db, sim_id, self._at.today, count)
        for company_id, account in self._accounts.items():
            if account.taken:
                accounts.use(self._db, company_id, month_of(self._at.today), account.taken)

    def _account(self, company_id: int) -> _Account:
        found = self._accounts.get(company_id)
        if found is None:
            quota, used = accounts.quota(self._db, company_id, month_of(self._at.today))
            found = self._accounts[company_id] = _Account(Router(self._sims, company_id), quota, used)
        return found

    def _check_quota(self, account: _Account, requested: int) -> None:
        used = account.used + account.taken
        if account.quota is not None and used + requested > account.quota:
            raise QuotaExceededError(
                requested=requested,
                remaining=max(0, account.quota - used),
                total=account.quota,
                used=used,
                resets_in_s=max(1, (self._calendar.next_month(self._at.now) - self._at.now) // SECOND),
            )


def _known(db: Transaction, caller: Caller, key: Idempotency, at: Moment) -> UsedKey | None:
    """The record of an idempotency key, on the writing connection; None: it was not used.

    Raises:
        IdempotencyMismatchError: the key was used with another body.
        ConflictError: the first request with this key is still being answered.
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
