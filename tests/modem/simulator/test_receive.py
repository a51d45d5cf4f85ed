"""Incoming messages: stored, forwarded, announced (27.005, 3.4), listed, read, deleted."""

from __future__ import annotations

import pytest

from tests.modem.simulator.bench import Bench, MakeBench

PHONE = "+22376000000"


def test_a_stored_text_is_announced_listed_read_and_deleted(bench: Bench) -> None:
    bench.say("AT+CNMI=2,1,0,0,0")
    bench.network.incoming(bench.sim(), PHONE, "Bonjour")
    assert bench.hear() == b'\r\n+CMTI: "SM",1\r\n'
    assert bench.say("AT+CPMS?") == '+CPMS: "SM",1,20,"SM",1,20,"SM",1,20|OK'
    head, pdu, _ = bench.say("AT+CMGL=0").split("|")
    assert head == f"+CMGL: 1,0,,{len(pdu) // 2 - 8}"
    assert pdu.startswith("07912273009099F9040B912273060000F00000")
    assert bench.say("AT+CMGL=0") == "OK"  # it is read now
    assert bench.say("AT+CMGR=1") == f"+CMGR: 1,,{len(pdu) // 2 - 8}|{pdu}|OK"
    assert bench.say("AT+CMGD=1") == "OK"
    assert bench.say("AT+CMGD=1") == "+CMS ERROR: 321"
    assert bench.say("AT+CMGR=1") == "+CMS ERROR: 321"


def test_a_text_that_came_without_a_reader_is_listed_later(bench: Bench) -> None:
    bench.network.incoming(bench.sim(), PHONE, "Bonjour")
    assert bench.hear() == b""
    assert bench.say("AT+CMGL=4").startswith("+CMGL: 1,0,,")


def test_indications_are_held_until_they_are_enabled(bench: Bench) -> None:
    bench.say("AT+CNMI=0,1")
    bench.network.incoming(bench.sim(), PHONE, "Bonjour")
    assert bench.say("AT+CNMI=0,1") == "OK"
    assert bench.say("AT+CNMI=2,1,0,0,0") == '+CMTI: "SM",1|OK'


def test_held_indications_are_cleared_on_request(bench: Bench) -> None:
    bench.say("AT+CNMI=0,1")
    bench.network.incoming(bench.sim(), PHONE, "Bonjour")
    assert bench.say("AT+CNMI=2,1,0,0,1") == "OK"


def test_a_text_is_handed_over(bench: Bench) -> None:
    bench.say("AT+CNMI=2,2,0,0,0")
    bench.network.incoming(bench.sim(), PHONE, "Bonjour")
    head, pdu = bench.hear().decode().strip().split("\r\n")
    assert head == f"+CMT: ,{len(pdu) // 2 - 8}"
    assert bench.say("AT+CMGL=4") == "OK"


def test_flash_is_shown_and_never_stored(bench: Bench) -> None:
    bench.say("AT+CNMI=2,1,0,0,0")
    bench.network.incoming(bench.sim(), PHONE, "Flash", dcs=0x10)
    assert bench.hear().startswith(b"\r\n+CMT: ,")
    assert bench.say("AT+CMGL=4") == "OK"


def test_text_mode_shows_a_text(bench: Bench) -> None:
    bench.say('AT+CMGF=1;+CSCS="IRA"')
    bench.network.incoming(bench.sim(), PHONE, "Bonjour")
    shown = '"+22376000000",,"26/11/18,11:06:40+00"|Bonjour|OK'
    assert bench.say('AT+CMGL="ALL"') == f'+CMGL: 1,"REC UNREAD",{shown}'
    assert bench.say("AT+CMGR=1") == f'+CMGR: "REC READ",{shown}'
    assert bench.say('AT+CMGL="SOME"') == "+CMS ERROR: 305"


