"""+CMGS: accepted and refused submissions (27.005, 3.5.1 and 4.3; 23.040, 9.2.2.2)."""

from __future__ import annotations

import pytest
from gsmmodem import pdu as second_opinion

from modem.simulator.core.faults import Fault
from tests.modem.simulator.bench import Bench, MakeBench

# SMS-SUBMIT to +22360000001, relative validity, "Bonjour"
HEAD, ADDRESS, TAIL, TEXT = "1100", "0B912263000000F1", "0000AA", "07C2B75BFDAECB01"
GOOD = HEAD + ADDRESS + TAIL + TEXT


def test_a_submission_is_answered_after_the_network_took_it(bench: Bench) -> None:
    assert bench.write(b"AT+CMGS=21\r") == b"\r\n> "
    assert bench.write(f"00{GOOD}\x1a".encode()) == b""
    bench.pass_time(2.9)
    assert bench.hear() == b""
    bench.pass_time(0.2)
    assert bench.hear() == b"\r\n+CMGS: 0\r\n\r\nOK\r\n"
    (accepted,) = bench.witness.accepted()
    assert (accepted.sender, accepted.recipient, accepted.text) == ("+22370000001", "+22360000001", "Bonjour")
    assert accepted.tpdu.hex().upper() == GOOD


def test_echo_of_a_submission(make_bench: MakeBench) -> None:
    bench = make_bench(quiet=False)
    assert bench.write(b"AT+CMGS=21\r") == b"AT+CMGS=21\r\r\n> "
    assert bench.write(b"0011\x1a") == b"0011\r\n+CMS ERROR: 304\r\n"


MALFORMED = [
    pytest.param("00" + GOOD, 20, "+CMS ERROR: 304", id="length one too small"),
    pytest.param("00" + GOOD, 22, "+CMS ERROR: 304", id="length one too large"),
    pytest.param("00" + GOOD, 6, "+CMS ERROR: 304", id="shorter than any SMS-SUBMIT"),
    pytest.param("00" + GOOD, 165, "+CMS ERROR: 304", id="longer than any SMS-SUBMIT"),
    pytest.param("00" + GOOD[:-1], 21, "+CMS ERROR: 304", id="half an octet"),
    pytest.param("00" + GOOD[:-2] + "0G", 21, "+CMS ERROR: 304", id="no hexadecimal digit"),
    pytest.param("00" + GOOD[:-2] + " 1", 21, "+CMS ERROR: 304", id="a blank"),
    pytest.param("", 21, "+CMS ERROR: 304", id="nothing"),
    pytest.param("00" * 400, 164, "+CMS ERROR: 304", id="more than the buffer holds"),
    pytest.param("01" + GOOD, None, "+CMS ERROR: 304", id="a service centre of a type alone"),
    pytest.param(
        "07112273000000F9" + GOOD, None, "+CMS ERROR: 304", id="a service centre without extension bit"
    ),
    pytest.param("00" + "10" + GOOD[2:], None, "+CMS ERROR: 304", id="TP-MTI of another kind"),
    pytest.param(
        "00" + HEAD + "0B112263000000F1" + TAIL + TEXT, None, "+CMS ERROR: 304", id="type of address"
    ),
    pytest.param("00" + HEAD + "0B91226300000001" + TAIL + TEXT, None, "+CMS ERROR: 304", id="no filler"),
    pytest.param(
        "00" + HEAD + "0C912263000000F1" + TAIL + TEXT, None, "+CMS ERROR: 304", id="a filler counted"
    ),
    pytest.param(
        "00" + HEAD + "0B9122F3000000F1" + TAIL + TEXT, None, "+CMS ERROR: 304", id="a filler inside"
    ),
    pytest.param(
        "00" + HEAD + "FF912263000000F1" + TAIL + TEXT, None, "+CMS ERROR: 304", id="an endless address"
    ),
    pytest.param(
        "00" + HEAD + "0BD02263000000F1" + TAIL + TEXT, None, "+CMS ERROR: 195", id="a name is no recipient"
    ),
    pytest.param(
        "00" + HEAD + ADDRESS + TAIL + "09" + TEXT[2:], None, "+CMS ERROR: 304", id="TP-UDL one octet more"
    ),
    pytest.param(
        "00" + HEAD + ADDRESS + TAIL + "06" + TEXT[2:], None, "+CMS ERROR: 304", id="TP-UDL one octet less"
    ),
    pytest.param(
        "00" + HEAD + ADDRESS + "000CAA" + "0100", None, "+CMS ERROR: 144", id="a reserved alphabet"
    ),
    pytest.param("00" + HEAD + ADDRESS + "0020AA" + "0100", None, "+CMS ERROR: 159", id="compressed"),
    pytest.param("00" + HEAD + ADDRESS + "0008AA" + "03004100", None, "+CMS ERROR: 304", id="UCS-2, length"),
    pytest.param("00" + HEAD + ADDRESS + "0008AA" + "03004141", None, "+CMS ERROR: 304", id="half a UCS-2"),
    pytest.param(
        "00" + "5100" + ADDRESS + "0004AA" + "0205000", None, "+CMS ERROR: 304", id="header, odd digits"
    ),
    pytest.param(
        "00" + "5100" + ADDRESS + "0004AA" + "020500", None, "+CMS ERROR: 304", id="a header beyond the end"
    ),
    pytest.param(
        "00" + "5100" + ADDRESS + "0004AA" + "06050003010203", None, "+CMS ERROR: 111", id="part 3 of 2"
    ),
    pytest.param(
        "00" + "5100" + ADDRESS + "0004AA" + "06050003010000", None, "+CMS ERROR: 111", id="part 0 of 0"
    ),
    pytest.param(
        "00" + HEAD + ADDRESS + "0004AA" + "8D" + "00" * 141, None, "+CMS ERROR: 304", id="141 octets"
    ),
    pytest.param(
        "00" + HEAD + ADDRESS + "0000AA" + "A1" + "00" * 141, None, "+CMS ERROR: 304", id="161 septets"
    ),
]


