"""Timeouts of commands after lost answers, and the data that is kept for each modem."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from modem.driver.identity import Identity
from modem.driver.message_storage import Stored
from modem.driver.modem import Modem
from modem.parts import Submitted
from modem.port.status import PortState
from tests.conftest import eventually
from tests.modem.at.test_channel import said
from tests.modem.driver.test_modem import ERROR, OK, Answers, driving, line
from tests.modem.healthy_modem import DELIVER, healthy
from tests.modem.recording_work import FAST, RecordingWork, part
from tests.modem.running_port import running
from tests.modem.scripted_modem import ScriptedModem

LATER_S = 0.15  # longer than FAST's mute_s, shorter than its list_s
RECORD = f"\r\n+CMGL: 4,1,,30\r\n{DELIVER}\r\n".encode()


def lose_three(modem: Modem, scripted: ScriptedModem) -> None:
    """Three commands in a row without an answer."""
    answers = {name: scripted.answers.get(name, ERROR) for name in ("AT+CSQ", "AT+COPS?", "AT+CSCA?")}
    scripted.answers.update(dict.fromkeys(answers, b""))
    modem.network.signal_dbm()
    modem.network.operator()
    modem.find_service_centre()
    scripted.answers.update(answers)


def listing(modem: Modem) -> object:
    return modem.storage.stored()


def deletion(modem: Modem) -> object:
    return modem.storage.delete(4)


@pytest.mark.parametrize(
    ("do", "command", "answer", "right"),
    [
        (listing, "AT+CMGL", RECORD + OK, [Stored(4, DELIVER)]),
        (deletion, "AT+CMGD", OK, True),
    ],
)
@pytest.mark.parametrize("answered_before", [True, False])
def test_a_long_command_gets_its_full_time_after_three_lost_answers(
    do: Callable[[Modem], object], command: str, answer: bytes, right: object, answered_before: bool
) -> None:
    with driving({"AT+CMGL": OK, "AT+CMGD": OK}) as (modem, scripted):
        if answered_before:
            do(modem)
        lose_three(modem, scripted)
        scripted.answers[command] = said(LATER_S, answer)
        assert do(modem) == right


def test_one_answer_in_time_restores_the_timeouts() -> None:
    with driving({"AT+CSQ": line("+CSQ: 17,99")}) as (modem, scripted):
        lose_three(modem, scripted)
        assert modem.answers(1)
        scripted.answers["AT+CNUM"] = said(LATER_S, line('+CNUM: ,"+22370000017",145'))  # never asked before
        assert modem.sim.own_number() == "+22370000017"


def test_even_a_refusal_is_an_answer_in_time() -> None:
    with driving() as (modem, scripted):
        lose_three(modem, scripted)
        scripted.answers["AT+CNMI"] = ERROR
        scripted.answers["AT+CNMI=2,1,0,0,0"] = OK
        modem.notifications.choose()
        assert modem.notifications.form == (2, 1, 0, 0, 0)  # not the first form


def test_three_lost_answers_do_not_end_the_settings_at_the_first_refusal() -> None:
    answers: Answers = {"AT+CPMS": ERROR, 'AT+CPMS="SM"': OK, "AT+CNMI": ERROR, "AT+CNMI=1,1,0,2,0": OK}
    with driving(answers) as (modem, scripted):
        lose_three(modem, scripted)
        modem.prepare()
        assert modem.storage.usual == "SM"
        assert modem.notifications.form == (1, 1, 0, 2, 0)


def test_unknown_commands_time_out_early_on_a_mute_modem() -> None:
    short = replace(FAST.commands, command_s=0.1, sim_s=0.1)
    with driving({"": b"", "AT+CMGF=0": OK}, timeouts=short) as (modem, _):
        for _ in range(2):
            modem.prepare()
        modem._commands.timeouts = replace(short, command_s=60.0)  # noqa: SLF001 - only the preparation may wait for little
        began = time.monotonic()
        assert modem.storage.delete(1) is False
        modem.network.registration()
        modem.network.operator()
        assert time.monotonic() - began < 30


def test_a_cut_listing_keeps_its_complete_records() -> None:
    second = RECORD.replace(b"4,1", b"5,1")
    cut = RECORD + second + b"\r\n+CMGL: 6,1,,30\r\n"  # without the last PDU
    with driving({"AT+CMGL": cut}) as (modem, _):
        assert modem.storage.stored() == [Stored(4, DELIVER), Stored(5, DELIVER)]
        assert modem.storage.cut
    with driving({"AT+CMGL": RECORD + b"\r\n+CMS ERROR: 500\r\n"}) as (modem, _):
        assert modem.storage.stored() == [Stored(4, DELIVER)]
    with driving({"AT+CMGL": b""}) as (modem, _):
        assert modem.storage.stored() is None


def test_after_a_cut_listing_the_rest_is_listed_soon() -> None:
    house = RecordingWork()
    cut = RECORD + b"\r\n+CMGL: 6,1,,30\r\n"
    rest = RECORD.replace(b"4,1", b"6,1") + OK
    with ScriptedModem(healthy({"AT+CMGL": [cut, rest, OK]})) as modem, running(modem.device, house):
        eventually(lambda: {"AT+CMGD=4", "AT+CMGD=6"} <= set(modem.commands))
    assert all(not hasattr(text, "reason") for text in house.texts)  # no message counted as unreadable
    assert len(house.texts) == 2


# What is remembered, and of which modem

ACME = Identity("Acme", "One", "1", "356938035643809")


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (ACME, True),
        (replace(ACME, revision="2"), True),
        (replace(ACME, imei="356938035643817"), False),
        (replace(ACME, model="Two"), False),
        (Identity(), False),
    ],
)
def test_modems_are_distinguished_by_imei_and_model(other: Identity, same: bool) -> None:
    assert ACME.is_same(other) is same
    assert not Identity().is_same(Identity())


@pytest.mark.parametrize(
    "other",
    [
        {"AT+CGSN": line("356938035643817")},
        {"AT+CGMM": line("Two")},
        dict.fromkeys(("AT+CGMI", "AT+CGMM", "AT+CGSN"), ERROR),
    ],
    ids=["another number", "another model", "says nothing of itself"],
)
def test_the_habits_of_one_modem_do_not_count_for_the_next(other: Answers, tmp_path: Path) -> None:
    """The first modem sends references. The next one answers a bare OK, which must not leave its parts in doubt."""
    link = tmp_path / "modem"
    house = RecordingWork(part(1))
    with ScriptedModem(healthy()) as first:
        link.symlink_to(first.device)
        with running(str(link), house):
            eventually(lambda: house.results == [Submitted(1)])
            with ScriptedModem(healthy({**other, "PDU": OK})) as second:
                link.unlink()
                link.symlink_to(second.device)
                first.close()
                eventually(lambda: house.state is PortState.ABSENT)
                house.give(part(2), part(3))
                eventually(lambda: len(house.outcomes) == 3)
    assert house.results[1:] == [Submitted(None), Submitted(None)]


def test_the_same_modem_is_recognised_after_it_was_lost(tmp_path: Path) -> None:
    link = tmp_path / "modem"
    house = RecordingWork(part(1))
    with ScriptedModem(healthy()) as first:
        link.symlink_to(first.device)
        with running(str(link), house):
            eventually(lambda: house.results == [Submitted(1)])
            with ScriptedModem(healthy({"PDU": said(OK, 0.05, b"\r\n+CMGS: 8\r\n" + OK)})) as second:
                link.unlink()
                link.symlink_to(second.device)
                first.close()
                house.give(part(2))
                eventually(lambda: len(house.outcomes) == 2)
    assert house.results[1] == Submitted(8)


def test_another_modem_on_the_same_line_is_recognised_after_its_start() -> None:
    house = RecordingWork(part(1))
    with ScriptedModem(healthy()) as modem, running(modem.device, house) as port:
        eventually(lambda: house.results == [Submitted(1)])
        modem.answers.update(
            {
                "AT+CGMI": line("Quectel"),
                "AT+CGMM": line("EC25"),
                "AT+CGSN": line("356938035643817"),
                "PDU": OK,
            }
        )
        modem.say(b"\r\nRDY\r\n")
        eventually(lambda: house.statuses[-1].imei == "356938035643817")
        house.give(part(2))
        port.wake()
        eventually(lambda: len(house.outcomes) == 2)
        assert house.statuses[-1].model == "Quectel EC25"
    assert house.results[1] == Submitted(None)


def test_a_lost_answer_at_a_later_start_does_not_change_the_identity() -> None:
    with driving(
        {"AT+CGMI": line("Quectel"), "AT+CGMM": line("EC25"), "AT+CGSN": line("356938035643809")}
    ) as (
        modem,
        scripted,
    ):
        before = modem.identity
        scripted.answers.update({"AT+CGMI": ERROR, "AT+CGMM": b"", "AT+CGSN": ERROR})
        modem.begin()
        assert modem.identity == before
        assert modem.profile.name == "Quectel"


def test_acknowledgements_end_where_the_modem_no_longer_needs_them() -> None:
    with driving({"AT+CSMS": [ERROR, OK], "AT+CSMS?": line("+CSMS: 1,1,1,1")}) as (modem, _):
        modem.prepare()
        assert modem.acknowledges
        modem.prepare()
        assert not modem.acknowledges


def test_another_modem_starts_without_the_habits_of_the_last_one() -> None:
    refusing: Answers = {
        "AT+QCCID": line("8922301000000000017"),
        "AT+CMMS": ERROR,
        "AT+CIND": line('+CIND: ("x",(0-1))'),
    }
    with driving({"AT+CGMI": line("Quectel"), "AT+CGSN": line("356938035643809"), **refusing}) as (
        modem,
        scripted,
    ):
        assert modem.sim.iccid()
        sim, notifications, storage = modem.sim, modem.notifications, modem.storage
        modem.begin()
        assert (modem.sim, modem.notifications, modem.storage) == (sim, notifications, storage)
        scripted.answers["AT+CGSN"] = line("356938035643817")
        modem.begin()
        assert not modem.sim.tells_iccid
        assert modem.notifications is not notifications
        assert modem.storage is not storage
