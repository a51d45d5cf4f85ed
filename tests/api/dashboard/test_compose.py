"""A new message: its preview, the confirmation, the sending that happens once, and the lists that people paste."""

from __future__ import annotations

import html
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.api.contract_client import in_s, tenant
from tests.conftest import Running
from tests.dashboard_visitor import Visitor, visitor

TABLE = 'Prénom;Numéro\r\nAwa;70 99 10 01\r\n"Moussa; fils";70991002\r\nFaux;12\r\nAwa;+22370991001\r\n'


def confirmed(client: Visitor, fields: dict[str, object]) -> tuple[str, dict[str, object]]:
    """The confirmation of a form: its page, and the fields that its button sends."""
    answer = client.post("/compose", {**fields, "step": "confirm"})
    assert answer.status_code == 200, answer.text
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', answer.text))
    texts = re.findall(r'<textarea name="(\w+)" hidden>\n(.*?)</textarea>', answer.text, re.DOTALL)
    values = {name: html.unescape(value) for name, value in (*hidden.items(), *texts)}
    values.pop("csrf")
    return answer.text, {**values, "step": "send"}


def words(page: str) -> str:
    """The words of a page with single blanks."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def test_a_table_becomes_one_campaign_that_is_sent_once(running: Running) -> None:
    owner = tenant(running)
    owner.client.post("/sms/opt-outs", {"recipient": "70991003"})
    client = visitor(running)
    fields: dict[str, object] = {
        "company": owner.company,
        "recipients": TABLE + "Zo;70991003\r\n",
        "text": "Cher {prenom}",
        "priority": "bulk",
    }
    page, values = confirmed(client, fields)
    told = words(page)
    for expected in (
        "2 messages",
        "Cher Moussa; fils",
        "1 row cannot be sent",
        "the same number as in line 2",
    ):
        assert expected in told
    assert "1 number has opted out +22370991003" in told
    with ThreadPoolExecutor(3) as pool:  # a person presses the button three times
        answers = list(pool.map(lambda _: client.post("/compose", values), range(3)))
    address = f"/campaigns/{owner.company}/{values['campaign']}"
    assert [answer.url.removeprefix(client.url) for answer in answers] == [address] * 3
    assert "2 messages are accepted." in client.post("/compose", values).text
    listed = owner.client.get(f"/sms/messages?campaign_id={values['campaign']}").data
    assert sorted(one["message"] for one in listed) == ["Cher Awa", "Cher Moussa; fils"]
    changed = client.post("/compose", {**values, "text": "another"})
    assert (changed.status_code, "sent before with another content" in changed.text) == (422, True)


def test_one_message_is_sent_later_and_again(running: Running) -> None:
    owner = tenant(running)
    client = visitor(running, "company", owner.company)
    local = in_s(7200)[:16]
    fields: dict[str, object] = {
        "recipients": "70991010",
        "text": "l1\r\nl2",
        "send_at": local,
        "reference": "r9",
    }
    _, values = confirmed(client, {**fields, "priority": "otp", "company": 1, "transactional": "1"})
    answer = client.post("/compose", values)
    assert "passes them" not in answer.text  # no person of a company may write to those who opted out
    sms_id = answer.url.rpartition("/")[2]
    shown = owner.client.status(sms_id)
    assert (shown["status"], shown["message"], shown["reference"]) == ("pending", "l1\nl2", "r9")
    client.post(f"/messages/{sms_id}/cancel")
    again = client.text(f"/compose?again={sms_id}")
    assert 'value="r9"' in again
    assert "+22370991010" in again
    assert "transactional" not in again


def test_a_form_with_faults_keeps_what_was_typed(running: Running) -> None:
    client = visitor(running)
    fields = {
        "recipients": "",
        "text": "<b>kept</b>",
        "campaign": "x",
        "send_at": "2001-01-01T10:00",
        "priority": "?",
    }
    answer = client.post("/compose", {**fields, "step": "confirm"})
    assert answer.status_code == 422
    for expected in ("Write at least one number.", "whole number", "in the past", "&lt;b&gt;kept&lt;/b&gt;"):
        assert expected in answer.text
    for wrong in (
        {"recipients": "nom\nAwa"},
        {"recipients": "numero;a\n70991001;x", "text": "{b}"},
        {"sim": "999999"},
    ):
        sent = {"recipients": "70991001", "text": "x", "priority": "normal", **wrong}
        assert client.post("/compose", {**sent, "step": "confirm"}).status_code == 422
    unknown = client.post(
        "/compose", {"recipients": "12", "text": "x", "priority": "normal", "step": "confirm"}
    )
    assert "No recipient can get this message." in unknown.text
    assert 'value="send"' not in unknown.text


def test_a_quota_that_is_too_small_is_told_before_anything_is_sent(running: Running) -> None:
    owner = tenant(running, quota=1)
    client = visitor(running)
    fields: dict[str, object] = {
        "company": owner.company,
        "recipients": "70991001,70991002",
        "text": "x",
        "priority": "bulk",
    }
    page, values = confirmed(client, fields)
    assert "quota of the company is too small" in page
    assert 'value="send"' not in page
    refused = client.post("/compose", values)
    assert refused.status_code == 422
    assert "2 messages are asked for, and 1 are left" in refused.text


def test_an_old_confirmation_is_checked_once_more(running: Running) -> None:
    client = visitor(running)
    _, values = confirmed(client, {"recipients": "70991001", "text": "x", "priority": "normal"})
    for key in ("1-0123456789abcdef0123", "", "x"):
        answer = client.post("/compose", {**values, "key": key})
        assert (answer.status_code, "too old" in answer.text) == (422, True)


def test_the_preview_tells_parts_cost_and_the_cheaper_text(running: Running) -> None:
    client = visitor(running)
    fields = {
        "recipients": "numero;nom\n70991001;Awa",
        "text": "L’équipe de {nom} {ville}",
        "priority": "normal",
    }
    shown = words(client.post("/compose/preview", fields).text)
    for expected in ("L’équipe de Awa {ville}", "Unicode", "’ → '", "The table has no such column: {ville}"):
        assert expected in shown
    longer = {**fields, "text": "L’équipe " + "x" * 70, "step": "cheaper"}
    assert "With ordinary characters it takes 1 instead of 2" in words(
        client.post("/compose/preview", longer).text
    )
    assert "L&#39;équipe x" in client.post("/compose", longer).text
    assert "at most 1600" in client.post("/compose/preview", {"text": "x" * 1601}).text
    assert "Write a text" in client.post("/compose/preview", {}).text


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_a_file_of_a_spreadsheet_is_taken(running: Running, encoding: str) -> None:
    client = visitor(running)
    answer = client.session.post(
        client.url + "/compose",
        data={"csrf": client.csrf(), "text": "Cher {PRÉNOM}", "priority": "bulk", "step": "confirm"},
        files={"file": ("liste.csv", TABLE.encode(encoding), "text/csv")},
        headers={"Origin": client.url},
        timeout=60,
    )
    assert "Cher Moussa; fils" in answer.text


def test_ten_thousand_recipients_are_planned(running: Running) -> None:
    client = visitor(running)
    numbers = "\n".join(f"7{n:07d}" for n in range(10_000))
    page, _ = confirmed(client, {"recipients": numbers, "text": "Bonjour", "priority": "bulk"})
    assert "10\u202f000" in page or "10000 messages" in page
