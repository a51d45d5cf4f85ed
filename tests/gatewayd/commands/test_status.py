"""`gatewayd status` shows companies, the process and the database."""

from __future__ import annotations

from tests.conftest import Running


def test_status_shows_quota_process_and_disk(running: Running) -> None:
    company = running.cli("company", "add", "Pharmacie du Fleuve", "--quota", 500)["id"]
    status = running.cli("status")
    assert [listed["quota"] for listed in status["companies"] if listed["id"] == company] == [500]
    assert status["process"] == running.process.pid
    output = " ".join(running.cli_raw("status").stdout.split())
    assert f"(process {running.process.pid}) runs for " in output
    assert " MiB are free; the database has " in output
    assert "Quota of Pharmacie du Fleuve: 0 of 500 used this month." in output
