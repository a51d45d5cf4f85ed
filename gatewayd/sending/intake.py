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
from gatewayd.ids import new_sms_id
from gatewayd.messages import sandbox
from gatewayd.records import (
    NO_COMPANY,
    TRANSACTIONAL,
    Accepted,
    Caller,
    Draft,
    Idempotency,
    MessageRecord,
    Options,
    Priority,
)
from gatewayd.sending.acceptance import Acceptance, Asker, Ids, StartedHere, ToQueue
from gatewayd.sending.routing import Candidate, Router, usable
from gatewayd.sims.limits import Room
from gatewayd.store import Transaction
from gatewayd.store.tables import accounts, idempotency, messages, opt_outs, sims
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
    queued: tuple[int, ...] = ()  # ids of the messages that got a SIM
    started: tuple[StartedHere, ...] = ()  # those that this box sends at once

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
        acceptance: Acceptance,
        operator: Callable[[str], str],
        *,
        portable: bool,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._calendar = calendar
        self._acceptance = acceptance
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
        askers = [_asker(asked) for asked in requests]
        ids = self._acceptance.begin(db, askers, sum(len(asked.drafts) for asked in requests))
        batch = self._batch(db, ids)
        results: list[AcceptedRequest | UsedKey | GatewayError] = []
        for asked in requests:
            try:
                results.append(batch.accept(asked))
            except GatewayError as error:
                results.append(error)
        started = batch.write()
        return [_with_started(result, started) for result in results] if started else results

    def kept(self, db: Transaction, request: SendRequest) -> AcceptedRequest | None:
        """The messages of a request that `accept` may have kept, once its transaction has ended; None: it kept nothing.

        A message that is not there was refused; most often no SIM had room for it.
        """
        self._acceptance.begin(db, [_asker(request)], 0)
        at = self._clock.moment(self._calendar)
        accepted: list[Accepted | GatewayError] = []
        by_sim: Counter[int] = Counter()
        shown: MessageRecord | None = None
        for prepared in request.drafts:
            found = messages.shown(db, prepared.sms_id)
            if found is None:
                accepted.append(SimUnavailableError())
                continue
            shown = found.record
            accepted.append(Accepted(shown.sms_id, shown.task_id, shown.sim_number))
            if not found.scheduled and not shown.sandbox:
                message = messages.by_id(db, found.id)
                by_sim[message.sim_id] += 1
        if shown is None:
            return None
        return AcceptedRequest(
            accepted,
            dict(by_sim),
            shown.created_at,
            shown.expires_at,
            None if shown.expires_at is None else (shown.expires_at - at.now) / SECOND,
            None if shown.send_at is None else (shown.send_at - at.now) / SECOND,
            shown.sandbox,
        )

    def judge(self, db: Transaction, request: SendRequest) -> Candidate | GatewayError:
        """The SIM that a request for one message would get now, or the error of `accept`. Keeps nothing."""
        batch = self._batch(db, self._acceptance.begin(db, (), 0))
        try:
            return batch.sim_for(request)
        except GatewayError as error:
            return error

    def operator(self, recipient: str) -> str:
        """The operator of a recipient's prefix; "" for an unknown one."""
        return self._operator(recipient)

    def router(self, db: Transaction, waiting: Mapping[int, int], company_id: int) -> Router:
        """The SIMs that may take messages of a company now. `waiting`: parts by SIM id, as `Acceptance.waiting`."""
        found = self._usable(db, waiting, self._clock.moment(self._calendar))
        return Router(found, company_id, portable=self._portable)

    def waiting(self, db: Transaction) -> dict[int, int]:
        """Queued parts by SIM id (see `Acceptance.waiting`)."""
        return self._acceptance.waiting(db)

    def _batch(self, db: Transaction, ids: Ids) -> _Batch:
        at = self._clock.moment(self._calendar)
        return self._batch_of(db, at, self._usable(db, self._acceptance.waiting(db), at), ids)

    def _usable(self, db: Transaction, waiting: Mapping[int, int], at: Moment) -> list[Candidate]:
        now = self._clock.monotonic()
        return usable(
            db,
            self._acceptance.presence(),
            waiting,
            at=at,
            now=now,
            grace_s=self._settings.grace_s,
            rests=self._acceptance.rests(now),
        )

    def _batch_of(self, db: Transaction, at: Moment, candidates: list[Candidate], ids: Ids) -> _Batch:
        return _Batch(
            db,
            at,
            self._settings,
            self._calendar,
            candidates,
            self._acceptance,
            ids,
            portable=self._portable,
        )

    def accept_own(
        self, db: Transaction, prepared: PreparedDraft, sim: Candidate, options: Options
    ) -> AcceptedRequest:
        """Keep a message of the gateway itself, pinned to this SIM, without company and quota. Within a transaction."""
        nobody = Caller(0, NO_COMPANY, admin=False)
        at = self._clock.moment(self._calendar)
        batch = self._batch_of(db, at, [sim], self._acceptance.begin(db, (), 1))
        taken = batch.keep(
            SendRequest(nobody, [prepared], replace(options, sim_id=sim.id), None, single=True)
        )
        batch.write()
        return taken


