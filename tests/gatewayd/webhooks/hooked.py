"""A gateway whose webhooks reach receivers of the test; the test writes its events and sets its clock."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from config.settings import WebhookSettings
from gatewayd.records import Caller, EventType
from gatewayd.store.tables import accounts, events
from gatewayd.store.tables.deliveries import ShownDelivery
from gatewayd.store.tables.webhooks import Webhook
from gatewayd.timekeeping.clock import SECOND
from gatewayd.webhooks.drafts import WebhookDraft
from tests.conftest import eventually
from tests.gatewayd.played_ports import PlayedGateway
from tests.gatewayd.webhooks.receiver import Receiver, open_way

QUICK = (0, 0.05, 0.1)
"""A schedule of three attempts without long waits."""


class Hooked(PlayedGateway):
    """A gateway with webhooks."""

    def __init__(self, path: Path, retry_s: Sequence[float] = QUICK, **dispatch: Any) -> None:
        settings = WebhookSettings(retry_s=tuple(retry_s))
        super().__init__(path, webhooks=settings, webhook_way=open_way(), **dispatch)
        self.admin = Caller(1, self.company, admin=True, rights=frozenset({"webhooks"}))

    def hook(self, receiver: Receiver | str, *types: EventType, **draft: Any) -> Webhook:
        """Make a webhook as an administrator."""
        url = receiver if isinstance(receiver, str) else receiver.url
        wanted = [each.value for each in types] or None
        return self.gateway.webhooks.create(self.admin, self.company, WebhookDraft(url, wanted, **draft))

    def add_company(self, name: str) -> int:
        return self.store.write(lambda db: accounts.add_company(db, name, None, 0))

    def write(
        self,
        *labels: object,
        company: int | None = -1,
        type_: EventType = EventType.QUOTA_THRESHOLD,
        sandbox: bool = False,
    ) -> None:
        """Write an event for each label, in one transaction. `company` None: of the box."""
        owner = self.company if company == -1 else company

        def work(db: Any) -> None:
            for label in labels:
                data = {"label": label}
                events.write(db, type_, owner, self.clock.at, data=data, sandbox=sandbox)

        self.store.write(work)

    def forward(self, seconds: float) -> None:
        """Set the clock forward, and have every webhook look at it."""
        self.clock.at += round(seconds * SECOND)
        for webhook in self.gateway.webhooks.list_(None):
            self.gateway.webhooks.change(None, webhook.id, {"description": webhook.description})

    def state(self, webhook: Webhook) -> str:
        return self.gateway.webhooks.one(None, webhook.id).state

    def deliveries(self, webhook: Webhook, state: str | None = None) -> list[ShownDelivery]:
        return self.gateway.webhooks.deliveries(None, webhook.id, state, 1000, None)[0]

    def until(self, webhook: Webhook, state: str) -> None:
        """Wait until a webhook has this state."""
        eventually(lambda: self.state(webhook) == state)


def labels(receiver: Receiver) -> list[object]:
    """The labels of the events that a receiver got, in order."""
    return [json.loads(request.body)["data"].get("label") for request in receiver.received]


def got(receiver: Receiver, *wanted: object) -> Callable[[], bool]:
    """A condition: exactly the events with these labels came, in this order."""
    return lambda: labels(receiver) == list(wanted)
