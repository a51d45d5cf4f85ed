"""A part that was in the air when the daemon ended is settled by the modem's answer, or by the progress of the submission."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewayd.records import Status
from modem.errors import NO_PROMPT, Kind, cause
from modem.parts import Refused, Submission, Submitted
from modem.port.interface import Claim
from tests.conftest import eventually
from tests.gatewayd.played_ports import House, refused

SIM = "8922301000000000001"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, ports=1, in_doubt="hold", backoff_s=(60.0,), max_attempts=3)
    yield house
    house.close()


def crashed(house: House) -> tuple[str, Submission]:
    """Claim a part, then end the daemon and start it again."""
    house.up(1, SIM)
    sms_id = house.send()
    part = house.claim(1)
    house.restart()
    return sms_id, part


def tell(house: House, part: Submission, result: Submitted | Refused, token: int = 0) -> None:
    claim = Claim(part.message_id, part.seq, token or part.token)
    house.gateway.dispatcher.recovered(house.statuses[1], claim, result)


def row(house: House, part: Submission) -> tuple[str, int, int | None]:
    found = house.row("SELECT state, attempts, reference FROM parts WHERE message_id = ?", part.message_id)
    return tuple(found)


def noted(house: House) -> list[str]:
    found = house.row("SELECT group_concat(outcome) FROM refusals")[0]
    return found.split(",") if found else []


def test_a_found_answer_makes_the_part_sent(house: House) -> None:
    sms_id, part = crashed(house)
    assert row(house, part)[0] == "in_doubt"
    tell(house, part, Submitted(77))
    assert row(house, part) == ("submitted", 1, 77)
    assert house.view(sms_id).status is Status.SENT
    assert noted(house) == []


def test_a_found_refusal_counts_as_a_refusal(house: House) -> None:
    sms_id, part = crashed(house)
    tell(house, part, refused(Kind.MOMENT))
    assert row(house, part)[:2] == ("queued", 1)
    assert noted(house) == ["refused"]
    assert house.view(sms_id).status is Status.PENDING


def test_a_bad_number_fails_the_message(house: House) -> None:
    sms_id, part = crashed(house)
    tell(house, part, Refused(cause("CMS", 1)))
    assert house.view(sms_id).status is Status.FAILED


def test_a_part_that_was_not_begun_is_queued_again_without_an_attempt(house: House) -> None:
    _, part = crashed(house)
    tell(house, part, Refused(cause("LOCAL", NO_PROMPT)))
    assert row(house, part)[:2] == ("queued", 0)
    house.up(1, SIM)
    assert house.claim(1).message_id == part.message_id


@pytest.mark.parametrize("result", [Submitted(77), refused(Kind.MOMENT), Refused(cause("LOCAL", NO_PROMPT))])
def test_another_claim_or_what_is_settled_already_stays_as_it_is(
    house: House, result: Submitted | Refused
) -> None:
    _, part = crashed(house)
    before = row(house, part)
    tell(house, part, result, token=part.token + 1)
    assert row(house, part) == before
    tell(house, part, Submitted(5))
    after = row(house, part)
    tell(house, part, result)
    assert row(house, part) == after == ("submitted", 1, 5)


def test_a_refused_repetition_leaves_the_part_in_doubt(house: House) -> None:
    _, part = crashed(house)
    tell(house, part, Refused(cause("CMS", 197)))
    assert row(house, part)[0] == "in_doubt"
    assert noted(house) == ["in_doubt"]


def test_an_answer_after_the_decision_avoids_the_repetition(tmp_path: Path) -> None:
    house = House(tmp_path, ports=1, in_doubt="retry", in_doubt_wait_s=0.05, max_attempts=3)
    try:
        sms_id, part = crashed(house)
        eventually(lambda: row(house, part)[0] == "queued")
        tell(house, part, Submitted(77))
        assert row(house, part) == ("submitted", 1, 77)
        assert house.view(sms_id).status is Status.SENT
    finally:
        house.close()


def test_a_refusal_after_the_decision_changes_nothing(tmp_path: Path) -> None:
    house = House(tmp_path, ports=1, in_doubt="retry", in_doubt_wait_s=0.05, max_attempts=3)
    try:
        _, part = crashed(house)
        eventually(lambda: row(house, part)[0] == "queued")
        tell(house, part, Refused(cause("CMS", 1)))
        assert row(house, part)[0] == "queued"
    finally:
        house.close()
