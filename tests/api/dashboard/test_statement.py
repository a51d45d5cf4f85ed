"""The statement of a company: page, CSV and command, and the limits of a company's person."""

from __future__ import annotations

import csv
import io

import pytest
import requests

from gatewayd.accounts.statements import as_csv
from tests.conftest import Running, eventually
from tests.dashboard_visitor import visitor

FIGURES = {
    "accepted": 3,
    "messages": 2,
    "delivered": 1,
    "undelivered": 1,
    "unbilled": 1,
    "cancelled": 0,
    "parts": 3,
    "cost": 0.15,
}


def document(name: str) -> dict[str, object]:
    return {
        "company": 1,
        "name": name,
        "month": "2026-11",
        "months": ["2026-11"],
        "total": FIGURES,
        "sims": [{"sim": 2, "name": name, **FIGURES}],
        "campaigns": [{"campaign": 7, **FIGURES}, {"campaign": None, **FIGURES}],
    }


@pytest.mark.parametrize(("language", "separator", "cost"), [("fr", ";", "0,15"), ("en", ",", "0.15")])
def test_the_csv_opens_in_the_spreadsheet_of_the_language(language: str, separator: str, cost: str) -> None:
    text = as_csv(document('Café "du"; marché, Kayes'), language)
    assert text.startswith("\ufeff")
    rows = list(csv.reader(io.StringIO(text[1:]), delimiter=separator))
    assert {len(row) for row in rows} == {12}
    assert rows[1][0] == 'Café "du"; marché, Kayes'
    assert [row[-1] for row in rows[1:]] == [cost] * 4
    assert [row[3] for row in rows[1:]] == ["", "2", "7", ""]


@pytest.mark.parametrize("name", ["=1+1", "+22370", "-2", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_name_is_never_a_formula(name: str) -> None:
    rows = list(csv.reader(io.StringIO(as_csv(document(name), "en")[1:], newline="")))
    assert rows[1][0] == f"'{name}"
    assert rows[2][4] == f"'{name}"


def test_a_company_reads_its_own_statement(running: Running) -> None:
    company = running.cli("company", "add", "<b>Relevé</b>")["id"]
    key = running.cli("key", "add", "--company", company)["key"]
    for number in range(2):
        sent = requests.post(
            f"{running.url}/sms/send",
            json={"recipient": f"+2237012345{number}", "message": "Bonjour", "campaign_id": 31},
            headers={"X-API-Key": key, "Prefer": "wait=30"},
            timeout=60,
        )
        assert sent.status_code == 200, sent.text
    found = eventually(
        lambda: (
            (each := running.cli("company", "statement", company)) and each["total"]["messages"] == 2 and each
        )
    )
    assert [(each["campaign"], each["parts"]) for each in found["campaigns"]] == [(31, 2)]
    assert sum(each["messages"] for each in found["sims"]) == 2

    client = visitor(running, "company", company, language="fr")
    page = client.text("/statement")
    assert "&lt;b&gt;Relevé&lt;/b&gt;" in page
    assert "Campagne 31" in page
    table = client.get(f"/statement.csv?month={found['month']}")
    assert table.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "Campagne;31;" in table.content.decode("utf-8-sig")
    for path in ("/statement", "/statement.csv"):
        assert client.get(f"{path}?company=1").status_code == 404
        assert visitor(running).get(f"{path}?company=1").status_code == 200
        assert visitor(running).get(f"{path}?company=99999999999999999999").status_code == 404


def test_the_command_prints_tables_and_csv(running: Running) -> None:
    shown = running.cli_raw("company", "statement", 1)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("Demo, 20")
    assert max(map(len, shown.stdout.splitlines())) <= 80
    written = running.cli_raw("company", "statement", 1, "2026-01", "--csv")
    assert written.stdout.startswith("\ufeffCompany,Month,")
    assert "\nDemo,2026-01,Total," in written.stdout  # the text mode of the test takes \r\n for \n
    assert running.cli_raw("company", "statement", 1, "--csv", "--json").returncode == 2
    assert running.cli_raw("company", "statement", 999).returncode == 1
    wrong = running.cli_raw("company", "statement", 1, "2026-13")
    assert wrong.returncode == 2
    assert "Traceback" not in wrong.stderr
