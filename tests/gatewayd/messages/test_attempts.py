"""The list of attempts of a message: when, by which SIM, with which result."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gatewayd.admin import messages as admin
from gatewayd.timekeeping.clock import SECOND
from modem.errors import Kind, cause
from modem.parts import InDoubt, Refused, Submitted
from tests.gatewayd.played_ports import (
    House,
    administration,
    again,
    attempts,
    refused,
    report_on,
)

A, B, C = "8922301000000000001", "8922301000000000002", "8922301000000000003"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, backoff_s=(0.02,), in_doubt_wait_s=0.02, max_attempts=3)
    yield house
    house.close()


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[House]:
    """A gateway that keeps parts in doubt until a report comes or a person decides."""
    house = House(tmp_path, in_doubt="hold", in_doubt_wait_s=0.02, backoff_s=(0.02,))
    house.up(1, A)
    yield house
    house.close()


def test_an_error_text_without_a_code_is_shown_with_the_attempt(house: House) -> None:
    house.up(1, A)
    sms_id = house.send()
    house.settle(1, house.claim(1), Refused(cause("CMS", None, "no credit left")))
    (told,) = attempts(house, sms_id)
    assert told.meaning == f"{cause('CMS', None).reason} (no credit left)"
    assert told.meaning_fr == f"{cause('CMS', None).reason_fr} (no credit left)"
    assert "no credit left" in (house.view(sms_id).failure_reason or "")


def test_attempts_are_listed_oldest_first_with_their_sim_and_meaning(house: House) -> None:
    house.up(1, A)
    sms_id = house.send()
    assert attempts(house, sms_id) == []
    house.settle(1, house.claim(1), Refused(cause("CMS", 38)))
    house.clock.at += 10 * SECOND
    house.settle(1, again(house, 1), InDoubt("no answer"))
    house.clock.at += 10 * SECOND
    house.settle(1, again(house, 1), Submitted(9))
    told = attempts(house, sms_id)
    assert [(one.part, one.outcome, one.code, one.port, one.sim_id) for one in told] == [
        (1, "refused", "+CMS ERROR: 38", 1, house.sim(A)),
        (1, "in_doubt", None, 1, house.sim(A)),
        (1, "sent", None, 1, house.sim(A)),
    ]
    assert told[0].at < told[1].at < told[2].at == house.clock.at
    assert {one.sim_number for one in told} == {"+22370000001"}
    assert told[0].meaning == cause("CMS", 38).reason
    assert told[0].meaning_fr == cause("CMS", 38).reason_fr
    assert "never said" in told[1].meaning
    assert "jamais dit" in told[1].meaning_fr
    assert house.view(sms_id).retry_count == 2
    shown: Any = admin.show(administration(house), sms_id)["attempts"]
    assert [one["outcome"] for one in shown] == ["refused", "in_doubt", "sent"]


def test_an_attempt_that_was_in_doubt_and_was_reported_counts_as_sent(patient: House) -> None:
    sms_id = patient.send()
    patient.settle(1, patient.claim(1), InDoubt("no answer"))
    assert [one.outcome for one in attempts(patient, sms_id)] == ["in_doubt"]
    report_on(patient, 1, 9)
    assert [one.outcome for one in attempts(patient, sms_id)] == ["sent"]


def test_a_power_cut_is_an_attempt_in_doubt(patient: House) -> None:
    sms_id = patient.send()
    patient.claim(1)
    patient.restart()
    (told,) = attempts(patient, sms_id)
    assert (told.outcome, told.port) == ("in_doubt", 1)


def test_a_submission_that_never_reached_the_modem_is_not_listed(house: House) -> None:
    house.up(1, A)
    sms_id = house.send()
    house.settle(1, house.claim(1), refused(Kind.SIM, 1, "LOCAL"))
    assert attempts(house, sms_id) == []