@pytest.mark.parametrize(("pdu", "length", "answer"), MALFORMED)
def test_a_malformed_submission_is_refused(bench: Bench, pdu: str, length: int | None, answer: str) -> None:
    assert bench.submit(pdu, length=length) == answer
    assert bench.witness.accepted() == ()
    assert bench.say("AT") == "OK"


@pytest.mark.parametrize(
    "raw",
    [
        "AT+CMGS",
        "AT+CMGS=",
        "AT+CMGS=abc",
        'AT+CMGS="22"',
        "AT+CMGS=-1",
        "AT+CMGS=6",
        "AT+CMGS=165",
        "AT+CMGS=22,1",
    ],
)
def test_a_wrong_parameter_gets_no_prompt(bench: Bench, raw: str) -> None:
    assert bench.say(raw) == "+CMS ERROR: 304"


def test_the_modem_gives_references_0_to_255_and_begins_again(make_bench: MakeBench) -> None:
    bench = make_bench(submit_s=0.0)
    answers = [bench.submit("00" + GOOD, seconds=0.0) for _ in range(258)]
    assert answers[:2] == ["+CMGS: 0|OK", "+CMGS: 1|OK"]
    assert answers[255:] == ["+CMGS: 255|OK", "+CMGS: 0|OK", "+CMGS: 1|OK"]


def test_escape_sends_nothing(bench: Bench) -> None:
    assert bench.write(b"AT+CMGS=21\r00\x1b") == b"\r\n> \r\nOK\r\n"
    assert bench.say("AT") == "OK"
    bench.pass_time(10)
    assert bench.witness.accepted() == ()


def test_line_feed_after_the_command_is_no_part_of_the_pdu(bench: Bench) -> None:
    bench.write(b"AT+CMGS=21\r\n" + f"00{GOOD}\x1a".encode())
    bench.pass_time(5)
    assert bench.hear() == b"\r\n+CMGS: 0\r\n\r\nOK\r\n"


def test_input_during_a_submission_is_lost(bench: Bench) -> None:
    bench.write(f"AT+CMGS=21\r00{GOOD}\x1aAT+CSQ\r".encode())
    assert bench.write(b"AT\r") == b""
    bench.pass_time(5)
    assert bench.hear() == b"\r\n+CMGS: 0\r\n\r\nOK\r\n"


