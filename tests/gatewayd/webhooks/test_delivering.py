"""Events reach the webhooks of their company: signed, in order, each with its own queue."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewayd.records import EventType
from gatewayd.store.tables import accounts
from tests.conftest import eventually
from tests.gatewayd.webhooks.hooked import Hooked, got, labels
from tests.gatewayd.webhooks.receiver import Answer, Received, Receiver


@pytest.fixture
def hooked(tmp_path: Path) -> Iterator[Hooked]:
    hooked = Hooked(tmp_path)
    yield hooked
    hooked.close()


def test_events_arrive_in_their_order_once_and_only_from_the_making_on(hooked: Hooked) -> None:
    hooked.write("before")
    with Receiver() as receiver:
        webhook = hooked.hook(receiver)
        hooked.write(*range(120))
        hooked.write("last")
        eventually(got(receiver, *range(120), "last"))
        ids = receiver.ids()
        assert len(set(ids)) == len(ids)
        documents = [json.loads(request.body) for request in receiver.received]
        assert [document["id"] for document in documents] == ids
        assert set(documents[0]) == {"id", "type", "timestamp", "data"}
        assert documents[0]["type"] == "quota.threshold"
        eventually(lambda: len(hooked.deliveries(webhook, "delivered")) == 121)
        assert hooked.deliveries(webhook, "pending") == []
