"""The pages of SIM cards: settings, the USSD console and its learning, the loop test."""

from __future__ import annotations

import html
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.api.contract_client import order, sim_of, tenant
from tests.conftest import Running, eventually
from tests.dashboard_visitor import Visitor, visitor


@contextmanager
def a_sim(running: Running) -> Iterator[tuple[int, int]]:
    """A SIM of a company of its own; its id and port. Afterwards it has no settings."""
    with sim_of(running, tenant(running)) as (sim_id, port):
        try:
            yield sim_id, port
        finally:
            running.cli("sim", "set", sim_id, "--name", "none", "--holder", "", "--registered", "", "--cost", "0",
                        "--reset-hour", "0", "--renew-code", "none")  # fmt: skip


def fields(client: Visitor, sim_id: int) -> dict[str, str]:
    """The fields of the form of a SIM as its page shows them, without the check boxes."""
    form = client.text(f"/sims/{sim_id}").split(f'action="/sims/{sim_id}"')[1].split("</form>")[0]
    found = {}
    for part in form.split("<input ")[1:]:
        tag = part.split(">")[0]
        if 'type="checkbox"' not in tag and 'type="hidden"' not in tag:
            found[tag.split('name="')[1].split('"')[0]] = html.unescape(tag.split('value="')[1].split('"')[0])
    chosen = form.split('<select id="company"')[1].split("</select>")[0].split(" selected")[0]
    found["company"] = chosen.rsplit('value="', 1)[1].split('"')[0]
    return found


def test_a_sim_is_listed_and_its_settings_are_changed(running: Running) -> None:
    client = visitor(running, "operator")
    with a_sim(running) as (sim_id, _):
        assert f'href="/sims/{sim_id}"' in client.text("/sims")
        before = running.cli("sim", "show", sim_id)
        unchanged = client.post(f"/sims/{sim_id}", {**fields(client, sim_id), "enabled": "on"})
        assert "Nothing changed" in unchanged.text
        assert running.cli("sim", "show", sim_id) == before
        changes = {
            "name": "<i>Puce</i> du bureau",
            "daily_limit": "2 000",
            "cost": "12,5",
            "reset_hour": "6",
            "holder": "Sahel Négoce SARL",
            "registered_on": "2026-11-02",
            "renew_code": "*100# 2 1",
        }
        client.post(
            f"/sims/{sim_id}", {**fields(client, sim_id), **changes, "enabled": "on", "default": "on"}
        )
        after = running.cli("sim", "show", sim_id)
        assert {**before, **after} == {
            **before,
            **{name: changes[name] for name in ("name", "holder", "registered_on", "renew_code")},
            "daily_limit": 2000,
            "cost": 12.5,
            "reset_hour": 6,
            "default": True,
            "left": after["left"],
        }
        page = client.text(f"/sims/{sim_id}")
        assert ("&lt;i&gt;Puce&lt;/i&gt;" in page, "<i>Puce" in page, "<meter" in page) == (True, False, True)
        client.post(f"/sims/{sim_id}", {**fields(client, sim_id), "daily_limit": ""})
        off = running.cli("sim", "show", sim_id)
        assert (off["enabled"], off["daily_limit"], off["name"]) == (False, None, changes["name"])
        assert "disabled" in client.text(f"/sims/{sim_id}")


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("daily_limit", "many", "“Messages a day” must be a whole number"),
        ("cost", "-1", "must be a number"),
        ("reset_hour", "24", "reset_hour must be 0 to 23"),
        ("number", "12", "a number is written with +"),
        ("registered_on", "soon", "must be a date"),
        ("company", "999999", "there is no company 999999"),
        ("renew_code", "é", "must be a USSD code"),
    ],
)
def test_a_setting_that_is_wrong_is_refused_with_what_was_typed(
    running: Running, field: str, value: str, reason: str
) -> None:
    client = visitor(running, "operator")
    sim_id = running.cli("sim", "list")[0]["id"]
    before = running.cli("sim", "show", sim_id)
    answer = client.post(f"/sims/{sim_id}", {**fields(client, sim_id), "enabled": "on", field: value})
    assert (answer.status_code, reason in html.unescape(answer.text)) == (422, True)
    if field != "company":
        assert f'value="{value}"' in html.unescape(answer.text)
    assert running.cli("sim", "show", sim_id) == before