def test_full_memory_keeps_texts_in_the_network_until_there_is_room(make_bench: MakeBench) -> None:
    bench = make_bench(storage=2)
    bench.say("AT+CNMI=2,1")
    for word in ("un", "deux", "trois"):
        bench.network.incoming(bench.sim(), PHONE, word)
    assert bench.hear() == b'\r\n+CMTI: "SM",1\r\n\r\n+CMTI: "SM",2\r\n'
    assert bench.say("AT+CMGD=1") == 'OK|+CMTI: "SM",1'
    assert bench.say("AT+CPMS?").startswith('+CPMS: "SM",2,2')


@pytest.mark.parametrize(
    ("flag", "left"),
    [(1, ["0", "2", "3"]), (2, ["0", "2"]), (3, ["0"]), (4, [])],
    ids=["read", "sent", "unsent", "all"],
)
def test_deleting_by_kind(bench: Bench, flag: int, left: list[str]) -> None:
    pdu = "0011000B912263000000F10000AA07C2B75BFDAECB01"
    for status in range(4):
        bench.write(f"AT+CMGW=21,{status}\r{pdu}\x1a".encode())
    assert bench.say(f"AT+CMGD=1,{flag}") == "OK"
    listed = bench.say("AT+CMGL=4").split("|")
    assert [line.split(",")[1] for line in listed if line.startswith("+CMGL")] == left


def test_other_memories(bench: Bench) -> None:
    assert bench.say('AT+CPMS="ME","SM","ME"') == "+CPMS: 0,50,0,20,0,50|OK"
    bench.say("AT+CNMI=2,1")
    bench.network.incoming(bench.sim(), PHONE, "Bonjour")
    assert bench.hear() == b'\r\n+CMTI: "ME",1\r\n'
    assert bench.say("AT+CMGL=4").startswith("+CMGL: 1,0")
    assert bench.say('AT+CPMS="XX"') == "+CMS ERROR: 302"
    assert bench.say("AT+CPMS=SM") == "+CMS ERROR: 302"
    assert bench.say('AT+CPMS="SM","SR"') == "+CMS ERROR: 302"


@pytest.mark.parametrize(
    "raw", ["2,4", "4", "2,1,1", "2,1,0,3", "2,1,0,0,2", "2,1,0,0,0,0", "a", "2,1,0,0,0,"]
)
def test_routing_out_of_range(bench: Bench, raw: str) -> None:
    assert bench.say(f"AT+CNMI={raw}") == "+CMS ERROR: 303"
    assert bench.say("AT+CNMI?") == "+CNMI: 0,0,0,0,0|OK"


def test_routing_keeps_what_is_left_out(bench: Bench) -> None:
    bench.say("AT+CNMI=2,1,0,1,0")
    assert bench.say("AT+CNMI=1,,,2") == "OK"
    assert bench.say("AT+CNMI?") == "+CNMI: 1,1,0,2,0|OK"


def test_phase_2_plus_requires_acknowledgements(bench: Bench) -> None:
    assert bench.say("AT+CSMS=1") == "+CSMS: 1,1,1|OK"
    bench.say("AT+CNMI=2,2,0,1,0")
    assert bench.say("AT+CNMA") == "+CMS ERROR: 340"
    bench.network.incoming(bench.sim(), PHONE, "un")
    assert bench.hear().startswith(b"\r\n+CMT: ")
    assert bench.say("AT+CNMA=0") == "OK"
    bench.network.incoming(bench.sim(), PHONE, "deux")
    assert bench.hear().startswith(b"\r\n+CMT: ")
    bench.pass_time(16)  # unacknowledged: routing falls back to none
    assert bench.say("AT+CNMI?") == "+CNMI: 2,0,0,0,0|OK"


# --- from one modem to another, and back ---

GOOD = "31000B912263000000F10000AA07C2B75BFDAECB01"


