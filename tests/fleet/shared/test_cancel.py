"""Cancels at one box of messages that another one may be sending."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import eventually
from tests.fleet.shared.running_boxes import RECIPIENT, Pair

pytestmark = pytest.mark.postgres


def test_a_message_is_cancelled_or_sent_and_never_both(pair: Pair) -> None:
    assert pair.there.bank is not None
    answer = pair.there.post(
        "/sms/send-bulk",
        pair.key,
        {"messages": [{"recipient": RECIPIENT, "message": f"race {number}"} for number in range(100)]},
    )
    assert answer.status_code == 200, answer.text
    listed = pair.here.get("/sms/messages", pair.key, limit=100).json()["data"]  # the newest first
    ids = {each["sms_id"]: each["message"] for each in listed}
    assert len(ids) == 100

    def cancel(sms_id: str) -> int:
        return pair.here.post(f"/sms/cancel/{sms_id}", pair.key).status_code

    with ThreadPoolExecutor(4) as pool:
        codes = dict(zip(ids, pool.map(cancel, ids), strict=True))
    assert set(codes.values()) <= {200, 409}
    assert 200 in codes.values()
    eventually(
        lambda: pair.boxes.one("SELECT count(*) FROM messages WHERE status = 'pending' AND sandbox = 0") == 0
    )
    texts = [text.text for text in pair.there.bank.accepted()]
    for sms_id, text in ids.items():
        cancelled = codes[sms_id] == 200
        assert texts.count(text) == (0 if cancelled else 1), (text, codes[sms_id])
        assert (pair.here.status(pair.key, sms_id)["status"] == "cancelled") == cancelled


def test_a_message_that_was_sent_cannot_be_cancelled_anywhere(pair: Pair) -> None:
    sms_id = pair.sent("too late")
    for box in (pair.here, pair.there):
        assert box.post(f"/sms/cancel/{sms_id}", pair.key).status_code == 409


def test_a_scheduled_message_and_a_campaign_are_cancelled_at_another_box(pair: Pair) -> None:
    one = pair.here.accepted(pair.key, "next year", send_at="2027-01-01T00:00:00Z")["sms_id"]
    assert pair.there.post(f"/sms/cancel/{one}", pair.key).status_code == 200
    assert pair.here.status(pair.key, one)["status"] == "cancelled"
    for number in range(3):
        pair.here.send(pair.key, f"next year {number}", send_at="2027-01-01T00:00:00Z", campaign_id=5)
    done = pair.there.post("/sms/campaigns/5/cancel", pair.key).json()["data"]
    assert done["cancelled"] == 3
    assert pair.here.run("campaign.show", company=pair.company, campaign=5)["cancelled"] == 3
    assert pair.boxes.one("SELECT count(*) FROM events WHERE type = 4") >= 4


def test_the_quota_is_given_back_once(pair: Pair) -> None:
    company, key = pair.boxes.company(pair.here, quota=3)
    assert company
    pair.here.knows(key)
    pair.there.knows(key)
    sms_id = pair.here.accepted(key, "later", send_at="2027-01-01T00:00:00Z")["sms_id"]
    with ThreadPoolExecutor(6) as pool:
        codes = list(
            pool.map(
                lambda box: box.post(f"/sms/cancel/{sms_id}", key).status_code, [pair.here, pair.there] * 3
            )
        )
    assert sorted(codes) == [200, 409, 409, 409, 409, 409]
    assert pair.here.get("/sms/quota", key).json()["data"]["remaining"] == 3