def test_a_person_of_a_company_has_no_sims(running: Running) -> None:
    client = visitor(running, "company", tenant(running).company)
    sim_id = running.cli("sim", "list")[0]["id"]
    for path in ("/sims", f"/sims/{sim_id}", f"/sims/{sim_id}/ussd", "/sims/loop-test"):
        assert client.get(path).status_code == 403
    for path in (f"/sims/{sim_id}", f"/sims/{sim_id}/clear", f"/sims/{sim_id}/ussd", f"/sims/{sim_id}/ussd/keep",
                 f"/sims/{sim_id}/ussd/forget", "/sims/loop-test"):  # fmt: skip
        assert client.post(path).status_code == 403
    assert visitor(running, "operator").get("/sims/999999").status_code == 404


def test_the_console_sends_codes_and_learns_to_read_the_balance(running: Running) -> None:
    order(running, do="ussd", code="#737#", answer="Cher <client>, votre solde est de 4 250 FCFA.")
    client = visitor(running, "operator")
    with a_sim(running) as (sim_id, _):
        path = f"/sims/{sim_id}/ussd"
        whole = client.post(path, {"code": "#737#"}).text
        assert '<a href="/sims" aria-current="page">' in whole
        assert "Cher &lt;client&gt;, votre solde est de 4 250 FCFA." in whole
        part = client.post(path, {"code": "#737#", "learn": "1"}, headers={"HX-Request": "true"}).text
        assert (part.lstrip().startswith("<article"), "4\u202f250" in part) == (True, True)
        pattern = html.unescape(part.split('name="pattern" value="')[1].split('"')[0])
        kept = client.post(f"{path}/keep", {"code": "#737#", "pattern": pattern, "for": "sim"}).text
        assert "The balance is read in this way from now on" in kept
        assert running.cli("sim", "show", sim_id)["balance"] == 4250
        learned = kept.split('name="learned" value="')[1].split('"')[0]
        assert "no longer read in this way" in client.post(f"{path}/forget", {"learned": learned}).text
        wrong = client.post(path, {"code": "é"})
        assert (wrong.status_code, "code must be 1 to" in wrong.text) == (409, True)
        empty = client.post(path, {"code": " "}, headers={"HX-Request": "true"})
        assert (empty.status_code, "there is no code to send" in empty.text) == (200, True)


def test_codes_do_not_enter_the_audit_log(running: Running) -> None:
    client = visitor(running, "operator")
    sim_id = running.cli("sim", "list")[0]["id"]
    client.post(f"/sims/{sim_id}/ussd", {"code": "*144*4*7391#"})
    with closing(sqlite3.connect(f"file:{running.settings.store.path}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT details FROM audit_log WHERE action = 'ussd'").fetchall()
    details = [json.loads(row[0]) for row in rows]
    assert any(row.get("codes") == "…" for row in details)
    assert not any("7391" in json.dumps(row) for row in details)


def test_a_loop_test_is_started_and_its_results_are_shown(running: Running) -> None:
    client = visitor(running, "operator")
    source, target = [one["id"] for one in running.cli("sim", "list") if one["number"]][:2]
    eventually(lambda: "A test is running" not in client.text("/sims/loop-test"))
    started = client.post("/sims/loop-test", {"source": source, "target": target})
    assert "The texts are on their way" in started.text
    eventually(lambda: "A test is running" not in client.text("/sims/loop-test"))
    assert "arrived" in client.text("/sims/loop-test")
    wrong = client.post("/sims/loop-test", {"source": "999999"}).text
    assert "There is no SIM in service and up at SIM 999999" in wrong