def test_a_text_for_another_card_arrives_there_and_is_reported(bench: Bench) -> None:
    bench.say("AT+CNMI=2,1,0,1,0")
    bench.say("AT+CNMI=2,2,0,0,0", 2)
    assert bench.submit("00" + GOOD, seconds=3.5) == "+CMGS: 0|OK"
    bench.pass_time(2)
    head, pdu = bench.hear(2).decode().strip().split("\r\n")
    assert head.startswith("+CMT: ,")
    assert pdu == "07912263009099F9" + "04" + "0B912273000000F1" + "0000" + "62118111603400" + GOOD[-16:]
    head, pdu = bench.hear(1).decode().strip().split("\r\n")
    assert head == f"+CDS: {len(pdu) // 2 - 8}"
    assert (
        pdu == "07912273009099F9" + "0600" + "0B912263000000F1" + "62118111603400" + "62118111605400" + "00"
    )


def test_user_data_header_and_coding_are_carried_unchanged(bench: Bench) -> None:
    bench.say("AT+CNMI=2,2", 2)
    bench.submit("00" + "51000B912263000000F1" + "3908AA" + "0A" + "050003CC0201" + "D83DDE00")
    pdu = bench.hear(2).decode().strip().split("\r\n")[1]
    assert pdu[16:18] == "44"  # TP-UDHI, no more messages
    assert pdu.endswith("0A" + "050003CC0201" + "D83DDE00")
    assert pdu[34:38] == "3908"


def test_a_report_is_stored(bench: Bench) -> None:
    bench.say("AT+CNMI=2,1,0,2,0")
    assert bench.submit("00" + GOOD) == '+CMGS: 0|OK|+CDSI: "SR",1'
    bench.say('AT+CPMS="SR"')
    assert bench.say("AT+CMGR=1").startswith("+CMGR: 0,,25|")


def test_no_report_unless_it_was_asked_for(bench: Bench) -> None:
    bench.say("AT+CNMI=2,1,0,1,0")
    assert bench.submit("00" + "11" + GOOD[2:]) == "+CMGS: 0|OK"


def test_a_failed_delivery_is_reported(make_bench: MakeBench) -> None:
    bench = make_bench(report_status={"+22360000001": 0x46})
    bench.say("AT+CNMI=2,1,0,1,0")
    assert bench.submit("00" + GOOD).endswith("46")
    assert bench.say("AT+CMGL=4", 2) == "OK"


def test_a_text_waits_for_a_card_that_is_not_registered(bench: Bench) -> None:
    bench.say("AT+CNMI=2,1,0,1,0")
    bench.say("AT+CNMI=2,1", 2)
    bench.modems[1].radio.cover(0)
    assert bench.submit("00" + GOOD) == "+CMGS: 0|OK"
    assert bench.hear(2) == b""
    bench.modems[1].radio.cover(1)
    bench.pass_time(1)
    assert bench.hear(2) == b'\r\n+CMTI: "SM",1\r\n'
    assert bench.hear(1).startswith(b"\r\n+CDS: 25\r\n")


def test_an_undeliverable_text_expires(bench: Bench) -> None:
    bench.say("AT+CNMI=2,1,0,1,0")
    bench.modems[1].radio.cover(0)
    bench.submit("00" + GOOD.replace("0000AA", "000000"))  # valid for five minutes
    bench.pass_time(400)
    assert bench.hear(1).strip().endswith(b"46")
    bench.modems[1].radio.cover(1)
    bench.pass_time(1)
    assert bench.say("AT+CMGL=4", 2) == "OK"


def test_a_text_to_oneself(bench: Bench) -> None:
    bench.say("AT+CNMI=2,1,0,1,0")
    assert bench.submit("00" + GOOD.replace("2263", "2273")).startswith('+CMGS: 0|OK|+CMTI: "SM",1|+CDS: 25|')


@pytest.mark.parametrize(
    ("dialled", "recipient"),
    [("0B912263000000F1", "+22360000001"), ("088106000010", "+22360000001"), ("05816311F1", "36111")],
)
def test_numbers_as_they_are_dialled(bench: Bench, dialled: str, recipient: str) -> None:
    assert bench.submit(f"001100{dialled}0000AA0141") == "+CMGS: 0|OK"
    assert bench.witness.accepted()[0].recipient == recipient
