"""Parts in doubt: how reports, persons and the configuration settle them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gatewayd.admin import messages as admin
from gatewayd.cli import main
from gatewayd.errors import AdminError
from gatewayd.records import Status
from modem.errors import cause
from modem.parts import InDoubt, Refused, Submission, Submitted
from modem.port.interface import Rest
from tests.conftest import eventually
from tests.gatewayd.played_ports import (
    A,
    PlayedGateway,
    administration_context,
    attempts,
    claim_after_backoff,
    report_on,
    used_quota,
)

DUPLICATE = Refused(cause("CMS", 197))
BARRED = Refused(cause("CMS", 8))


def settle(played: PlayedGateway, sms_id: str, verdict: str) -> dict[str, Any]:
    return admin.settle(administration_context(played), sms_id, verdict)


def test_a_part_in_doubt_that_ran_out_of_attempts_fails_with_the_doubt_as_its_reason(tmp_path: Path) -> None:
    played = PlayedGateway(tmp_path, in_doubt_wait_s=0.02, max_attempts=2)
    played.up(1, A)
    sms_id = played.send()
    played.settle(1, played.claim(1), InDoubt("no answer"))
    played.settle(1, claim_after_backoff(played, 1), InDoubt("no answer"))
    eventually(lambda: played.view(sms_id).status is Status.FAILED)
    reason = played.view(sms_id).failure_reason or ""
    assert "may have arrived" in reason
    assert "peut-être arrivé" in reason
    assert not played.view(sms_id).in_doubt
    played.close()


def test_a_doubt_is_not_decided_of_a_part_that_is_gone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As where a box of a fleet begins anew, because its file is older than what it told."""
    played = PlayedGateway(tmp_path, in_doubt_wait_s=0.3)
    played.up(1, A)
    played.send()
    played.settle(1, played.claim(1), InDoubt("no answer"))
    played.store.write(lambda db: db.execute("DELETE FROM parts"))
    second = played.send()
    played.settle(1, played.claim(1), InDoubt("no answer"))
    eventually(lambda: not played.view(second).in_doubt)  # decided after the first one
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    played.close()


def test_the_reason_of_a_held_message_names_the_command_that_settles_it(holding: PlayedGateway) -> None:
    sms_id = holding.send()
    holding.settle(1, holding.claim(1), InDoubt("no answer"))
    eventually(lambda: "message settle" in (holding.view(sms_id).failure_reason or ""))
    assert (holding.view(sms_id).status, holding.view(sms_id).in_doubt) == (Status.PENDING, True)


def test_a_doubt_settled_as_sent_is_sent_and_a_late_report_delivers_it(holding: PlayedGateway) -> None:
    sms_id = holding.send()
    holding.settle(1, holding.claim(1), InDoubt("no answer"))
    assert settle(holding, sms_id, "sent")["status"] == "sent"
    assert (holding.view(sms_id).in_doubt, holding.view(sms_id).failure_reason) == (False, None)
    assert used_quota(holding) == 1
    report_on(holding, 1, 200)
    assert holding.view(sms_id).status is Status.DELIVERED


def test_a_doubt_settled_as_failed_gives_its_quota_back_and_a_late_report_changes_nothing(
    holding: PlayedGateway,
) -> None:
    sms_id = holding.send()
    holding.settle(1, holding.claim(1), InDoubt("no answer"))
    message = settle(holding, sms_id, "failed")
    assert (message["status"], message["in_doubt"]) == ("failed", False)
    assert "person" in str(message["failure_reason"])
    assert used_quota(holding) == 0
    report_on(holding, 1, 200)
    assert holding.view(sms_id).status is Status.FAILED
    assert holding.next(1) == Rest()


def test_a_sent_part_keeps_the_quota_when_another_is_settled_as_failed(holding: PlayedGateway) -> None:
    sms_id = holding.send("é" * 200)
    second = holding.settle(1, holding.claim(1), Submitted(1))
    assert isinstance(second, Submission)
    holding.settle(1, second, InDoubt("no answer"))
    assert settle(holding, sms_id, "failed")["status"] == "failed"
    assert used_quota(holding) == 1


def test_a_doubt_settled_as_retry_is_sent_again_at_once(holding: PlayedGateway) -> None:
    sms_id = holding.send()
    first = holding.claim(1)
    holding.settle(1, first, InDoubt("no answer"))
    wakes = holding.ports[1].wakes
    message = settle(holding, sms_id, "retry")
    assert (message["status"], message["in_doubt"], message["failure_reason"]) == ("pending", False, None)
    assert holding.ports[1].wakes > wakes
    second = holding.claim(1)
    assert second.token > first.token
    holding.settle(1, second, Submitted(3))
    assert holding.view(sms_id).status is Status.SENT


def test_a_late_report_on_a_queued_part_avoids_the_repetition(holding: PlayedGateway) -> None:
    sms_id = holding.send()
    holding.settle(1, holding.claim(1), InDoubt("no answer"))
    settle(holding, sms_id, "retry")
    report_on(holding, 1, 77, late_s=7200)  # a report of another time
    assert holding.view(sms_id).status is Status.PENDING
    report_on(holding, 1, 77, late_s=20)
    assert holding.view(sms_id).status is Status.DELIVERED
    assert holding.next(1) == Rest()


def test_errors_of_settle_name_a_remedy(holding: PlayedGateway) -> None:
    with pytest.raises(AdminError, match="there is no message"):
        settle(holding, "nothing", "sent")
    sms_id = holding.send()
    with pytest.raises(AdminError, match="can be cancelled"):
        settle(holding, sms_id, "sent")
    holding.settle(1, holding.claim(1), Submitted(1))
    with pytest.raises(AdminError, match="nothing to settle"):
        settle(holding, sms_id, "retry")


def test_an_unknown_verdict_is_an_error() -> None:
    result = CliRunner().invoke(main, ["message", "settle", "some-id", "perhaps"])
    assert result.exit_code == 2
    assert "sent" in result.output


def test_parts_that_were_being_submitted_can_be_settled_without_a_daemon(holding: PlayedGateway) -> None:
    sms_id = holding.send()
    holding.claim(1)
    assert admin.settle(administration_context(holding, daemon=False), sms_id, "sent")["status"] == "sent"
    assert [attempt.outcome for attempt in attempts(holding, sms_id)] == ["sent"]
