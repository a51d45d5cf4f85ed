"""Messages, texts and lists are the same at every box."""

from __future__ import annotations

import pytest

from gatewayd.records import EventType
from gatewayd.store.tables import events
from tests.conftest import eventually
from tests.fleet.shared.running_boxes import RECIPIENT, Pair

pytestmark = pytest.mark.postgres


def test_a_message_is_accepted_at_one_box_and_sent_by_another(pair: Pair) -> None:
    sms_id = pair.sent("over there")
    assert pair.there.bank is not None
    assert [text.text for text in pair.there.bank.accepted()].count("over there") == 1
    assert pair.here.status(pair.key, sms_id)["status"] in ("sent", "delivered")
    eventually(lambda: pair.here.status(pair.key, sms_id)["status"] == "delivered")
    shown = pair.there.status(pair.key, sms_id)
    assert shown == pair.here.status(pair.key, sms_id)
    (attempt,) = shown["attempts"]
    assert attempt["outcome"] == "sent"


def test_lists_go_on_over_pages(pair: Pair) -> None:
    sent = [pair.sent(f"page {number}", reference="pages") for number in range(5)]
    found, cursor = list[str](), None
    while True:
        values = {"reference": "pages", "limit": 2} | ({} if cursor is None else {"cursor": cursor})
        page = pair.here.get("/sms/messages", pair.key, **values).json()
        found += [each["sms_id"] for each in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == sent[::-1]
    searched = pair.there.run("message.search", reference="pages")
    assert [each["sms_id"] for each in searched["messages"]] == found


def test_a_campaign_is_counted_over_all_boxes(pair: Pair) -> None:
    for number in range(2):
        pair.sent(f"campaign {number}", campaign_id=77)
    shown = pair.here.get("/sms/campaigns/77", pair.key).json()["data"]
    assert shown["total"] == 2
    assert pair.there.run("campaign.show", company=pair.company, campaign=77)["total"] == 2


def test_a_text_comes_in_at_one_box_and_is_read_at_another(pair: Pair) -> None:
    assert pair.there.bank is not None
    pair.there.bank.incoming(1, RECIPIENT, "good morning")

    def inbox(admin: str) -> list[dict[str, object]]:
        found: list[dict[str, object]] = pair.here.get("/sms/inbox", admin).json()["data"]
        return [each for each in found if each["message"] == "good morning"]

    admin = pair.here.run("key.add", company=pair.company, admin=True)["key"]
    (text,) = eventually(lambda: inbox(admin))
    assert text["sender"] == RECIPIENT
    answer = pair.here.patch(f"/sms/inbox/{text['id']}", admin, {"read": True})
    assert answer.status_code == 200, answer.text
    pair.there.knows(admin)
    (shown,) = [
        each
        for each in pair.there.get("/sms/inbox", admin).json()["data"]
        if each["message"] == "good morning"
    ]
    assert shown["read"] is True
    listed = pair.there.run("inbox.list", sender=RECIPIENT)
    assert "good morning" in [each["message"] for each in listed]


def test_a_word_opts_out_once_for_all_boxes(pair: Pair) -> None:
    assert pair.there.bank is not None
    number = "+22370000011"
    company, key = pair.boxes.company(pair.here)
    sim = pair.here.get("/sms/sims/available", key).json()["data"]["available_sims"][1]
    pair.here.run("sim.set", sim=sim["id"], changes={"company_id": company})
    try:
        pair.there.bank.incoming(sim["port"], number, "STOP")
        eventually(lambda: pair.here.get("/sms/opt-outs", key).json()["data"])
        for box in (pair.here, pair.there):
            (out,) = box.get("/sms/opt-outs", key).json()["data"]
            assert (out["recipient"], out["source"]) == (number, "text")
            refused = box.send(key, "an advertisement", recipient=number, priority="bulk")
            assert refused.json()["error"] == "opted_out"
        assert pair.boxes.one("SELECT count(*) FROM opt_outs WHERE recipient = ?", number) == 1
    finally:
        pair.here.run("sim.set", sim=sim["id"], changes={"company_id": None})


def test_sims_are_listed_with_their_box(pair: Pair) -> None:
    for box in (pair.here, pair.there):
        listed = box.get("/sms/sims/available", pair.key).json()["data"]["available_sims"]
        assert [(each["box"], each["can_send_sms"]) for each in listed] == [("there", True), ("there", True)]


def test_settings_of_a_sim_are_changed_from_another_box(pair: Pair) -> None:
    sim = pair.here.run("sim.list")[0]["id"]
    pair.here.run("sim.set", sim=sim, changes={"cost": 25.0, "name": "Bamako"})

    def copied() -> bool:
        with pair.there.daemon.admin.store.readers.lend() as db:
            row = db.execute("SELECT name, cost, box FROM sims WHERE id = ?", (sim,)).fetchone()
        return tuple(row) == ("Bamako", 25.0, None)

    eventually(copied)
    sms_id = pair.sent("with a price", sim_number_id=sim)
    assert pair.there.status(pair.key, sms_id)["cost"] == 25.0


def test_events_are_read_at_any_box_with_the_same_cursor(pair: Pair) -> None:
    company, key = pair.boxes.company(pair.here)
    assert company
    began = pair.here.get("/events", key, limit=1000).json()
    sms_id = pair.here.accepted(key, "an event", wait_s=30)["sms_id"]
    eventually(lambda: pair.here.status(key, sms_id)["status"] == "delivered")
    seen = [box.get("/events", key, after=began["next_cursor"]).json() for box in (pair.here, pair.there)]
    assert seen[0] == seen[1]
    assert [each["type"] for each in seen[0]["data"]] == ["message.sent", "message.delivered"]
    assert seen[0]["reset"] is False
    more = pair.there.get("/events", key, after=seen[0]["next_cursor"]).json()
    assert (more["data"], more["reset"]) == ([], False)


def test_quota_and_statement_count_all_boxes(pair: Pair) -> None:
    company, key = pair.boxes.company(pair.here, quota=10)
    for box in (pair.here, pair.there):
        assert box.send(key, "counted", wait_s=30).status_code == 200
    for box in (pair.here, pair.there):
        quota = box.get("/sms/quota", key).json()["data"]
        assert (quota["sent_this_month"], quota["remaining"]) == (2, 8)
    statement = pair.there.run("company.statement", company=company)
    assert statement["company"] == company


def test_the_same_idempotency_key_at_two_boxes_is_one_message(pair: Pair) -> None:
    first = pair.here.post(
        "/sms/send",
        pair.key,
        {"recipient": RECIPIENT, "message": "once"},
        Idempotency_Key="the-same",
        Prefer="wait=30",
    )
    second = pair.there.post(
        "/sms/send",
        pair.key,
        {"recipient": RECIPIENT, "message": "once"},
        Idempotency_Key="the-same",
        Prefer="wait=30",
    )
    assert first.status_code == 200, first.text
    assert first.json()["data"]["sms_id"] == second.json()["data"]["sms_id"]
    assert second.headers["Idempotent-Replayed"] == "true"


def test_previews_and_plans_know_the_sims_of_other_boxes(pair: Pair) -> None:
    preview = pair.here.post("/sms/preview", pair.key, {"recipient": RECIPIENT, "message": "x"}).json()[
        "data"
    ]
    assert preview["sim"] is not None
    plan = pair.here.run(
        "message.plan", recipients=f"{RECIPIENT}\n+22370000001", text="x", company=pair.company
    )
    assert plan["without_sim"] == 0
    assert sum(each["messages"] for each in plan["sims"]) == 2


def test_events_of_a_box_are_read_at_another_one(pair: Pair) -> None:
    admin = pair.here.run("key.add", company=pair.company, admin=True)["key"]
    pair.here.knows(admin)
    cursor = pair.here.get("/events", admin, limit=1000).json()["next_cursor"]
    data = {"port": 1, "device": "/dev/ttyUSB0", "state": "absent", "detail": "gone"}
    pair.there.daemon.admin.store.write(lambda db: events.write(db, EventType.PORT_DOWN, None, 1, data=data))

    def told() -> list[dict[str, object]]:
        found: list[dict[str, object]] = pair.here.get(
            "/events", admin, after=cursor, types="port.down"
        ).json()["data"]
        return found

    (event,) = eventually(told)
    assert event["data"] == {"box": "there", **data}
    assert pair.boxes.one("SELECT count(*) FROM events WHERE type = 20") == 1
