"""Accepts messages: quota, SIM, ids and rows, for all requests of a moment in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from config.settings import DispatchSettings
from gatewayd.accounts import quotas
from gatewayd.errors import (
    ConflictError,
    GatewayError,
    IdempotencyMismatchError,
    NotPermittedError,
    OptedOutError,
    QueueFullError,
    QuotaExceededError,
    SimUnavailableError,
)
from gatewayd.ids import new_sms_id, next_task_id
from gatewayd.messages import sandbox
from gatewayd.records import (
    NO_COMPANY,
    TRANSACTIONAL,
    Accepted,
    Caller,
    Draft,
    Idempotency,
    Options,
    Priority,
)
from gatewayd.sending.routing import Candidate, Router, usable
from gatewayd.sims.limits import Room
from gatewayd.sims.port_registry import PortRegistry
from gatewayd.store import Transaction
from gatewayd.store.tables import accounts, idempotency, messages, opt_outs, queue_counts, sims
from gatewayd.store.tables import sandbox as sandbox_steps
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
    """The messages that were kept: one entry for each draft, the reason where it was refused.

    `by_sim`: their number by SIM id, without scheduled ones.
    """

    accepted: list[Accepted | GatewayError]
    by_sim: dict[int, int]
    at: int
    expires_at: int | None  # None: never
    expires_in_s: float | None  # None: never
    due_in_s: float | None = None  # of scheduled messages; 0 or less: as soon as the clock is trusted
    sandbox: bool = False

    @property
    def count(self) -> int:
        """The number of messages that were kept."""
        return sum(isinstance(one, Accepted) for one in self.accepted)


class Intake:
    """Accepts messages into the store."""

    def __init__(
        self,
        settings: DispatchSettings,
        clock: Clock,
        calendar: Calendar,
        port_registry: PortRegistry,
        operator: Callable[[str], str],
        *,
        portable: bool,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._calendar = calendar
        self._port_registry = port_registry
        self._operator = operator
        self._portable = portable

    def prepare(self, draft: Draft) -> PreparedDraft:
        """Count the parts of a draft and give it an id."""
        return PreparedDraft(
            draft, new_sms_id(self._clock.now()), len(segment(draft.text)), self._operator(draft.recipient)
        )

    def accept(
        self, db: Transaction, requests: Sequence[SendRequest]
    ) -> list[AcceptedRequest | UsedKey | GatewayError]:
        """Keep the messages of each request, in order, within a transaction.

        The result of each request: `UsedKey` where its idempotency key was used before; an error where nothing was stored:

            NotPermittedError: the key lacks the right that an option needs.
            ConflictError: the first request with this idempotency key is still being answered.
            IdempotencyMismatchError: the first request with this key had another body.
            OptedOutError: the recipient of a single message wants none.
            QuotaExceededError: the quota is too small for all messages of the request.
            QueueFullError: too many messages wait already.
            SimUnavailableError: no SIM has room for a single message.
        """
        batch = self._batch(db)
        results: list[AcceptedRequest | UsedKey | GatewayError] = []
        for asked in requests:
            try:
                results.append(batch.accept(asked))
            except GatewayError as error:
                results.append(error)
        batch.write()
        return results

    def judge(self, db: Transaction, request: SendRequest) -> Candidate | GatewayError:
        """The SIM that a request for one message would get now, or the error of `accept`. Keeps nothing."""
        batch = self._batch(db)
        try:
            return batch.sim_for(request)
        except GatewayError as error:
            return error

    def operator(self, recipient: str) -> str:
        """The operator of a recipient's prefix; "" for an unknown one."""
        return self._operator(recipient)

    def router(self, db: Transaction, waiting: Mapping[int, int], company_id: int) -> Router:
        """The SIMs that may take messages of a company now. `waiting`: parts by SIM id, as `queue_counts.waiting`."""
        found = self._usable(db, waiting, self._clock.moment(self._calendar))
        return Router(found, company_id, portable=self._portable)

    def _batch(self, db: Transaction) -> _Batch:
        at = self._clock.moment(self._calendar)
        return self._batch_of(db, at, self._usable(db, queue_counts.waiting(db), at))

    def _usable(self, db: Transaction, waiting: Mapping[int, int], at: Moment) -> list[Candidate]:
        now = self._clock.monotonic()
        return usable(
            db,
            self._port_registry.sims(),
            waiting,
            at=at,
            now=now,
            grace_s=self._settings.grace_s,
            rests=self._port_registry.rests(now),
        )

    def _batch_of(self, db: Transaction, at: Moment, candidates: list[Candidate]) -> _Batch:
        pending = queue_counts.pending(db)
        return _Batch(db, at, self._settings, self._calendar, candidates, pending, portable=self._portable)

    def accept_own(
        self, db: Transaction, prepared: PreparedDraft, sim: Candidate, options: Options
    ) -> AcceptedRequest:
        """Keep a message of the gateway itself, pinned to this SIM, without company and quota. Within a transaction."""
        nobody = Caller(0, NO_COMPANY, admin=False)
        at = self._clock.moment(self._calendar)
        batch = self._batch_of(db, at, [sim])
        taken = batch.keep(
            SendRequest(nobody, [prepared], replace(options, sim_id=sim.id), None, single=True)
        )
        batch.write()
        return taken


