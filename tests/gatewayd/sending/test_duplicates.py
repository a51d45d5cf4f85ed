"""A part in doubt is repeated with TP-RD, and the service centre may refuse it as a duplicate."""

from __future__ import annotations

from pathlib import Path

from gatewayd.records import Status
from modem.errors import Kind, cause
from modem.parts import InDoubt, Refused, Submission, Submitted
from modem.port.interface import Rest
from tests.gatewayd.played_ports import A, PlayedGateway, attempts, claim_after_backoff, refused, report_on

DUPLICATE = Refused(cause("CMS", 197))


def test_only_a_repetition_after_a_doubt_has_tp_rd(played: PlayedGateway) -> None:
    played.up(1, A)
    played.send()
    first = played.claim(1)
    assert not first.reject_duplicates
    played.settle(1, first, refused(Kind.MOMENT))
    second = claim_after_backoff(played, 1)
    assert not second.reject_duplicates
    played.settle(1, second, InDoubt("no answer"))
    third = claim_after_backoff(played, 1)
    assert third.reject_duplicates
    assert third.message_reference == first.message_reference


def test_a_refused_repetition_is_sent_once_more_without_tp_rd(tmp_path: Path) -> None:
    played = PlayedGateway(tmp_path, in_doubt_wait_s=0.02, max_attempts=2)
    played.up(1, A)
    sms_id = played.send()
    played.settle(1, played.claim(1), InDoubt("no answer"))
    second = claim_after_backoff(played, 1)
    third = played.settle(1, second, DUPLICATE)  # at once, and although that was the last attempt
    assert isinstance(third, Submission)
    assert not third.reject_duplicates
    played.settle(1, third, Submitted(5))
    assert played.view(sms_id).status is Status.SENT
    assert [attempt.code for attempt in attempts(played, sms_id)] == [None, "+CMS ERROR: 197", None]
    played.close()


def test_endlessly_refused_repetitions_end(tmp_path: Path) -> None:
    played = PlayedGateway(tmp_path, in_doubt_wait_s=0.02, backoff_s=(0.01,), max_attempts=3)
    played.up(1, A)
    sms_id = played.send()
    played.settle(1, played.claim(1), InDoubt("no answer"))
    step = played.settle(1, claim_after_backoff(played, 1), DUPLICATE)
    assert isinstance(step, Submission)
    played.settle(1, step, DUPLICATE)
    assert played.view(sms_id).status is Status.FAILED
    played.close()


def test_a_refused_repetition_was_sent_where_the_modem_keeps_our_references(played: PlayedGateway) -> None:
    played.up(1, A)
    for text in "123":
        played.send(text, recipient="+22370000099")
        part = played.claim(1)
        played.settle(1, part, Submitted(part.message_reference))
    sms_id = played.send()
    played.settle(1, played.claim(1), InDoubt("no answer"))
    repeated = claim_after_backoff(played, 1)
    assert played.settle(1, repeated, DUPLICATE) == Rest()
    assert played.view(sms_id).status is Status.SENT
    report_on(played, 1, repeated.message_reference)
    assert played.view(sms_id).status is Status.DELIVERED
