"""Campaigns as their company sees and cancels them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from gatewayd.errors import NotFoundError, storage_errors
from gatewayd.messages import cancellation
from gatewayd.messages.cancellation import CancelsAll
from gatewayd.records import Caller, CampaignRecord, CancelledCampaign, Status
from gatewayd.store import Transaction
from gatewayd.store.interfaces import AnyStore
from gatewayd.store.tables import campaigns
from gatewayd.store.tables.campaigns import Campaign, Counts
from gatewayd.timekeeping.clock import Clock, Moment

# At most this many messages are cancelled in one transaction, which takes some ten milliseconds: other writers must not wait.
_AT_ONCE = 200

# A request cancels for at most this time: clients wait some 30 s for an answer.
_LONGEST_S = 20.0


class Campaigns:
    """Reads and cancels campaigns. Any thread may call any method. `notify`: takes the sms_ids that were cancelled."""

    def __init__(
        self,
        store: AnyStore,
        clock: Clock,
        moment: Callable[[], Moment],
        notify: Callable[[list[str]], None],
        cancels_all: CancelsAll = cancellation.cancel_all,
    ) -> None:
        self._cancels_all = cancels_all
        self._store = store
        self._clock = clock
        self._moment = moment
        self._notify = notify

    def show(self, caller: Caller, campaign_id: int) -> CampaignRecord:
        """The messages of a campaign. Raises NotFoundError, StorageUnavailableError."""
        campaign = _of(caller, campaign_id)
        with storage_errors(), self._store.lists.lend() as db:
            found = campaigns.counts(db, campaign)
            record = None if found is None else _record(db, campaign, found)
        if record is None:
            raise NotFoundError("Campaign not found")
        return record

    def page(
        self, company_id: int | None, before_id: int | None, limit: int
    ) -> tuple[list[tuple[int, CampaignRecord]], int | None]:
        """A page of campaigns with their company ids, the newest first, and the cursor of the next page.

        `company_id` None: of all companies. Raises StorageUnavailableError.
        """
        with storage_errors(), self._store.lists.lend() as db:
            rows = campaigns.page(db, company_id, before_id, limit + 1)
            found = [
                (row.company_id, _record(db, Campaign(row.company_id, row.campaign_id, sandbox=False), row))
                for row in rows[:limit]
            ]
        shown = [(company, record) for company, record in found if record is not None]
        return shown, rows[limit - 1].id if len(rows) > limit else None

    def cancel(self, caller: Caller, campaign_id: int) -> CancelledCampaign:
        """Cancel the messages of a campaign that no modem has yet, the next to be sent first, for a bounded time.

        Raises NotFoundError; StorageUnavailableError: those that were cancelled until then stay so.
        """
        campaign = _of(caller, campaign_id)
        with storage_errors(), self._store.lists.lend() as db:
            if not campaigns.exists(db, campaign):
                raise NotFoundError("Campaign not found")
        deadline = self._clock.monotonic() + _LONGEST_S
        cancelled, after, end = 0, 0, None
        while True:
            with storage_errors(), self._store.lists.lend() as db:
                end = campaigns.window_end(db, campaign, after)
                waiting = list(campaigns.pending(db, campaign, after, end))
            for first in range(0, len(waiting), _AT_ONCE):
                some = waiting[first : first + _AT_ONCE]
                with storage_errors():
                    ended = self._store.write(partial(self._cancel_some, some))
                self._notify(ended)
                cancelled += len(ended)
                if self._clock.monotonic() > deadline:
                    return CancelledCampaign(cancelled, complete=False)
            if end is None:
                return CancelledCampaign(cancelled, complete=True)
            after = end

    def _cancel_some(self, message_ids: list[int], db: Transaction) -> list[str]:
        return self._cancels_all(db, message_ids, self._moment())


def expected_end(campaign: CampaignRecord, now: int) -> int | None:
    """When the last pending message will be sent, at the pace since the beginning; None: nothing waits, or nothing was sent yet.

    Times in microseconds since the epoch.
    """
    pending, cancelled = campaign.counts[Status.PENDING], campaign.counts[Status.CANCELLED]
    ended = campaign.total - pending - cancelled
    passed = now - campaign.begins_at
    return now + passed * pending // ended if pending and ended and passed > 0 else None


def _record(db: Transaction, campaign: Campaign, found: Counts) -> CampaignRecord | None:
    """The record of a campaign; None where its messages were deleted since it was counted."""
    span = campaigns.span(db, campaign)
    if span is None:
        return None
    return CampaignRecord(
        campaign.campaign_id,
        {
            Status.PENDING: found.pending,
            Status.SENT: found.sent,
            Status.DELIVERED: found.delivered,
            Status.FAILED: found.failed,
            Status.CANCELLED: found.cancelled,
        },
        found.parts,
        round(found.cost, 9),
        span.first_at,
        span.last_at,
        span.begins_at,
    )


def _of(caller: Caller, campaign_id: int) -> Campaign:
    return Campaign(caller.company_id, campaign_id, caller.sandbox)