# Stands for the SIM of a scheduled message until one is chosen, and for that of a sandbox message.
_NO_SIM = Candidate(0, "", "", None, False, 0.0, Room(""), 0.0)

_NONE_REFUSED: Mapping[str, GatewayError] = MappingProxyType({})


@dataclass(slots=True)
class _Taken:
    """The messages that a SIM took in this transaction."""

    day: str  # the SIM's own
    messages: int = 0
    parts: int = 0
    recipients: Counter[str] = field(default_factory=Counter)  # messages to each, where the SIM limits them


@dataclass(slots=True)
class _Account:
    """A company in this transaction: its SIMs, its quota with its use, and what an opt-out blocks."""

    router: Router
    quota: int | None
    used: int
    all_stoppable: bool  # an opt-out blocks every message, not only those of campaigns
    taken: int = 0


class _Batch:
    """The requests of one transaction: data that they share is read once, and all rows are written together."""

    def __init__(
        self,
        db: Transaction,
        at: Moment,
        settings: DispatchSettings,
        calendar: Calendar,
        candidates: list[Candidate],
        pending: int,
        *,
        portable: bool,
    ) -> None:
        self._db = db
        self._at = at
        self._settings = settings
        self._calendar = calendar
        self._candidates = candidates
        self._accounts: dict[int, _Account] = {}
        self._pending = pending
        self._message_id, self._task_id = messages.next_ids(db)
        self._message_rows: list[tuple[object, ...]] = []
        self._part_rows: list[tuple[object, ...]] = []
        self._sandbox_rows: list[tuple[int, int, int, str]] = []
        self._taken: dict[int, _Taken] = {}
        self._portable = portable

    def accept(self, asked: SendRequest) -> AcceptedRequest | UsedKey:
        """Accept one request. Raises GatewayError; then nothing was counted."""
        if asked.key is not None:
            kept = _known(self._db, asked.caller, asked.key, self._at)
            if kept is not None:
                return kept
        refused = self._refused(asked)
        self._check(asked, refused)
        taken = self.keep(asked, refused)
        if asked.single and isinstance(taken.accepted[0], GatewayError):
            raise taken.accepted[0]
        if asked.key is not None and taken.count:
            idempotency.keep(
                self._db,
                asked.caller.key_id,
                asked.key.key,
                asked.key.fingerprint,
                sms_ids=[one.sms_id if isinstance(one, Accepted) else None for one in taken.accepted],
                single=asked.single,
                now=self._at.now,
            )
        return taken

    def sim_for(self, asked: SendRequest) -> Candidate:
        """The SIM that the only message of the request would get. Raises as `accept`."""
        self._check(asked, self._refused(asked))
        if asked.caller.sandbox:
            return _NO_SIM
        router = self._account(asked.caller.company_id).router
        (one,) = asked.drafts
        sim = router.choose(asked.options.sim_id, one.operator, one.draft.recipient, one.parts)
        if sim is None:
            raise SimUnavailableError
        return sim

    def keep(
        self, asked: SendRequest, refused: Mapping[str, GatewayError] = _NONE_REFUSED
    ) -> AcceptedRequest:
        """Give each message of the request to a SIM, but those to `refused` numbers, without a check of quota and queue length.

        A scheduled message gets its SIM when it is due.
        """
        at, options = self._at, asked.options
        account = self._account(asked.caller.company_id)
        is_sandbox = asked.caller.sandbox
        later = options.send_at is not None and (options.send_at > at.now or not at.trusted)
        scheduled = later and not is_sandbox
        planned: Candidate | None = None  # of messages for which no SIM is chosen now
        if scheduled:
            planned = self._planned(asked)
        elif is_sandbox:
            planned = replace(_NO_SIM, room=Room(at.today))
        has_sim = not scheduled and not is_sandbox
        stoppable = self._is_stoppable(asked)
        accepted: list[Accepted | GatewayError] = []
        by_sim: dict[int, int] = {}
        pinned = options.sim_id is not None
        expires_in_s = options.expires_in_s or self._settings.default_expiry_s or None
        begins_at = max(at.now, options.send_at or at.now)
        expires_at = None if expires_in_s is None else begins_at + int(expires_in_s * SECOND)
        for prepared in asked.drafts:
            if prepared.draft.recipient in refused:
                accepted.append(refused[prepared.draft.recipient])
                continue
            sim = planned
            if has_sim:
                recipient, parts = prepared.draft.recipient, prepared.parts
                sim = account.router.choose(options.sim_id, prepared.operator, recipient, parts)
            if sim is None:
                accepted.append(SimUnavailableError())
                continue
            if has_sim:
                self._take(sim, prepared)
                by_sim[sim.id] = by_sim.get(sim.id, 0) + 1
            self._pending += not is_sandbox
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
                    sim.room.day,
                    at.now,
                    expires_at,
                    prepared.draft.reference,
                    options.send_at,
                    options.transactional,
                    asked.caller.sandbox,
                    stoppable,
                )
            )
            if is_sandbox:
                self._plan_sandbox(prepared.draft.recipient, begins_at)
            elif not scheduled:
                self._part_rows.extend(
                    (self._message_id, seq, sim.id, pinned, int(options.priority))
                    for seq in range(1, prepared.parts + 1)
                )
            accepted.append(Accepted(prepared.sms_id, str(self._task_id), sim.number))
            self._message_id += 1
        expires_in_s = None if expires_at is None else (expires_at - at.now) / SECOND
        due_in_s = (options.send_at - at.now) / SECOND if later and options.send_at is not None else None
        taken = AcceptedRequest(accepted, by_sim, at.now, expires_at, expires_in_s, due_in_s, is_sandbox)
        account.taken += 0 if is_sandbox else taken.count
        return taken

    def _plan_sandbox(self, recipient: str, begins_at: int) -> None:
        """Plan the steps of the sandbox message that is written next."""
        self._sandbox_rows.extend(
            (begins_at + int(planned.after_s * SECOND), self._message_id, place, planned.step.value)
            for place, planned in enumerate(sandbox.plan(recipient))
        )

    def _planned(self, asked: SendRequest) -> Candidate | None:
        """The SIM of scheduled messages: the named one, if their company may use it at all; else none is chosen yet."""
        sim_id = asked.options.sim_id
        if sim_id is None:
            return _NO_SIM
        sim = sims.at_work(self._db, sim_id)
        if sim is None or sim.company_id not in (None, asked.caller.company_id):
            return None
        return replace(_NO_SIM, id=sim_id, number=sims.number_of(self._db, sim_id))

    def write(self) -> None:
        """Write the rows of all accepted messages."""
        if not self._message_rows:
            return
        messages.insert(self._db, self._message_rows)
        messages.insert_parts(self._db, self._part_rows)
        sandbox_steps.plan(self._db, self._sandbox_rows)
        for sim_id, taken in self._taken.items():
            quotas.reserve_sim(
                self._db, sim_id, taken.day, taken.messages, taken.parts, recipients=taken.recipients
            )
        for company_id, account in self._accounts.items():
            if account.taken:
                accounts.use(self._db, company_id, month_of(self._at.today), account.taken)
                if account.quota is not None:
                    used = account.used + account.taken
                    quotas.tell_thresholds(
                        self._db, company_id, account.quota, used, self._at, self._calendar
                    )

    def _take(self, sim: Candidate, prepared: PreparedDraft) -> None:
        sim.take(prepared.draft.recipient, prepared.parts)
        taken = self._taken.get(sim.id)
        if taken is None:
            taken = self._taken[sim.id] = _Taken(sim.room.day)
        taken.messages += 1
        taken.parts += prepared.parts
        if sim.room.counts_recipients:
            taken.recipients[prepared.draft.recipient] += 1

    def _account(self, company_id: int) -> _Account:
        found = self._accounts.get(company_id)
        if found is None:
            quota, used = accounts.quota(self._db, company_id, month_of(self._at.today))
            all_stoppable = accounts.blocks_all(self._db, company_id)
            found = _Account(
                Router(self._candidates, company_id, portable=self._portable), quota, used, all_stoppable
            )
            self._accounts[company_id] = found
        return found

    def _is_stoppable(self, asked: SendRequest) -> bool:
        """Whether an opt-out blocks the messages of this request."""
        options = asked.options
        marketing = not asked.single or options.priority is Priority.BULK or options.campaign_id is not None
        return not options.transactional and (
            marketing or self._account(asked.caller.company_id).all_stoppable
        )

    def _refused(self, asked: SendRequest) -> Mapping[str, GatewayError]:
        """The recipients to which messages of this request fail alone: they opted out, or are such numbers of the sandbox."""
        recipients = {one.draft.recipient for one in asked.drafts}
        refused: dict[str, GatewayError] = {}
        if asked.caller.sandbox:
            found = {recipient: sandbox.refusal(recipient) for recipient in recipients}
            refused |= {recipient: error for recipient, error in found.items() if error is not None}
        if self._is_stoppable(asked):
            opted_out = opt_outs.among(self._db, asked.caller, recipients)
            refused |= {recipient: OptedOutError() for recipient in opted_out}
        return refused

    def _check(self, asked: SendRequest, refused: Mapping[str, GatewayError]) -> None:
        """Check a request without the messages to refused numbers.

        Raises NotPermittedError; the refusal of a single message; QuotaExceededError or QueueFullError where it is too large at this moment.
        """
        if asked.options.transactional and TRANSACTIONAL not in asked.caller.rights:
            raise NotPermittedError(TRANSACTIONAL)
        wanted = sum(one.draft.recipient not in refused for one in asked.drafts)
        if asked.single and not wanted:
            raise refused[asked.drafts[0].draft.recipient]
        if asked.caller.sandbox:
            return
        self._check_quota(self._account(asked.caller.company_id), wanted)
        if self._pending + wanted > self._settings.max_pending:
            raise QueueFullError

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
