"""The pages of companies, keys and webhooks: changes, roles, and the limits of a company's person."""

from __future__ import annotations

import html
import re

import pytest

from tests.conftest import Running
from tests.dashboard_visitor import Visitor, visitor

HOSTILE = "<script>alert(1)</script> \" ' <b>"


def added_company(client: Visitor, name: str, quota: str = "") -> int:
    answer = client.post("/companies", {"name": name, "quota": quota})
    found = re.fullmatch(r".*/companies/(\d+)", answer.url)
    assert found is not None, answer.text
    return int(found[1])


def test_a_company_is_added_and_changed(running: Running) -> None:
    client = visitor(running, "operator")
    company = added_company(client, HOSTILE, "1 000")
    page = client.text("/companies")
    assert html.escape(HOSTILE, quote=False)[:20] in page
    assert "<script>alert" not in page
    client.post(
        f"/companies/{company}",
        {"name": "Clinique", "quota": "", "opt_outs": "all", "window_from": "08:00", "window_until": "20:00"},
    )
    [kept] = [row for row in running.cli("company", "list") if row["id"] == company]
    assert (kept["name"], kept["active"], kept["quota"]) == ("Clinique", False, None)
    assert (kept["opt_outs"], kept["window"]) == ("all", "08:00-20:00")


def test_a_refused_company_form_keeps_what_was_typed(running: Running) -> None:
    client = visitor(running)
    answer = client.post("/companies", {"name": "Pharmacie", "quota": "many"})
    assert answer.status_code == 422
    assert "Monthly quota: this must be a whole number" in answer.text
    assert 'value="Pharmacie"' in answer.text
    company = added_company(client, "Pharmacie")
    answer = client.post(f"/companies/{company}", {"name": "P", "window_from": "08:00"})
    assert answer.status_code == 422
    assert "needs both hours" in answer.text
    assert client.get("/companies/999999999999").status_code == 404


def test_a_new_key_is_shown_once_and_works(running: Running) -> None:
    client = visitor(running)
    company = added_company(client, "Shop")
    made = client.post(
        "/keys", {"company": company, "service": "sms", "rights": ["webhooks"], "sandbox": "yes"}
    )
    assert made.headers["Cache-Control"] == "no-store"
    [key] = re.findall(r"<code>(gw_[\w-]+)</code>", made.text)
    again = client.get(made.url.removeprefix(client.url))
    assert key not in again.text
    assert len([row for row in running.cli("key", "list") if row["company"] == company]) == 1
    [row] = [row for row in running.cli("key", "list") if row["company"] == company]
    assert (row["rights"], row["sandbox"], row["active"]) == (["webhooks"], True, True)
    client.post(f"/keys/{row['id']}", {"active": "no"})
    [row] = [row for row in running.cli("key", "list") if row["company"] == company]
    assert row["active"] is False


def test_a_company_sees_only_its_own_keys_and_changes_none(running: Running) -> None:
    owner = visitor(running)
    company = added_company(owner, "Own")
    other = added_company(owner, "Other")
    for each in (company, other):
        owner.post("/keys", {"company": each, "service": "sms"})
    ids = {row["company"]: row["id"] for row in running.cli("key", "list")}
    client = visitor(running, "company", company)
    page = client.text("/keys")
    assert "Own" in page
    assert "Other" not in page
    assert client.get(f"/keys/{ids[company]}").status_code == 200
    assert client.get(f"/keys/{ids[other]}").status_code == 404
    assert client.get(f"/keys?company={other}").text.count("/keys/") == 0
    assert client.post(f"/keys/{ids[company]}", {"active": "no"}).status_code == 403
    assert client.post("/keys", {"company": company, "service": "sms"}).status_code == 403


@pytest.mark.parametrize(
    ("role", "paths"),
    [
        ("operator", ["/keys", "/keys/1"]),
        ("company", ["/companies", "/companies/1", "/webhooks", "/webhooks/1"]),
    ],
)
def test_other_roles_are_refused(running: Running, role: str, paths: list[str]) -> None:
    client = visitor(running, role, 1 if role == "company" else None)
    for path in paths:
        assert client.get(path).status_code == 403, path
        assert client.post(path).status_code == 403, path


def test_a_webhook_is_made_tested_rotated_paused_and_deleted(running: Running) -> None:
    client = visitor(running, "operator")
    company = added_company(client, "Hooks")
    refused = client.post("/webhooks", {"company": company, "url": "ftp://x"})
    assert refused.status_code == 422
    assert "must begin with http" in refused.text
    fields = {
        "company": company,
        "url": "http://receiver.invalid/events",  # a name that never exists (RFC 6761, 6.4)
        "description": HOSTILE,
        "types": ["message.failed"],
    }
    made = client.post("/webhooks", fields)
    assert "<script>alert" not in made.text
    [secret] = re.findall(r"<code>(whsec_[^<]+)</code>", made.text)
    path = made.url.removeprefix(client.url)
    assert html.unescape(secret) not in html.unescape(client.text(path))
    number = int(path.rpartition("/")[2])

    def state() -> dict[str, object]:
        return next(row for row in running.cli("webhook", "list") if row["id"] == number)

    assert state()["types"] == ["message.failed"]
    tested = client.post(f"{path}/test")
    assert 'class="notice error"' in tested.text
    rotated = client.post(f"{path}/rotate")
    [second] = re.findall(r"<code>(whsec_[^<]+)</code>", rotated.text)
    assert second != secret
    client.post(f"{path}/state", {"state": "disabled"})
    assert state()["state"] == "disabled"
    client.post(f"{path}/state", {"state": "ok"})
    assert state()["state"] == "ok"
    assert "nothing to send again" in client.post(f"{path}/replay", {"since": "", "only": "missing"}).text
    assert "must be a day" in client.post(f"{path}/replay", {"since": "soon"}).text
    client.post(path, {"url": "http://receiver.invalid/other", "description": ""})
    assert state()["url"] == "http://receiver.invalid/other"
    assert client.post(f"{path}/remove").url.endswith("/webhooks")
    assert client.get(path).status_code == 404
