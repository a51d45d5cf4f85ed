"""The pages of received texts: conversations, replies, search, and what a person of one company may see."""

from __future__ import annotations

import html
from itertools import count
from urllib.parse import quote

from tests.api.contract_client import Tenant, order, sim_of, tenant
from tests.conftest import Running, eventually
from tests.dashboard_visitor import Visitor, visitor

_numbers = count(1)

WICKED = '<script>alert(1)</script> "quoted" & <b>bold</b> \u202egnirts'


def number() -> str:
    """A number that no other test writes from."""
    return f"+2237655{next(_numbers):04d}"


def conversation(sender: str) -> str:
    return f"/inbox/conversation?number={quote(sender)}"


def receive(running: Running, owner: Tenant, port: int, sender: str, text: str) -> None:
    """A text comes in, and is there when this returns."""
    order(running, do="incoming", port=port, **{"from": sender}, text=text)
    eventually(lambda: [one for one in owner.client.get("/sms/inbox").data if one["message"] == text])


def test_a_text_is_read_and_answered_from_its_sim(running: Running) -> None:
    owner, sender = tenant(running), number()
    with sim_of(running, owner) as (sim_id, port):
        receive(running, owner, port, sender, WICKED)
        client = visitor(running, "company", owner.company)
        shown = html.escape(WICKED, quote=False).replace('"', "&#34;")
        listed = client.text("/inbox")
        assert (shown in listed, "1 unread" in listed, "<script>alert" in listed) == (True, True, False)
        page = client.text(conversation(sender))
        assert (shown in page, "<script>alert" in page) == (True, False)
        until = page.split('name="until" value="')[1].split('"')[0]
        client.post(f"/inbox/conversation/read?number={quote(sender)}", {"until": until})
        assert "1 unread" not in client.text("/inbox")
        reply = client.post(
            f"/inbox/conversation/reply?number={quote(sender)}", {"text": "Bien reçu\r\nMerci"}
        )
        assert reply.status_code == 200
        assert "Bien reçu\nMerci" in reply.text
        (message,) = owner.client.get(f"/sms/messages?recipient={quote(sender)}").data
        sim = next(one for one in running.cli("sim", "list") if one["id"] == sim_id)
        assert (message["message"], message["sim_number"]) == ("Bien reçu\nMerci", sim["number"])
        assert "You: Bien reçu" in client.text("/inbox")


def test_a_reply_that_is_refused_keeps_what_was_typed(running: Running) -> None:
    owner, sender = tenant(running), number()
    with sim_of(running, owner) as (_, port):
        receive(running, owner, port, sender, "Bonjour")
    client = visitor(running, "company", owner.company)
    blank = client.post(f"/inbox/conversation/reply?number={quote(sender)}", {"text": "\u200b" * 3})
    assert blank.status_code == 422
    assert "\u200b" * 3 + "</textarea>" in blank.text


def test_a_company_sees_its_own_conversations_only(running: Running) -> None:
    owner, other, sender = tenant(running), tenant(running), number()
    with sim_of(running, owner) as (_, port):
        receive(running, owner, port, sender, "Secret de la société")
    stranger = visitor(running, "company", other.company)
    for path in (conversation(sender), f"{conversation(sender)}&company={owner.company}"):
        assert stranger.get(path).status_code == 404
        assert stranger.get(path.replace("conversation?", "conversation/lines?")).status_code == 404
    for path in ("/inbox", f"/inbox?company={owner.company}", "/inbox?q=Secret", f"/inbox?q={quote(sender)}"):
        assert "Secret de la société" not in stranger.text(path)
    assert stranger.get("/inbox/unreadable").status_code == 403
    stranger.post(
        f"/inbox/conversation/read?number={quote(sender)}&company={owner.company}", {"until": 2**63 - 1}
    )
    everybody = visitor(running, "operator")
    assert "Secret de la société" in everybody.text(f"/inbox?company={owner.company}")
    assert "1 unread" in everybody.text(f"/inbox?company={owner.company}")
    assert "Unreadable texts" in everybody.text("/inbox/unreadable")


def test_texts_are_searched_by_words_and_by_number(running: Running) -> None:
    owner, sender = tenant(running), number()
    with sim_of(running, owner) as (_, port):
        receive(running, owner, port, sender, "Rendez-vous au marché de Médine")
    client = visitor(running, "company", owner.company)
    assert "marché de Médine" in client.text("/inbox?q=MARCH%C3%A9+de")
    assert "No text contains these words" in client.text("/inbox?q=100%25")
    found = client.get(f"/inbox?q={sender[4:]}")
    assert found.url.startswith(f"{client.url}/inbox/conversation?number=")
    assert client.get("/inbox?q=+&before=x").status_code == 200


def test_pages_take_any_address(running: Running) -> None:
    client: Visitor = visitor(running, "operator")
    for query in ("number=", "number=%00", "number=%ff", "number=x&texts=-1&messages=99999999999999999999"):
        assert client.get(f"/inbox/conversation?{query}").status_code == 404
    assert client.get("/inbox?company=99999999999999999999&before=0").status_code == 200