def test_unsolicited_lines_wait_for_the_end_of_the_text(bench: Bench) -> None:
    bench.say("AT+CNMI=2,1")
    bench.write(b"AT+CMGS=21\r")
    bench.network.incoming(bench.sim(), "+22376000000", "x")
    bench.pass_time(1)
    assert bench.hear() == b""
    bench.write(b"00")
    assert bench.write(f"{GOOD}\x1a".encode()) == b'\r\n+CMTI: "SM",1\r\n'


def test_unregistered(bench: Bench) -> None:
    bench.modems[0].radio.cover(3)
    assert bench.submit("00" + GOOD) == "+CMS ERROR: 331"


def test_without_a_service_centre(bench: Bench) -> None:
    bench.say('AT+CSCA=""')
    assert bench.submit("00" + GOOD) == "+CMS ERROR: 330"
    assert bench.submit("07912273000000F9" + GOOD) == "+CMGS: 0|OK"


def test_refused_by_the_network(make_bench: MakeBench) -> None:
    bench = make_bench(refusals={"+22360000001": 21})
    assert bench.submit("00" + GOOD) == "+CMS ERROR: 21"
    assert bench.say("AT") == "OK"


def test_every_submission_fails_where_all_must_fail(make_bench: MakeBench) -> None:
    bench = make_bench(fail_rate=1.0, fail_code=42)
    assert bench.submit("00" + GOOD) == "+CMS ERROR: 42"


def test_a_duplicate_is_rejected_when_asked(make_bench: MakeBench) -> None:
    bench = make_bench(delivery_s=100.0)
    assert bench.submit("00" + GOOD) == "+CMGS: 0|OK"
    assert bench.submit("00" + "15" + GOOD[2:]) == "+CMS ERROR: 197"
    assert bench.submit("00" + GOOD) == "+CMGS: 1|OK"


@pytest.mark.parametrize(
    "text", ["Bonjour", "à €[]{}\\^~|", "ç œ", "x" * 160, "a" * 400, "éê" * 100, "@" * 8]
)
def test_a_submission_of_another_codec_is_decoded(make_bench: MakeBench, text: str) -> None:
    bench = make_bench(submit_s=0.0)
    for part in second_opinion.encodeSmsSubmitPdu(
        "+22360000001", text, reference=1, requestStatusReport=True
    ):
        answer = bench.submit(bytes(part.data).hex().upper(), length=part.tpduLength, seconds=0.0)
        assert answer.endswith("OK")
    (whole,) = bench.witness.texts()
    assert whole.text == text


# --- text mode ---


def test_text_mode(bench: Bench) -> None:
    bench.say('AT+CMGF=1;+CSCS="IRA"')
    assert bench.write(b'AT+CMGS="+22360000001"\r') == b"\r\n> "
    assert bench.write(b"Hello\rWorld\x1a") == b"\r\n> "
    bench.pass_time(5)
    assert bench.hear() == b"\r\n+CMGS: 0\r\n\r\nOK\r\n"
    assert bench.witness.texts()[0].text == "Hello\rWorld"


def test_text_mode_in_ucs2(bench: Bench) -> None:
    bench.say('AT+CMGF=1;+CSCS="UCS2";+CSMP=17,167,0,8')
    number = "+22360000001".encode("utf-16-be").hex()
    bench.write(f'AT+CMGS="{number}"\r'.encode())
    bench.write("ça 😀".encode("utf-16-be").hex().encode() + b"\x1a")
    bench.pass_time(5)
    assert bench.hear() == b"\r\n+CMGS: 0\r\n\r\nOK\r\n"
    assert (bench.witness.texts()[0].recipient, bench.witness.texts()[0].text) == ("+22360000001", "ça 😀")


