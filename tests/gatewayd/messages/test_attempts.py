"""The list of attempts of a message: when, by which SIM, with which result."""

from __future__ import annotations

from typing import Any

from gatewayd.admin import messages as admin
from gatewayd.timekeeping.clock import SECOND
from modem.errors import Kind, cause
from modem.parts import InDoubt, Refused, Submitted
from tests.gatewayd.played_ports import A, PlayedGateway, administration, again, attempts, refused, report_on


def test_an_error_text_without_a_code_is_shown_with_the_attempt(played: PlayedGateway) -> None:
    played.up(1, A)
    sms_id = played.send()
    played.settle(1, played.claim(1), Refused(cause("CMS", None, "no credit left")))
    (told,) = attempts(played, sms_id)
    assert told.meaning == f"{cause('CMS', None).reason} (no credit left)"
    assert told.meaning_fr == f"{cause('CMS', None).reason_fr} (no credit left)"
    assert "no credit left" in (played.view(sms_id).failure_reason or "")


def test_attempts_are_listed_oldest_first_with_their_sim_and_meaning(played: PlayedGateway) -> None:
    played.up(1, A)
    sms_id = played.send()
    assert attempts(played, sms_id) == []
    played.settle(1, played.claim(1), Refused(cause("CMS", 38)))
    played.clock.at += 10 * SECOND
    played.settle(1, again(played, 1), InDoubt("no answer"))
    played.clock.at += 10 * SECOND
    played.settle(1, again(played, 1), Submitted(9))
    told = attempts(played, sms_id)
    assert [(one.part, one.outcome, one.code, one.port, one.sim_id) for one in told] == [
        (1, "refused", "+CMS ERROR: 38", 1, played.sim(A)),
        (1, "in_doubt", None, 1, played.sim(A)),
        (1, "sent", None, 1, played.sim(A)),
    ]
    assert told[0].at < told[1].at < told[2].at == played.clock.at
    assert {one.sim_number for one in told} == {"+22370000001"}
    assert told[0].meaning == cause("CMS", 38).reason
    assert told[0].meaning_fr == cause("CMS", 38).reason_fr
    assert "never said" in told[1].meaning
    assert "jamais dit" in told[1].meaning_fr
    assert played.view(sms_id).retry_count == 2
    shown: Any = admin.show(administration(played), sms_id)["attempts"]
    assert [one["outcome"] for one in shown] == ["refused", "in_doubt", "sent"]


def test_an_attempt_that_was_in_doubt_and_was_reported_counts_as_sent(holding: PlayedGateway) -> None:
    sms_id = holding.send()
    holding.settle(1, holding.claim(1), InDoubt("no answer"))
    assert [one.outcome for one in attempts(holding, sms_id)] == ["in_doubt"]
    report_on(holding, 1, 9)
    assert [one.outcome for one in attempts(holding, sms_id)] == ["sent"]


def test_a_power_cut_is_an_attempt_in_doubt(holding: PlayedGateway) -> None:
    sms_id = holding.send()
    holding.claim(1)
    holding.restart()
    (told,) = attempts(holding, sms_id)
    assert (told.outcome, told.port) == ("in_doubt", 1)


def test_a_submission_that_never_reached_the_modem_is_not_listed(played: PlayedGateway) -> None:
    played.up(1, A)
    sms_id = played.send()
    played.settle(1, played.claim(1), refused(Kind.SIM, 1, "LOCAL"))
    assert attempts(played, sms_id) == []
