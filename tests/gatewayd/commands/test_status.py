"""`gatewayd status` shows companies, the process and the database."""

from __future__ import annotations

from tests.conftest import Running


def test_status_shows_quota_process_and_disk(running: Running) -> None:
    company = running.cli("company", "add", "Pharmacie du Fleuve", "--quota", 500)["id"]
    told = running.cli("status")
    assert [each["quota"] for each in told["companies"] if each["id"] == company] == [500]
    assert told["process"] == running.process.pid
    shown = running.cli_raw("status").stdout
    assert f"(process {running.process.pid}) runs for " in shown
    assert " MiB are free; the database has " in shown
    assert "Quota of Pharmacie du Fleuve: 0 of 500 used this month." in shown
