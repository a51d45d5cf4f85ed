"""`gatewayd send --at` and `--reference`, and a company's sending window."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.conftest import Running, eventually


def test_a_message_is_sent_at_a_time_and_can_be_cancelled_before(running: Running) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime(
        "%Y-%m-%dT%H:%M"
    )  # Bamako has the time of UTC
    sent = running.cli("send", "+22370123456", "x", "--at", tomorrow, "--reference", "r-1")
    assert sent["send_at"] == f"{tomorrow}:00.000000Z"
    assert (sent["status"], sent["reference"], sent["priority"]) == ("pending", "r-1", "normal")
    shown = running.cli("message", "show", sent["sms_id"])
    assert (shown["send_at"], shown["sim_number"]) == (sent["send_at"], "")
    listed = next(row for row in running.cli("message", "list") if row["sms_id"] == sent["sms_id"])
    assert (listed["reference"], listed["expires_at"]) == ("r-1", shown["expires_at"])
    assert running.cli("message", "cancel", sent["sms_id"])["status"] == "cancelled"
    past = running.cli("send", "+22370123456", "x", "--at", "2020-01-01T00:00:00Z", "--priority", "bulk")
    eventually(lambda: running.cli("message", "show", past["sms_id"])["status"] == "delivered")


@pytest.mark.parametrize(
    ("at", "code", "words"),
    [
        ("2999-01-01T00:00:00Z", 1, "a year ahead"),
        ("2027-01-31", 2, "must be a time"),
        ("soon", 2, "must be"),
    ],
)
def test_another_time_is_refused(running: Running, at: str, code: int, words: str) -> None:
    done = running.cli_raw("send", "+22370123456", "x", "--at", at)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr


def test_the_window_of_a_company_is_shown_set_and_removed(running: Running) -> None:
    company = running.cli("company", "add", "Windowed")["id"]
    changed = running.cli("company", "set", company, "--window", "20:00-06:00")
    assert changed["window"] == "20:00-06:00"
    refused = running.cli_raw("company", "set", company, "--window", "20-6")
    assert (refused.returncode, "sending window" in refused.stderr) == (2, True)
    assert running.cli("company", "set", company, "--window", "none")["window"] is None