@pytest.mark.parametrize(
    ("setup", "command", "body", "answer"),
    [
        pytest.param("AT+CMGF=1", "AT+CMGS=22", None, "+CMS ERROR: 305", id="a number without quotes"),
        pytest.param("AT+CMGF=1", 'AT+CMGS=""', None, "+CMS ERROR: 305", id="no number"),
        pytest.param("AT+CMGF=1", 'AT+CMGS="abc"', None, "+CMS ERROR: 305", id="letters"),
        pytest.param("AT+CMGF=1", 'AT+CMGS="76"', b"x" * 161, "+CMS ERROR: 305", id="161 characters"),
        pytest.param("AT+CMGF=1", 'AT+CMGS="76"', b"\xe9", "+CMS ERROR: 305", id="no GSM octet"),
        pytest.param(
            "AT+CMGF=1;+CSMP=17,167,0,8", 'AT+CMGS="76"', b"00E", "+CMS ERROR: 305", id="half an octet"
        ),
        pytest.param("AT+CMGF=1;+CSMP=17,167,0,8", 'AT+CMGS="76"', b"00E9", "+CMGS: 0|OK", id="UCS-2 digits"),
        pytest.param("AT+CMGF=1", 'AT+CMGS="76000000",129', b"x" * 160, "+CMGS: 0|OK", id="160 characters"),
    ],
)
def test_text_mode_is_as_strict(
    bench: Bench, setup: str, command: str, body: bytes | None, answer: str
) -> None:
    bench.say(setup)
    said = bench.say(command)
    if body is not None:
        assert said == "> "
        answered = bench.write(body + b"\x1a")
        bench.pass_time(5)
        answered += bench.hear()
        said = "|".join([line for line in answered.decode().split("\r\n") if line])
    assert said == answer


# --- stored messages ---


def test_a_stored_message_is_sent(bench: Bench) -> None:
    bench.write(f"AT+CMGW=21\r00{GOOD}\x1a".encode())
    assert bench.say("AT+CMGL=2") == f"+CMGL: 1,2,,21|00{GOOD}|OK"
    bench.say("AT+CMSS=1")
    bench.pass_time(5)
    assert bench.hear() == b"\r\n+CMSS: 0\r\n\r\nOK\r\n"
    assert bench.witness.texts()[0].text == "Bonjour"
    assert bench.say("AT+CMGL=3") == f"+CMGL: 1,3,,21|00{GOOD}|OK"
    assert bench.say("AT+CMSS=2") == "+CMS ERROR: 321"


def test_a_stored_message_is_marked_once_the_network_took_it(bench: Bench) -> None:
    bench.write(f"AT+CMGW=21,2\r00{GOOD}\x1a".encode())
    bench.modems[0].faults.arm(Fault.ABANDONED)
    bench.say("AT+CMSS=1")
    assert bench.say("\x1bAT+CMGL=2") == f"+CMGL: 1,2,,21|00{GOOD}|OK"
    bench.pass_time(5)
    assert bench.hear() == b""
    assert bench.say("AT+CMGL=3") == f"+CMGL: 1,3,,21|00{GOOD}|OK"
    assert len(bench.witness.accepted()) == 1


@pytest.mark.parametrize("fault", [Fault.RESET_BEFORE, Fault.RESET_AFTER])
def test_the_mark_is_lost_with_the_power(bench: Bench, fault: Fault) -> None:
    bench.write(f"AT+CMGW=21,2\r00{GOOD}\x1a".encode())
    bench.modems[0].faults.arm(fault)
    bench.say("AT+CMSS=1")
    bench.pass_time(10)
    bench.hear()
    assert "+CMGL: 1,2,," in bench.say("AT+CMGL=4")


@pytest.mark.parametrize(
    ("make", "command", "answer"),
    [
        ("plain-writes-nothing", f"AT+CMGW=21\r00{GOOD}\x1a", "ERROR"),
        ("plain-sends-nothing-stored", "AT+CMSS=1\r", "+CMS ERROR: 303"),
    ],
)
def test_makes_that_cannot_send_from_memory(
    make_bench: MakeBench, make: str, command: str, answer: str
) -> None:
    bench = make_bench(personality=make)
    assert answer in bench.write(command.encode()).decode()


def test_a_held_command_waits_and_continues_or_is_dropped(bench: Bench) -> None:
    modem = bench.modems[0]
    for forget, answer in ((False, "OK"), (True, "")):
        modem.hold("+CSQ", answer=False)
        assert bench.say("AT+CSQ") == ""
        modem.release(forget=forget)
        assert answer in bench.hear().decode()
        assert bench.say("AT") == "OK"
    modem.hold("+CMGW", answer=True)
    bench.write(f"AT+CMGW=21,2\r00{GOOD}\x1a".encode())
    assert bench.sim().storage.used == 1
    modem.release()
    assert bench.hear() == b"\r\n+CMGW: 1\r\n\r\nOK\r\n"
