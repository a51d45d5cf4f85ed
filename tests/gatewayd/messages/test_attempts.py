"""The list of attempts of a message: when, by which SIM, with which result."""

from __future__ import annotations

from typing import Any

from gatewayd.admin import messages as admin
from gatewayd.timekeeping.clock import SECOND
from modem.errors import Kind, cause
from modem.parts import InDoubt, Refused, Submitted
from tests.gatewayd.played_ports import (
    A,
    PlayedGateway,
    administration_context,
    attempts,
    claim_after_backoff,
    refused,
    report_on,
)


def test_an_error_text_without_a_code_is_shown_with_the_attempt(played: PlayedGateway) -> None:
    played.up(1, A)
    sms_id = played.send()
    played.settle(1, played.claim(1), Refused(cause("CMS", None, "no credit left")))
    (attempt,) = attempts(played, sms_id)
    assert attempt.meaning == f"{cause('CMS', None).reason} (no credit left)"
    assert attempt.meaning_fr == f"{cause('CMS', None).reason_fr} (no credit left)"
    assert "no credit left" in (played.view(sms_id).failure_reason or "")


def test_attempts_are_listed_oldest_first_with_their_sim_and_meaning(played: PlayedGateway) -> None:
    played.up(1, A)
    sms_id = played.send()
    assert attempts(played, sms_id) == []
    played.settle(1, played.claim(1), Refused(cause("CMS", 38)))
    played.clock.at += 10 * SECOND
    played.settle(1, claim_after_backoff(played, 1), InDoubt("no answer"))
    played.clock.at += 10 * SECOND
    played.settle(1, claim_after_backoff(played, 1), Submitted(9))
    listed = attempts(played, sms_id)
    assert [
        (attempt.part, attempt.outcome, attempt.code, attempt.port, attempt.sim_id) for attempt in listed
    ] == [
        (1, "refused", "+CMS ERROR: 38", 1, played.sim(A)),
        (1, "in_doubt", None, 1, played.sim(A)),
        (1, "sent", None, 1, played.sim(A)),
    ]
    assert listed[0].at < listed[1].at < listed[2].at == played.clock.at
    assert {attempt.sim_number for attempt in listed} == {"+22370000001"}
    assert listed[0].meaning == cause("CMS", 38).reason
    assert listed[0].meaning_fr == cause("CMS", 38).reason_fr
    assert "never answered" in listed[1].meaning
    assert "jamais dit" in listed[1].meaning_fr
    assert played.view(sms_id).retry_count == 2
    shown: Any = admin.show(administration_context(played), sms_id)["attempts"]
    assert [attempt["outcome"] for attempt in shown] == ["refused", "in_doubt", "sent"]


def test_an_attempt_in_doubt_counts_as_sent_after_its_report(holding: PlayedGateway) -> None:
    sms_id = holding.send()
    holding.settle(1, holding.claim(1), InDoubt("no answer"))
    assert [attempt.outcome for attempt in attempts(holding, sms_id)] == ["in_doubt"]
    report_on(holding, 1, 9)
    assert [attempt.outcome for attempt in attempts(holding, sms_id)] == ["sent"]


def test_a_power_cut_is_an_attempt_in_doubt(holding: PlayedGateway) -> None:
    sms_id = holding.send()
    holding.claim(1)
    holding.restart()
    (attempt,) = attempts(holding, sms_id)
    assert (attempt.outcome, attempt.port) == ("in_doubt", 1)


def test_a_submission_that_never_reached_the_modem_is_not_listed(played: PlayedGateway) -> None:
    played.up(1, A)
    sms_id = played.send()
    played.settle(1, played.claim(1), refused(Kind.SIM, 1, "LOCAL"))
    assert attempts(played, sms_id) == []
