"""Events of a daemon that is killed under load: each change of each message once, in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import eventually
from tests.gatewayd.box import Box

MESSAGES = 60
DOUBT = "message.in_doubt"
# Final status → the events that lead to it, besides doubts.
EVENTS = {
    "sent": ["message.sent"],
    "delivered": ["message.sent", "message.delivered"],
    "failed": ["message.failed"],
}


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(
        tmp_path,
        slots={1: 1, 2: 1},
        dispatch='in_doubt = "fail"\nin_doubt_wait_s = 1',
        clock='trust = "always"',
    )
    box.start_bank("--submit-s", "0.02", "--delivery-s", "0.05")
    yield box
    box.stop()


class Follower:
    """A client that follows the events with small pages, also across a restart of the daemon."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._after = ""
        self.seen: list[dict[str, Any]] = []

    def read(self) -> list[dict[str, Any]]:
        """Read all pages that there are; all events so far."""
        while True:
            try:
                page = self._box.get(f"events?limit=7&after={self._after}")
            except requests.ConnectionError:
                return self.seen
            assert page["success"], page
            assert not page["reset"]
            self.seen += page["data"]
            self._after = page["next_cursor"]
            if not page["more"]:
                return self.seen


def test_a_killed_daemon_tells_each_change_of_each_message_once(box: Box) -> None:
    box.start_gateway()
    box.sims_ready(2)
    follower = Follower(box)
    sent: list[str] = []
    for kill in (True, True, False):
        for number in range(MESSAGES // 3):
            sent.append(box.send(f"message {number}"))
            follower.read()
        eventually(lambda: len(follower.read()) > len(sent) // 2)
        if kill:
            assert box.gateway is not None
            box.gateway.kill()
            box.start_gateway()
    statuses = eventually(lambda: told_whole(box, sent, follower.read()), 40)
    assert len({event["id"] for event in follower.seen}) == len(follower.seen)
    assert statuses.count("delivered") > MESSAGES // 2


def told_whole(box: Box, sent: list[str], events: list[dict[str, Any]]) -> list[str] | None:
    """The statuses of the messages, once they all have ended and their events say so; a report may be lost in a kill."""
    of: dict[str, list[dict[str, Any]]] = {sms_id: [] for sms_id in sent}
    for event in events:
        of[event["data"]["sms_id"]].append(event)
    for each in of.values():
        assert [event["data"]["sequence"] for event in each] == list(range(1, len(each) + 1))
    told = {
        sms_id: [event["type"] for event in each if event["type"] != DOUBT] for sms_id, each in of.items()
    }
    statuses = {sms_id: box.status(sms_id)["status"] for sms_id in sent}
    whole = all(told[sms_id] == EVENTS.get(status) for sms_id, status in statuses.items())
    return list(statuses.values()) if whole else None
