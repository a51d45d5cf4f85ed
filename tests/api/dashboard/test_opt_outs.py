"""The pages of opt-outs: the list, the evidence, changes, and the file for a spreadsheet."""

from __future__ import annotations

import csv
import io

import pytest

from gatewayd.spreadsheets import csv_row
from tests.api.contract_client import order, sim_of, tenant
from tests.conftest import Running, eventually
from tests.dashboard_visitor import visitor


def test_a_number_is_opted_out_and_in_with_the_evidence(running: Running) -> None:
    owner = tenant(running)
    client = visitor(running, "company", owner.company)
    assert "Nobody has opted out yet" in client.text("/opt-outs")
    added = client.post("/opt-outs/add", {"recipient": "76 60 00 01", "reason": "<b>par téléphone</b>"})
    assert "+22376600001 gets no more campaigns" in added.text
    assert "&lt;b&gt;par téléphone" in added.text
    (record,) = owner.client.get("/sms/opt-outs").data
    assert (record["recipient"], record["source"]) == ("+22376600001", "dashboard")
    assert "The recipient must" in client.post("/opt-outs/add", {"recipient": "12"}).text
    assert "No opt-out fits" in client.text("/opt-outs?q=99")
    assert "+22376600001" in client.text("/opt-outs?q=7660")
    ended = client.post("/opt-outs/remove", {"recipient": "+22376600001"})
    assert "gets campaigns again" in ended.text
    assert owner.client.get("/sms/opt-outs").data == []
    assert "par téléphone" in client.text("/opt-outs?ended=")
    assert "has not opted out" in client.post("/opt-outs/remove", {"recipient": "+22376600001"}).text


def test_a_company_sees_and_changes_its_own_only(running: Running) -> None:
    owner, other = tenant(running), tenant(running)
    visitor(running, "company", owner.company).post("/opt-outs/add", {"recipient": "+22376600002"})
    stranger = visitor(running, "company", other.company)
    for path in (
        "/opt-outs",
        f"/opt-outs?company={owner.company}",
        "/opt-outs?ended=&q=7660",
        "/opt-outs.csv",
    ):
        assert "+22376600002" not in stranger.text(path)
    stranger.post("/opt-outs/remove", {"recipient": "+22376600002", "company": owner.company})
    stranger.post("/opt-outs/add", {"recipient": "+22376600003", "company": owner.company})
    assert [one["recipient"] for one in owner.client.get("/sms/opt-outs").data] == ["+22376600002"]


def test_the_file_holds_the_evidence_and_runs_nothing(running: Running) -> None:
    owner = tenant(running)
    client = visitor(running, "operator")
    with sim_of(running, owner) as (_, port):
        order(running, do="incoming", port=port, **{"from": "+22376600004"}, text="Arrêt.")
        eventually(lambda: owner.client.get("/sms/opt-outs").data)
    fields = {"recipient": "+22376600005", "company": owner.company, "reason": "=cmd|'/C calc'!A0"}
    client.post("/opt-outs/add", fields)
    answer = client.get(f"/opt-outs.csv?company={owner.company}")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="opt-outs.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [(row["recipient"], row["source"], row["text"]) for row in rows] == [
        ("+22376600004", "text", "Arrêt."),
        ("+22376600005", "dashboard", ""),
    ]
    assert rows[1]["reason"] == "'=cmd|'/C calc'!A0"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("+22376600004", "+22376600004"),
        ("-12.5", "-12.5"),
        ("+22376600004+cmd", "'+22376600004+cmd"),
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-2+3", "'-2+3"),
        ("\t=1", "'\t=1"),
        ("+1\n", '"\'+1\n"'),
        ("a;b", "a;b"),
        ('a,"b"', '"a,""b"""'),
        (None, ""),
        (-5, "-5"),
    ],
)
def test_a_cell_is_never_a_formula(value: object, cell: str) -> None:
    assert csv_row(["x", value]) == f"x,{cell}\n"
