"""Reports are matched by number: exact numbers decide, and other forms match only a single possible part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatewayd.records import Status
from gatewayd.timekeeping.clock import SECOND
from modem.parts import InDoubt, Submission, Submitted
from modem.sms.tpdu import StatusReport
from tests.gatewayd.box import Box
from tests.gatewayd.played_ports import A, PlayedGateway

ABIDJAN = ("+2250701020304", "+2250501020304")
ACCRA = ("+233244123456", "+233544123456")
LAGOS = ("+2348031234567", "+2347031234567")

Build = Callable[[str], PlayedGateway]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    gateways: list[PlayedGateway] = []

    def build(plan: str) -> PlayedGateway:
        played = PlayedGateway(tmp_path, plan=plan, in_doubt="hold", in_doubt_wait_s=0.02)
        gateways.append(played)
        played.up(1, A)
        return played

    yield build
    for played in gateways:
        played.close()


def submit(played: PlayedGateway, recipient: str, reference: int | None) -> str:
    """Send a message; the network accepts it with this TP-MR."""
    sms_id = played.send(recipient=recipient)
    played.settle(1, played.claim(1), Submitted(reference))
    return sms_id


def report(played: PlayedGateway, reference: int, recipient: str) -> None:
    now = datetime.fromtimestamp(played.clock.at // SECOND, UTC)
    status_report = StatusReport("", reference, recipient, now, now, 0)
    played.gateway.dispatcher.reported(played.statuses[1], status_report)


def reported(build: Build, plan: str, sent_to: str, number: str) -> tuple[PlayedGateway, str]:
    """Send one message, and report a delivery to this number. Return the gateway and the id of the message."""
    played = build(plan)
    sms_id = submit(played, sent_to, 7)
    report(played, 7, number)
    return played, sms_id


def delivered(played: PlayedGateway, *sms_ids: str) -> list[bool]:
    return [played.view(sms_id).status is Status.DELIVERED for sms_id in sms_ids]


@pytest.mark.parametrize(
    ("plan", "pair"), [("cote_d_ivoire", ABIDJAN), ("ghana", ACCRA), ("nigeria", LAGOS), ("guide", ABIDJAN)]
)
def test_recipients_with_the_same_last_digits_get_their_own_reports(
    build: Build, plan: str, pair: tuple[str, str]
) -> None:
    played = build(plan)
    first, second = (submit(played, recipient, 7) for recipient in pair)
    report(played, 7, pair[0])
    assert delivered(played, first, second) == [True, False]
    report(played, 7, pair[1])
    assert delivered(played, first, second) == [True, True]


@pytest.mark.parametrize(
    ("plan", "sent_to", "number"),
    [
        ("cote_d_ivoire", ABIDJAN[0], ABIDJAN[1]),
        ("cote_d_ivoire", ABIDJAN[0], "0501020304"),
        ("ghana", ACCRA[0], "0544123456"),
        ("nigeria", LAGOS[0], "2347031234567"),
        ("guide", "+22370123456", "+22670123456"),
        ("mali", "+22370123456", "0022670123456"),
    ],
)
def test_a_report_on_another_number_does_not_match_the_only_message(
    build: Build, plan: str, sent_to: str, number: str
) -> None:
    played, sms_id = reported(build, plan, sent_to, number)
    assert delivered(played, sms_id) == [False]
    report(played, 7, sent_to)
    assert delivered(played, sms_id) == [True]


@pytest.mark.parametrize(
    ("plan", "sent_to", "number"),
    [
        *(
            ("guide", "+22370123456", number)
            for number in ("70123456", "22370123456", "0022370123456", "+70123456")
        ),
        *(
            ("ghana", ACCRA[0], number)
            for number in ("0244123456", "244123456", "+0244123456", "2330244123456")
        ),
        *(("ghana", ACCRA[0], number) for number in ("44123456", "9944123456", "+244123456", "00244123456")),
        *(("nigeria", LAGOS[0], number) for number in ("08031234567", "0092348031234567", "31234567")),
        # The eight digits of before 2021, and a foreign number without its +.
        *(("cote_d_ivoire", ABIDJAN[0], number) for number in ("01020304", "+22501020304", "22501020304")),
        ("mali", "+33612345678", "33612345678"),
        ("mali", "+33612345678", "0612345678"),
    ],
)
def test_a_report_with_any_form_of_the_number_matches_the_only_message(
    build: Build, plan: str, sent_to: str, number: str
) -> None:
    played, sms_id = reported(build, plan, sent_to, number)
    assert delivered(played, sms_id) == [True]


@pytest.mark.parametrize(
    ("plan", "pair", "number"), [("cote_d_ivoire", ABIDJAN, "22501020304"), ("ghana", ACCRA, "44123456")]
)
def test_a_number_form_that_fits_two_messages_matches_none(
    build: Build, plan: str, pair: tuple[str, str], number: str
) -> None:
    played = build(plan)
    first, second = (submit(played, recipient, 7) for recipient in pair)
    third = submit(played, pair[0], 8)
    report(played, 7, number)
    assert delivered(played, first, second, third) == [False, False, False]
    report(played, 8, number)
    assert delivered(played, first, second, third) == [False, False, True]


def test_a_repeated_report_in_another_form_does_not_count_for_the_next_message(build: Build) -> None:
    played = build("cote_d_ivoire")
    first = submit(played, ABIDJAN[0], 7)
    report(played, 7, "01020304")
    stamp = played.clock.at
    played.clock.at += 60 * SECOND
    second = submit(played, ABIDJAN[1], 7)
    played.clock.at, now = stamp, played.clock.at
    report(played, 7, "01020304")
    played.clock.at = now
    assert delivered(played, first, second) == [True, False]
    report(played, 7, "01020304")
    assert delivered(played, first, second) == [True, True]


def test_a_repeated_report_in_another_form_settles_no_doubt(build: Build) -> None:
    played = build("cote_d_ivoire")
    first = submit(played, ABIDJAN[0], 7)
    report(played, 7, "01020304")
    stamp = played.clock.at
    played.clock.at += 60 * SECOND
    second = submit(played, ABIDJAN[1], 7)
    doubtful = played.send(recipient=ABIDJAN[0])
    played.settle(1, played.claim(1), InDoubt("no answer"))
    played.clock.at = stamp
    report(played, 7, "01020304")
    assert delivered(played, first, second, doubtful) == [True, False, False]


@pytest.mark.parametrize(
    ("number", "matches"),
    [
        (ABIDJAN[0], True),
        ("0701020304", True),
        ("22501020304", True),
        (ABIDJAN[1], False),
        ("12345678", False),
    ],
)
def test_a_doubt_is_settled_only_by_a_report_about_its_own_number(
    build: Build, number: str, matches: bool
) -> None:
    played = build("cote_d_ivoire")
    sms_id = played.send(recipient=ABIDJAN[0])
    played.settle(1, played.claim(1), InDoubt("no answer"))
    report(played, 9, number)
    assert delivered(played, sms_id) == [matches]


def test_another_form_settles_no_doubt_where_two_parts_fit_the_time(build: Build) -> None:
    played = build("cote_d_ivoire")
    sms_ids = []
    for recipient in ABIDJAN:
        sms_ids.append(played.send(recipient=recipient))
        played.settle(1, played.claim(1), InDoubt("no answer"))
    report(played, 9, "01020304")
    assert delivered(played, *sms_ids) == [False, False]
    report(played, 9, ABIDJAN[1])
    assert delivered(played, *sms_ids) == [False, True]


@pytest.mark.parametrize(("number", "matches"), [("22501020304", True), (ABIDJAN[1], False)])
def test_a_report_before_its_answer_counts_only_for_its_own_number(
    build: Build, number: str, matches: bool
) -> None:
    played = build("cote_d_ivoire")
    sms_id = played.send(recipient=ABIDJAN[0])
    submission: Submission = played.claim(1)
    report(played, 7, number)
    played.settle(1, submission, Submitted(7))
    assert delivered(played, sms_id) == [matches]


def test_a_report_with_the_last_digits_only_delivers_the_message(tmp_path: Path) -> None:
    box = Box(tmp_path, slots={1: 1})
    box.config.write_text(box.config.read_text() + '[numbers]\nplan = "ghana"\n')
    try:
        box.start_bank("--submit-s", "0.05", "--delivery-s", "0.05", "--fault", "report-short")
        box.start_gateway()
        box.sims_ready(1)
        sms_id = box.send("hello", recipient="024 412 3456")
        box.becomes(sms_id, "delivered")
        assert box.status(sms_id)["recipient"] == "+233244123456"
        assert [
            matches["sms_id"] for matches in box.get("sms/messages?recipient=024%20412%203456")["data"]
        ] == [sms_id]
    finally:
        box.stop()
