"""A send request from its acceptance to its answer: keep the messages, wake ports, wait for the result, or replay it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from time import monotonic

from gatewayd.errors import GatewayError, SimUnavailableError, StorageUnavailableError, storage_errors
from gatewayd.messages.message_queries import MessageQueries
from gatewayd.records import Accepted, Caller, Draft, Idempotency, MessageRecord, Options, Replay, Status
from gatewayd.sending.intake import AcceptedRequest, Intake, PreparedDraft, SendRequest
from gatewayd.sending.request_batcher import RequestBatcher
from gatewayd.sending.result_waiters import ResultWaiters
from gatewayd.store.engine.errors import CommitUnknownError, StoreUnavailableError
from gatewayd.store.interfaces import AnyStore
from gatewayd.store.tables import idempotency
from gatewayd.store.tables.idempotency import UsedKey
from gatewayd.timekeeping.timers import Timers

log = logging.getLogger(__name__)

# The pause between two looks for messages whose commit was not answered.
_LOOK_S = 0.2


class SendRequests:
    """Answers send requests. Any thread may call any method.

    `offer`: wakes those who do something with messages that were kept; true: other SIMs may send them too.
    """

    def __init__(
        self,
        store: AnyStore,
        intake: Intake,
        queries: MessageQueries,
        waiters: ResultWaiters,
        timers: Timers,
        offer: Callable[[AcceptedRequest, bool], None],
        unknown_s: float,
        unknown: Callable[[], None] = lambda: None,
    ) -> None:
        """`unknown_s`: how long messages are looked for where it is not known whether they were kept; `unknown` is called then."""
        self._unknown = unknown
        self._unknown_s = unknown_s
        self._stopping = threading.Event()
        self._store = store
        self._intake = intake
        self._batcher = RequestBatcher(store, intake.accept)
        self._queries = queries
        self._waiters = waiters
        self._timers = timers
        self._offer = offer

    def submit(
        self, caller: Caller, draft: Draft, options: Options, key: Idempotency | None, wait_s: float
    ) -> tuple[MessageRecord | Replay, bool]:
        """Keep a message durably, then wait up to `wait_s` for the result of the modem.

        Returns the message, or the answer to an earlier request with the same key; and whether it is the latter.

        Raises: NotPermittedError, OptedOutError, QuotaExceededError, SimUnavailableError, QueueFullError,
        StorageUnavailableError, ConflictError, IdempotencyMismatchError. Then nothing was stored.
        """
        prepared = self._intake.prepare(draft)
        if wait_s > 0:
            self._waiters.expect(prepared.sms_id)
        try:
            accepted = self._accept(SendRequest(caller, [prepared], options, key, single=True))
            if isinstance(accepted, UsedKey):
                return self._replayed(caller, accepted), True
            self._offer(accepted, options.sim_id is None)
            if wait_s <= 0 or (accepted.due_in_s or 0.0) > wait_s:
                return _as_accepted(prepared, accepted, options), False
            self._waiters.wait(prepared.sms_id, wait_s)
        finally:
            if wait_s > 0:
                self._waiters.forget(prepared.sms_id)
        try:
            return self._queries.one(caller, prepared.sms_id), False
        except StorageUnavailableError:
            # The message is kept; an error would make the client send it twice.
            return _as_accepted(prepared, accepted, options), False

    def submit_bulk(
        self, caller: Caller, drafts: list[Draft], options: Options, key: Idempotency | None
    ) -> tuple[list[Accepted | GatewayError] | Replay, bool]:
        """Keep many messages durably in one transaction: one entry for each, the reason where it was refused.

        Returns and raises as `submit`, except SimUnavailableError and OptedOutError.
        """
        prepared = [self._intake.prepare(draft) for draft in drafts]
        accepted = self._accept(SendRequest(caller, prepared, options, key, single=False))
        if isinstance(accepted, UsedKey):
            return self._replayed_bulk(caller, accepted), True
        self._offer(accepted, options.sim_id is None)
        return accepted.accepted, False

    def answered(self, caller: Caller, key: Idempotency, http_status: int, body: str) -> None:
        """Keep the answer to a request with an idempotency key. Raises StorageUnavailableError."""
        with storage_errors():
            self._store.write(lambda db: idempotency.answered(db, caller.key_id, key.key, http_status, body))

    def abandoned(self, caller: Caller, key: Idempotency) -> None:
        """A request with an idempotency key ended without an answer: the next one is answered from its messages.

        The timers write this, again and again until the store can keep it: else every repetition would be a conflict.
        """
        self._timers.after(
            0.0, lambda: self._store.write(lambda db: idempotency.landed(db, caller.key_id, key.key))
        )

    def _accept(self, request: SendRequest) -> AcceptedRequest | UsedKey:
        with storage_errors():
            try:
                result = self._batcher.do(request)
            except CommitUnknownError as error:
                log.info("it is not known whether messages were kept (%s); they are looked for", error)
                self._unknown()
                result = self._found(request)
        if isinstance(result, GatewayError):
            raise result
        return result

    def stop(self) -> None:
        """Look no longer for messages that may have been kept."""
        self._stopping.set()

    def _found(self, request: SendRequest) -> AcceptedRequest:
        """The messages of a request of which it is not known whether they were kept. Raises StoreUnavailableError: they were not, or
        it cannot be told in time: then the next request with the same idempotency key is answered from them.
        """
        deadline = monotonic() + self._unknown_s
        while True:
            try:
                found = self._store.write(lambda db: self._intake.kept(db, request))
            except StoreUnavailableError:
                if monotonic() >= deadline or self._stopping.wait(_LOOK_S):
                    if request.key is not None:
                        self.abandoned(request.caller, request.key)
                    raise
                continue
            if found is None:
                raise StoreUnavailableError
            return found

    def _replayed(self, caller: Caller, kept: UsedKey) -> MessageRecord | Replay:
        if kept.http_status is not None and kept.body is not None:
            return Replay(kept.http_status, kept.body)
        return self._queries.one(caller, kept.sms_ids[0] or "")

    def _replayed_bulk(self, caller: Caller, kept: UsedKey) -> list[Accepted | GatewayError] | Replay:
        if kept.http_status is not None and kept.body is not None:
            return Replay(kept.http_status, kept.body)
        views = [None if sms_id is None else self._queries.one(caller, sms_id) for sms_id in kept.sms_ids]
        return [
            # After a crash the reason of a refusal is not known any more; most often no SIM had room.
            SimUnavailableError() if view is None else Accepted(view.sms_id, view.task_id, view.sim_number)
            for view in views
        ]


def _as_accepted(prepared: PreparedDraft, request: AcceptedRequest, options: Options) -> MessageRecord:
    """The record of a message as it was kept, without reading it: for a request that does not wait or cannot read."""
    (accepted,) = (one for one in request.accepted if isinstance(one, Accepted))
    return MessageRecord(
        sms_id=prepared.sms_id,
        task_id=accepted.task_id,
        recipient=prepared.draft.recipient,
        sim_number=accepted.sim_number,
        text=prepared.draft.text,
        status=Status.PENDING,
        created_at=request.at,
        sent_at=None,
        delivered_at=None,
        failed_at=None,
        failure_reason=None,
        cost=0.0,
        retry_count=0,
        campaign_id=options.campaign_id,
        priority=options.priority,
        parts=prepared.parts,
        in_doubt=False,
        reference=prepared.draft.reference,
        send_at=options.send_at,
        expires_at=request.expires_at,
        sandbox=request.sandbox,
    )
