"""Campaigns: counted and cancelled as a whole, each company its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gatewayd.messages import campaigns
from gatewayd.records import Caller, Draft, Options, Status
from gatewayd.store.tables import accounts, queue_counts
from gatewayd.store.tables import campaigns as table
from modem.parts import Submitted
from tests.api.contract_client import TEXT, Client, in_s, tenant
from tests.conftest import Running
from tests.gatewayd.played_ports import RECIPIENT, PlayedGateway

CAMPAIGN = 71


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path)
    played.up(1, "8922301000000000001")
    yield played
    played.close()


def test_the_messages_of_a_campaign_are_counted(running: Running) -> None:
    owner = tenant(running).client
    texts = [TEXT, TEXT | {"message": "é" * 200}]
    ids = [result["sms_id"] for result in owner.bulk(texts, campaign_id=CAMPAIGN).content["results"]]
    for sms_id in ids:
        owner.await_status(sms_id, "delivered")
    shown = owner.get(f"/sms/campaigns/{CAMPAIGN}").data
    assert shown == {
        "campaign_id": CAMPAIGN,
        "total": 2,
        "pending": 0,
        "sent": 0,
        "delivered": 2,
        "failed": 0,
        "cancelled": 0,
        "parts": 3,
        "cost": sum(owner.status(sms_id)["cost"] for sms_id in ids),
        "first_at": owner.status(ids[0])["created_at"],
        "last_at": owner.status(ids[-1])["created_at"],
    }


def test_a_campaign_is_cancelled_with_its_scheduled_messages(running: Running, client: Client) -> None:
    owner = tenant(running, quota=10)
    sent = owner.client.send(campaign_id=CAMPAIGN).data["sms_id"]
    owner.client.await_status(sent, "delivered")
    later: dict[str, Any] = {"campaign_id": CAMPAIGN, "send_at": in_s(86400)}
    ids = [result["sms_id"] for result in owner.client.bulk([TEXT] * 3, **later).content["results"]]
    client.send(campaign_id=CAMPAIGN)
    assert owner.client.get("/sms/quota").data["remaining"] == 6
    reply = owner.client.post(f"/sms/campaigns/{CAMPAIGN}/cancel")
    assert reply.data == {"cancelled": 3, "complete": True}
    assert {owner.client.status(sms_id)["status"] for sms_id in ids} == {"cancelled"}
    assert owner.client.get("/sms/quota").data["remaining"] == 9
    assert owner.client.post(f"/sms/campaigns/{CAMPAIGN}/cancel").data["cancelled"] == 0
    assert owner.client.get(f"/sms/campaigns/{CAMPAIGN}").data["cancelled"] == 3


def test_an_unknown_campaign_and_that_of_another_company_are_not_found(
    running: Running, client: Client
) -> None:
    owner = tenant(running).client
    owner.send(campaign_id=72)
    for path in ("72", "404404", "x", "1e3", "99999999999999999999", "%00"):
        client.get(f"/sms/campaigns/{path}").refused(404, "not_found")
        client.post(f"/sms/campaigns/{path}/cancel").refused(404, "not_found")


def test_the_command_shows_and_cancels_a_campaign(running: Running) -> None:
    owner = tenant(running)
    owner.client.bulk([TEXT] * 2, campaign_id=-5, send_at=in_s(86400))
    which = ("--company", str(owner.company), "--", "-5")
    done = running.cli_raw("campaign", "show", "--json", *which)
    assert '"pending": 2' in done.stdout, done
    assert '"cancelled": 2' in running.cli_raw("campaign", "cancel", "--json", *which).stdout
    failed = running.cli_raw("campaign", "show", "--company", "1", "404404")
    assert failed.returncode == 1
    assert "company 1 has no campaign 404404" in failed.stderr


def submit(played: PlayedGateway, count: int, company: int | None = None, campaign: int = CAMPAIGN) -> None:
    caller = Caller(0, company or played.company, admin=False)
    drafts = [Draft(RECIPIENT, f"{n}") for n in range(count)]
    played.gateway.submit_bulk(caller, drafts, Options(campaign_id=campaign), None)


def test_what_a_modem_has_is_not_cancelled_and_other_campaigns_go_on(
    played: PlayedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaigns, "_AT_ONCE", 4)
    other = played.store.write(lambda db: accounts.add_company(db, "Other", None, 0))
    submit(played, 11)
    submit(played, 1, other)
    submit(played, 1, campaign=CAMPAIGN + 1)
    in_the_air = played.claim(1)
    done = played.gateway.campaigns.cancel(played.caller, CAMPAIGN)
    assert (done.cancelled, done.complete) == (10, True)
    assert sum(played.store.write(queue_counts.waiting).values()) == 2
    played.settle(1, in_the_air, Submitted(1))
    shown = played.gateway.campaigns.show(played.caller, CAMPAIGN)
    assert (shown.counts[Status.SENT], shown.counts[Status.CANCELLED], shown.total) == (1, 10, 11)
    assert played.row("SELECT sum(taken) FROM sim_usage")[0] == 3


def test_a_cancellation_ends_after_a_bounded_time_and_goes_on_with_the_next(
    played: PlayedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaigns, "_AT_ONCE", 3)
    submit(played, 10)
    first = played.claim(1)
    with monkeypatch.context() as short:
        short.setattr(campaigns, "_LONGEST_S", -1.0)
        done = played.gateway.campaigns.cancel(played.caller, CAMPAIGN)
    assert (done.cancelled, done.complete) == (2, False)
    done = played.gateway.campaigns.cancel(played.caller, CAMPAIGN)
    assert (done.cancelled, done.complete) == (7, True)
    assert played.view(sms_id_of(played, first.message_id)).status is Status.PENDING


def sms_id_of(played: PlayedGateway, message_id: int) -> str:
    sms_id: str = played.row("SELECT sms_id FROM messages WHERE id = ?", message_id)[0]
    return sms_id


def test_a_large_campaign_is_read_in_several_windows(
    played: PlayedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    for count in (3, 4):
        submit(played, count)
        submit(played, 2, campaign=CAMPAIGN + 1)
    original = table.window_end
    monkeypatch.setattr(table, "window_end", lambda db, which, after: original(db, which, after, 2))
    assert played.gateway.campaigns.show(played.caller, CAMPAIGN).total == 7
    assert played.gateway.campaigns.cancel(played.caller, CAMPAIGN).cancelled == 7
