"""Campaigns as their company sees and cancels them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from gatewayd.errors import NotFoundError, storage_errors
from gatewayd.messages import cancellation
from gatewayd.records import Caller, CampaignRecord, CancelledCampaign, Status
from gatewayd.store import Transaction
from gatewayd.store.store import Store
from gatewayd.store.tables import campaigns
from gatewayd.store.tables.campaigns import Campaign, Share
from gatewayd.timekeeping.clock import Clock, Moment

# At most this many messages are cancelled in one transaction, which takes some ten milliseconds: other writers must not wait.
_AT_ONCE = 200

# A request cancels for at most this time: clients wait some 30 s for an answer.
_LONGEST_S = 20.0


class Campaigns:
    """Reads and cancels campaigns. Any thread may call any method. `notify`: takes the sms_ids that were cancelled."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        moment: Callable[[], Moment],
        notify: Callable[[list[str]], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._moment = moment
        self._notify = notify

    def show(self, caller: Caller, campaign_id: int) -> CampaignRecord:
        """The messages of a campaign, counted in several short reads. Raises NotFoundError, StorageUnavailableError."""
        campaign = _of(caller, campaign_id)
        found: list[Share] = []
        after, end = 0, None
        while True:
            with storage_errors(), self._store.lists.lend() as db:
                end = campaigns.window_end(db, campaign, after)
                found += campaigns.shares(db, campaign, after, end)
            if end is None:
                break
            after = end
        if not found:
            raise NotFoundError("Campaign not found")
        counts = {
            status: sum(share.messages for share in found if share.status == status.value)
            for status in Status
        }
        return CampaignRecord(
            campaign_id,
            counts,
            sum(share.parts for share in found),
            round(sum(share.cost for share in found), 9),
            min(share.first_at for share in found),
            max(share.last_at for share in found),
        )

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
        return cancellation.cancel_all(db, message_ids, self._moment())


def _of(caller: Caller, campaign_id: int) -> Campaign:
    return Campaign(caller.company_id, campaign_id, caller.sandbox)
