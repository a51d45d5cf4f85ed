"""The driver against scripted modems: profile, settings, memories, PDU mode, slots."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from modem.at.channel import Channel
from modem.at.serial_port import open_device
from modem.driver.message_storage import Stored
from modem.driver.modem import Modem
from modem.driver.profiles import PLAIN, PROFILES, profile_for
from modem.hardware.device_path import DeviceUnavailableError
from modem.timeouts import CommandTimeouts
from tests.modem.recording_work import FAST
from tests.modem.scripted_modem import Script, ScriptedModem

OK = b"\r\nOK\r\n"
ERROR = b"\r\nERROR\r\n"

Answers = dict[str, Script | list[Script]]


def line(text: str) -> bytes:
    """An answer of one information line."""
    return b"\r\n" + text.encode("latin-1") + b"\r\n" + OK


def ucs2(text: str) -> str:
    """UCS-2 in hexadecimal digits."""
    return text.encode("utf-16-be").hex().upper()


@contextmanager
def driving(
    answers: Answers | None = None, smsc: str | None = None, timeouts: CommandTimeouts = FAST.commands
) -> Iterator[tuple[Modem, ScriptedModem]]:
    """A driver on a scripted modem, resynchronised and identified."""
    scripted = ScriptedModem(answers)
    device = open_device(scripted.device, 115200)
    wake_r, wake_w = os.pipe()
    try:
        with scripted:
            modem = Modem(
                Channel(device.fd, wake_r, lambda: None, timeouts=FAST.channel),
                smsc=smsc,
                timeouts=timeouts,
            )
            modem.begin()
            yield modem, scripted
    finally:
        device.close()
        os.close(wake_r)
        os.close(wake_w)


@pytest.mark.parametrize(
    ("manufacturer", "model", "name"),
    [
        ("Quectel", "EC25", "Quectel"),
        ("SIMCOM_Ltd", "SIMCOM_SIM800L", "SIMCom"),
        ("INCORPORATED", "A7670E", "SIMCom"),
        ("huawei", "E1550", "Huawei"),
        ("WAVECOM MODEM", "MULTIBAND 900E 1800", "Wavecom"),
        ("Acme", "One", PLAIN.name),
        ("", "", PLAIN.name),
    ],
)
def test_the_profile_is_chosen_by_manufacturer_and_model(manufacturer: str, model: str, name: str) -> None:
    assert profile_for(manufacturer, model).name == name


def test_profiles_have_unique_names_and_valid_slot_commands() -> None:
    assert len({profile.name for profile in PROFILES}) == len(PROFILES)
    for profile in PROFILES:
        assert profile.signs
        for way in profile.slot_commands:
            assert sum("{slot}" in command or "{index}" in command for command in way) == 1


def test_the_identity_is_read_with_and_without_tag_and_quotes() -> None:
    answers: Answers = {
        "AT+CGMI": line(" WAVECOM MODEM"),
        "AT+CGMM": line('+CGMM: "MULTIBAND  900E  1800"'),
        "AT+CGSN": line("+CGSN: 356938035643809"),
    }
    with driving(answers) as (modem, _):
        assert modem.identity.manufacturer == "WAVECOM MODEM"
        assert modem.identity.model == "MULTIBAND  900E  1800"
        assert modem.identity.imei == "356938035643809"
        assert modem.channel.vendor == "wavecom"


def test_the_radio_is_switched_on_only_where_it_is_off() -> None:
    with driving({"AT+CFUN?": line("+CFUN: 4"), "AT+CFUN": OK}) as (_, scripted):
        assert "AT+CFUN=1" in scripted.commands
    with driving({"AT+CFUN?": line("+CFUN: 1"), "AT+CFUN": OK}) as (_, scripted):
        assert "AT+CFUN=1" not in scripted.commands


@pytest.mark.parametrize(
    ("listed", "taken", "chosen"),
    [
        ("+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)", {"2,1,0,1,0"}, (2, 1, 0, 1, 0)),
        ("+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)", {"1,1,0,1,0"}, (1, 1, 0, 1, 0)),
        ("+CNMI: (0-2),(0-3),(0,2),(2),(1)", {"2,1,0,2,1"}, (2, 1, 0, 2, 1)),
        ("", {"2,1,0,2,0"}, (2, 1, 0, 2, 0)),
        ("+CNMI: (3),(3)", {"1,1,0,1,0"}, (1, 1, 0, 1, 0)),  # the list is wrong
        ("+CNMI: (1,2),(0,2),(0),(0,2),(1)", {"2,2,0,2,1"}, (2, 2, 0, 2, 1)),  # the modem stores no messages
        (
            "+CNMI: (0-2),(0-3),(0),(0-2),(0)",
            {"2,2,0,1,0", "1,1,0,0,0"},
            (1, 1, 0, 0, 0),
        ),  # announced is safer
        ("", {"2,1"}, (2, 1)),
        ("", set(), None),
    ],
)
def test_the_first_accepted_form_of_cnmi_is_used(
    listed: str, taken: set[str], chosen: tuple[int, ...] | None
) -> None:
    answers: Answers = {
        "AT+CNMI=?": line(listed) if listed else ERROR,
        "AT+CNMI": ERROR,
        **{f"AT+CNMI={form}": OK for form in taken},
    }
    with driving(answers) as (modem, _):
        modem.prepare()
        assert modem.notifications.form == chosen


@pytest.mark.parametrize("taken", ['"SM","SM","SM"', '"SM","SM"', '"SM"', '"ME","ME","ME"'])
def test_memories_are_set_with_the_number_of_arguments_that_the_modem_accepts(taken: str) -> None:
    answers: Answers = {
        "AT+CPMS?": line('+CPMS: "ME",0,10,"ME",0,10,"ME",0,10'),
        "AT+CPMS": ERROR,
        f"AT+CPMS={taken}": OK,
    }
    with driving(answers) as (modem, scripted):
        modem.prepare()
        assert f"AT+CPMS={taken}" in scripted.commands
        # Without an answer to AT+CPMS=? any memory may hold messages.
        assert modem.storage.others == (("SM", "SR") if "ME" in taken else ("ME", "SR"))


def test_memories_that_the_modem_lacks_are_not_read() -> None:
    answers: Answers = {
        "AT+CPMS?": line('+CPMS: "ME",0,10,"ME",0,10,"ME",0,10'),
        "AT+CPMS=?": line('+CPMS: ("SM","ME"),("SM","ME"),("SM","ME")'),
        "AT+CPMS": OK,
    }
    with driving(answers) as (modem, _):
        modem.prepare()
        assert modem.storage.others == ("ME",)


def test_a_listing_with_broken_records_keeps_every_index() -> None:
    listing = (
        b'\r\n+CMGL: 17,1,35\r\n0791AA\r\n+CMGL: 3,0,"abc",35\r\n+CMGL: x,0,,3\r\n0791BB\r\n'
        b"+CMGL: 4,2,,9\r\n0791CC\r\n+CMGL: 5,1,,9\r\nzz zz\r\n" + OK
    )
    with driving({"AT+CMGL": listing}) as (modem, _):
        assert modem.storage.stored() == [Stored(17, "0791AA"), Stored(3, ""), Stored(5, "zz zz")]


@pytest.mark.parametrize(
    ("answer", "stored"),
    [
        (b"\r\n+CMGR: 0,,35\r\n0791AA\r\n" + OK, Stored(1, "0791AA")),
        (b"\r\n+CMGR: ,,27\r\n0791AA\r\n" + OK, Stored(1, "0791AA")),
        (b"\r\n+CMGR: 2,,27\r\n0791AA\r\n" + OK, None),  # outgoing
        (b"\r\n+CMS ERROR: 321\r\n", None),
        (ERROR, None),
        (OK, None),
    ],
)
def test_reading_one_message(answer: bytes, stored: Stored | None) -> None:
    with driving({"AT+CMGR": answer}) as (modem, _):
        assert modem.storage.read(1) == stored


def test_deleting_a_missing_message_counts_as_deleted() -> None:
    with driving({"AT+CMGD": [b"\r\n+CMS ERROR: 321\r\n", OK, ERROR]}) as (modem, _):
        assert [modem.storage.delete(1), modem.storage.delete(1), modem.storage.delete(1)] == [
            True,
            True,
            False,
        ]


def test_a_restart_between_deletions_deletes_nothing_in_another_memory() -> None:
    # The start selects the default memory again: index 2 is an unread message there.
    restart = b"\r\nRDY\r\n"
    answers: Answers = {"AT+CPMS": line("+CPMS: 1,20,1,20,1,20"), "AT+CMGD": [restart, OK]}
    with driving(answers) as (modem, scripted):
        modem.prepare()
        assert not modem.storage.delete(1, "SR")
        assert not modem.storage.delete(2, "SR")
        assert modem.storage.read(2, "SR") is None
        assert modem.storage.stored("SR") is None
        assert scripted.commands[-1] == "AT+CMGD=1"


def test_the_memory_is_selected_again_after_a_silence() -> None:
    answers: Answers = {"AT+CPMS": line("+CPMS: 1,20,1,20,1,20"), "AT+CMGD": [b"", OK]}
    with driving(answers) as (modem, scripted):
        modem.prepare()
        assert not modem.storage.delete(1, "SR")  # the modem may have restarted without a report
        assert modem.storage.delete(2, "SR")
        assert scripted.commands[-2:] == ['AT+CPMS="SR"', "AT+CMGD=2"]


def test_pdu_mode_is_confirmed_by_the_answers_of_the_modem() -> None:
    busy = b"\r\n+CME ERROR: 14\r\n"
    refused: Answers = {"AT+CMGF=0": ERROR}
    cases: list[tuple[Answers, bool]] = [
        ({"AT+CMGF=0": [busy, ERROR, OK]}, True),  # no answer to AT+CMGF?, but OK
        ({**refused, "AT+CMGF?": line("+CMGF: 1")}, False),
        ({"AT+CMGF?": line("+CMGF: 1")}, False),  # OK, but still text mode
        ({**refused, "AT+CMGF?": line("+CMGF: 0")}, True),
        ({**refused, "AT+CMGF=?": line("+CMGF: (0)")}, True),  # the only mode
        ({**refused, "AT+CMGF=?": line("+CMGF: (0,1)")}, False),
        (refused, False),
        ({"AT+CMGF=0": b"\r\n+CMS ERROR: 500\r\n"}, False),
    ]
    for answers, confirmed in cases:
        with driving(answers) as (modem, _):
            modem.prepare()
            assert modem.mode.confirmed is confirmed, answers


def test_pdu_mode_is_accepted_only_where_the_modem_lacks_the_command() -> None:
    for refusal, accepted in ((ERROR, True), (b"\r\n+CMS ERROR: 500\r\n", False), (b"", False)):
        with driving({"AT+CMGF=0": refusal}) as (modem, _):
            modem.prepare()
            assert modem.mode.accept() is accepted, refusal


def test_phase_2_plus_is_switched_off_or_messages_are_acknowledged() -> None:
    with driving({"AT+CSMS": OK, "AT+CNMA": OK}) as (modem, scripted):
        modem.prepare()
        modem.acknowledge()
        assert "AT+CNMA" not in scripted.commands
    with driving({"AT+CSMS": ERROR, "AT+CSMS?": line("+CSMS: 1,1,1,1"), "AT+CNMA": OK}) as (modem, scripted):
        modem.prepare()
        modem.acknowledge()
        assert "AT+CNMA" in scripted.commands


def test_slots_are_switched_by_the_vendor_command_or_by_csus() -> None:
    with driving({"AT+CGMI": line("Quectel"), "AT+QUIMSLOT": OK}) as (modem, scripted):
        assert modem.switch(2, modem.slot_ways[0])
        assert scripted.commands[-1] == "AT+QUIMSLOT=2"
    with driving({"AT+CFUN": OK, "AT+CSUS": OK}) as (modem, scripted):
        assert modem.switch(2, modem.slot_ways[-1])
        assert scripted.commands[-3:] == ["AT+CFUN=4", "AT+CSUS=1", "AT+CFUN=1"]
    with driving() as (modem, _):
        assert not any(modem.switch(2, way) for way in modem.slot_ways)


@pytest.mark.parametrize(
    ("device", "word"),
    [("/nowhere/at/all", "plugged in"), ("/dev/null", "no serial device"), ("/", "no serial device")],
)
def test_a_device_that_cannot_be_opened_is_reported_with_a_remedy(device: str, word: str) -> None:
    with pytest.raises(DeviceUnavailableError, match=word):
        open_device(device, 115200)


def test_ussd_uses_ucs2_where_the_gsm_character_set_is_refused() -> None:
    def answer(modem: ScriptedModem) -> None:
        modem.say(OK + f'\r\n+CUSD: 0,"{ucs2("Votre solde est de 500 FCFA")}",72\r\n'.encode())

    answers: Answers = {
        "AT+CSCS?": line('+CSCS: "UCS2"'),
        'AT+CSCS="GSM"': ERROR,
        "AT+CSCS": OK,
        "AT+CUSD": answer,
    }
    with driving(answers) as (modem, scripted):
        (reply,) = modem.ussd(["*100#"])
    assert reply.text == "Votre solde est de 500 FCFA"
    assert f'AT+CUSD=1,"{ucs2("*100#")}",15' in scripted.commands
