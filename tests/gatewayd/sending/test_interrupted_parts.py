"""A part that was being submitted when the daemon ended is settled by the modem's answer or by the progress note."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewayd.records import Status
from modem.errors import NO_PROMPT, Kind, cause
from modem.parts import Refused, Submission, Submitted
from modem.port.interface import Claim
from tests.conftest import eventually
from tests.gatewayd.played_ports import PlayedGateway, refused

SIM = "8922301000000000001"


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path, ports=1, in_doubt="hold", backoff_s=(60.0,), max_attempts=3)
    yield played
    played.close()


def crashed(played: PlayedGateway) -> tuple[str, Submission]:
    """Claim a part, then end the daemon and start it again."""
    played.up(1, SIM)
    sms_id = played.send()
    part = played.claim(1)
    played.restart()
    return sms_id, part


def settle_interrupted(
    played: PlayedGateway, part: Submission, result: Submitted | Refused, token: int = 0
) -> None:
    claim = Claim(part.message_id, part.seq, token or part.token)
    played.gateway.dispatcher.recovered(played.statuses[1], claim, result)


def part_row(played: PlayedGateway, part: Submission) -> tuple[str, int, int | None]:
    row = played.row("SELECT state, attempts, reference FROM parts WHERE message_id = ?", part.message_id)
    return tuple(row)


def refusals(played: PlayedGateway) -> list[str]:
    row = played.row("SELECT group_concat(outcome) FROM refusals")[0]
    return row.split(",") if row else []


def test_a_recovered_answer_makes_the_part_sent(played: PlayedGateway) -> None:
    sms_id, part = crashed(played)
    assert part_row(played, part)[0] == "in_doubt"
    settle_interrupted(played, part, Submitted(77))
    assert part_row(played, part) == ("submitted", 1, 77)
    assert played.view(sms_id).status is Status.SENT
    assert refusals(played) == []


def test_a_recovered_refusal_counts_as_a_refusal(played: PlayedGateway) -> None:
    sms_id, part = crashed(played)
    settle_interrupted(played, part, refused(Kind.MOMENT))
    assert part_row(played, part)[:2] == ("queued", 1)
    assert refusals(played) == ["refused"]
    assert played.view(sms_id).status is Status.PENDING


def test_a_bad_number_fails_the_message(played: PlayedGateway) -> None:
    sms_id, part = crashed(played)
    settle_interrupted(played, part, Refused(cause("CMS", 1)))
    assert played.view(sms_id).status is Status.FAILED


def test_a_part_that_was_not_submitted_is_queued_again_without_an_attempt(played: PlayedGateway) -> None:
    _, part = crashed(played)
    settle_interrupted(played, part, Refused(cause("LOCAL", NO_PROMPT)))
    assert part_row(played, part)[:2] == ("queued", 0)
    played.up(1, SIM)
    assert played.claim(1).message_id == part.message_id


@pytest.mark.parametrize("result", [Submitted(77), refused(Kind.MOMENT), Refused(cause("LOCAL", NO_PROMPT))])
def test_an_answer_to_another_claim_or_a_settled_part_changes_nothing(
    played: PlayedGateway, result: Submitted | Refused
) -> None:
    _, part = crashed(played)
    before = part_row(played, part)
    settle_interrupted(played, part, result, token=part.token + 1)
    assert part_row(played, part) == before
    settle_interrupted(played, part, Submitted(5))
    after = part_row(played, part)
    settle_interrupted(played, part, result)
    assert part_row(played, part) == after == ("submitted", 1, 5)


def test_a_refused_repetition_leaves_the_part_in_doubt(played: PlayedGateway) -> None:
    _, part = crashed(played)
    settle_interrupted(played, part, Refused(cause("CMS", 197)))
    assert part_row(played, part)[0] == "in_doubt"
    assert refusals(played) == ["in_doubt"]


def test_an_answer_after_the_decision_avoids_the_repetition(tmp_path: Path) -> None:
    played = PlayedGateway(tmp_path, ports=1, in_doubt="retry", in_doubt_wait_s=0.05, max_attempts=3)
    try:
        sms_id, part = crashed(played)
        eventually(lambda: part_row(played, part)[0] == "queued")
        settle_interrupted(played, part, Submitted(77))
        assert part_row(played, part) == ("submitted", 1, 77)
        assert played.view(sms_id).status is Status.SENT
    finally:
        played.close()


def test_a_refusal_after_the_decision_changes_nothing(tmp_path: Path) -> None:
    played = PlayedGateway(tmp_path, ports=1, in_doubt="retry", in_doubt_wait_s=0.05, max_attempts=3)
    try:
        _, part = crashed(played)
        eventually(lambda: part_row(played, part)[0] == "queued")
        settle_interrupted(played, part, Refused(cause("CMS", 1)))
        assert part_row(played, part)[0] == "queued"
    finally:
        played.close()