def _asker(asked: SendRequest) -> Asker:
    return Asker(asked.caller.company_id, asked.caller.key_id, asked.key, asked.caller.sandbox)


def _with_started(
    result: AcceptedRequest | UsedKey | GatewayError, started: Sequence[StartedHere]
) -> AcceptedRequest | UsedKey | GatewayError:
    """The result with those of its messages that this box sends at once."""
    if not isinstance(result, AcceptedRequest):
        return result
    return replace(result, started=tuple(one for one in started if one.message_id in result.queued))


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
        acceptance: Acceptance,
        ids: Ids,
        *,
        portable: bool,
    ) -> None:
        self._db = db
        self._at = at
        self._settings = settings
        self._calendar = calendar
        self._candidates = candidates
        self._accounts: dict[int, _Account] = {}
        self._acceptance = acceptance
        self._room = acceptance.room(db, settings.max_pending)
        self._ids = ids
        self._to_queue: list[ToQueue] = []
        self._counted: list[int] = []  # the SIM of each message
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
                answering=self._acceptance.answering(),
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
        kept_ids: list[int] = []
        pinned = options.sim_id is not None
        may_wait = options.priority is Priority.BULK and not options.transactional
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
            if not is_sandbox:
                self._room -= 1
                self._counted.append(sim.id)
            message_id, task_id = next(self._ids.messages), self._ids.task_id(at.now)
            self._message_rows.append(
                (
                    message_id,
                    prepared.sms_id,
                    task_id,
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
                self._plan_sandbox(message_id, prepared.draft.recipient, begins_at)
            elif not scheduled:
                self._to_queue.append(ToQueue(message_id, sim.id, may_wait))
                kept_ids.append(message_id)
                self._part_rows.extend(
                    (message_id, seq, sim.id, pinned, int(options.priority))
                    for seq in range(1, prepared.parts + 1)
                )
            accepted.append(Accepted(prepared.sms_id, str(task_id), sim.number))
        expires_in_s = None if expires_at is None else (expires_at - at.now) / SECOND
        due_in_s = (options.send_at - at.now) / SECOND if later and options.send_at is not None else None
        taken = AcceptedRequest(
            accepted, by_sim, at.now, expires_at, expires_in_s, due_in_s, is_sandbox, tuple(kept_ids)
        )
        account.taken += 0 if is_sandbox else taken.count
        return taken

    def _plan_sandbox(self, message_id: int, recipient: str, begins_at: int) -> None:
        """Plan the steps of a sandbox message that is written after this."""
        self._sandbox_rows.extend(
            (begins_at + int(planned.after_s * SECOND), message_id, place, planned.step.value)
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

    def write(self) -> Sequence[StartedHere]:
        """Write the rows of all accepted messages; those that this box sends at once."""
        if not self._message_rows:
            return ()
        messages.insert(self._db, self._message_rows)
        messages.insert_parts(self._db, self._part_rows)
        sandbox_steps.plan(self._db, self._sandbox_rows)
        started = self._acceptance.queue(self._db, self._to_queue)
        self._acceptance.counted(self._db, self._counted)
        for sim_id, taken in sorted(self._taken.items()):
            quotas.reserve_sim(
                self._db, sim_id, taken.day, taken.messages, taken.parts, recipients=taken.recipients
            )
        with_messages = [(id_, account) for id_, account in sorted(self._accounts.items()) if account.taken]
        for company_id, account in with_messages:
            accounts.use(self._db, company_id, month_of(self._at.today), account.taken)
        for company_id, account in with_messages:  # events come last, because they wait for each other
            if account.quota is not None:
                used = account.used + account.taken
                quotas.tell_thresholds(self._db, company_id, account.quota, used, self._at, self._calendar)
        return started

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
            terms = accounts.terms(self._db, company_id, month_of(self._at.today))
            router = Router(self._candidates, company_id, portable=self._portable)
            found = _Account(router, terms.quota, terms.used, terms.blocks_all)
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
        if wanted > self._room:
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
