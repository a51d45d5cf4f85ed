"""Every parser of an answer, with replies of real modems."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modem.at.responses import asked_registration, reference_of
from modem.driver import parsers
from modem.driver.notifications import is_about_texts
from modem.driver.parsers import Record
from modem.driver.ussd import Form, parse
from modem.sms.gsm7 import plain

# 18 to 20 digits after 89; the last is no F, which would be filler.
ICCIDS = st.from_regex(r"\A89[0-9A-F]{15,17}[0-9A-E]\Z")

ICCID_HEADS = (
    "", "+CCID: ", "+CCID:", "+ICCID: ", "^ICCID: ", "+QCCID: ", "#CCID: ", "+CICCID: ", "+ZGETICCID: ", "!ICCID: ", "ICCID: ",
)  # fmt: skip


def wide(text: str) -> str:
    """UCS-2 in hexadecimal digits."""
    return text.encode("utf-16-be").hex().upper()


def in_file(number: str) -> str:
    """An ICCID in the form of EF-ICCID: ten octets, with filler and swapped nibbles (31.102, 4.2.1)."""
    full = number.ljust(20, "F")
    return "".join(full[place + 1] + full[place] for place in range(0, 20, 2))


# The modem


@pytest.mark.parametrize(
    ("line", "name", "word"),
    [
        (" WAVECOM MODEM", "+CGMI", "WAVECOM MODEM"),
        ('+CGMM: "MULTIBAND  900E  1800"', "+CGMM", "MULTIBAND  900E  1800"),
        ("SIMCOM_SIM800L", "+CGMM", "SIMCOM_SIM800L"),
        ("", "+CGMI", ""),
    ],
)
def test_word(line: str, name: str, word: str) -> None:
    assert parsers.word([line] if line else [], name) == word


@pytest.mark.parametrize(
    ("text", "imei"),
    [
        ("356938035643809", "356938035643809"),
        ("+CGSN: 356938035643809", "356938035643809"),
        ("IMEI:35693803564380", "35693803564380"),
        ("3569380356438091", "3569380356438091"),  # with the software version
        ("8922301000000000017", ""),  # an ICCID
        ("", ""),
    ],
)
def test_imei(text: str, imei: str) -> None:
    assert parsers.imei(text) == imei


@pytest.mark.parametrize(
    ("lines", "functionality"),
    [(["+CFUN: 1"], 1), (["+CFUN:4,0"], 4), (["+CFUN:"], None), (["+CFUN: x"], None), ([], None)],
)
def test_functionality(lines: list[str], functionality: int | None) -> None:
    assert parsers.functionality(lines) == functionality


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ('+CSCS: "GSM"', "GSM"),
        ("+CSCS:UCS2", "UCS2"),
        ("^USSDMODE: 0", "0"),
        ("+CSCS: ", ""),
        ("OK", ""),
    ],
)
def test_setting(line: str, value: str) -> None:
    assert parsers.setting(line) == value


@pytest.mark.parametrize(
    ("lines", "place", "value"),
    [
        (['+QURCCFG: "urcport","usbat"'], 1, "usbat"),
        (["+CTZU: 1"], 0, "1"),
        (["+CTZU:", "+CTZU: 3"], 0, "3"),
        (["+CTZU: 1"], 1, ""),
        ([], 0, ""),
    ],
)
def test_field_of(lines: list[str], place: int, value: str) -> None:
    assert parsers.field_of(lines, place) == value


def seconds(line: str) -> float | None:
    told = parsers.network_time(line)
    return None if told is None else told / 1e6


@pytest.mark.parametrize(
    ("line", "utc"),
    [
        ('+CCLK: "26/11/22,13:22:00+00"', datetime(2026, 11, 22, 13, 22, tzinfo=UTC)),
        ('+CCLK: "26/11/22,13:22:00+04"', datetime(2026, 11, 22, 12, 22, tzinfo=UTC)),
        ('+CCLK: "26/12/31,20:00:00-24"', datetime(2027, 1, 1, 2, 0, tzinfo=UTC)),
        ('+CCLK: "80/01/06,00:00:12+00"', datetime(1980, 1, 6, 0, 0, 12, tzinfo=UTC)),
        ('+CCLK: "04/01/01,00:01:00+00"', datetime(2004, 1, 1, 0, 1, tzinfo=UTC)),
        ("+CCLK: 17/07/26,11:42:15+01", datetime(2017, 7, 26, 11, 27, 15, tzinfo=UTC)),
        ("+CCLK:17/07/26,11:42:15-04", datetime(2017, 7, 26, 12, 42, 15, tzinfo=UTC)),
        ('+CCLK: "17/07/26,11:42:15+01', datetime(2017, 7, 26, 11, 27, 15, tzinfo=UTC)),
        ('+CCLK: 17/07/26,11:42:15+01"', datetime(2017, 7, 26, 11, 27, 15, tzinfo=UTC)),
        ('+CCLK: "17/07/26, 11:42:15 +04"', datetime(2017, 7, 26, 10, 42, 15, tzinfo=UTC)),
        ('+CCLK: "2017/07/26,11:42:15+04"', datetime(2017, 7, 26, 10, 42, 15, tzinfo=UTC)),
        ('+CCLK: "1980/01/06,00:00:12+00"', datetime(1980, 1, 6, 0, 0, 12, tzinfo=UTC)),
        ('+CCLK: "17/7/6,9:42:15+0"', datetime(2017, 7, 6, 9, 42, 15, tzinfo=UTC)),
        ('+CCLK: "17/07/26,11:42:15+04,0"', datetime(2017, 7, 26, 10, 42, 15, tzinfo=UTC)),
        ('+CCLK: "17/07/26,11:42:15+04",1', datetime(2017, 7, 26, 10, 42, 15, tzinfo=UTC)),
        ('+CCLK: "17/07/26,11:42:15.7+00"', datetime(2017, 7, 26, 11, 42, 15, tzinfo=UTC)),
        (f'+CCLK: "{wide("17/07/26,11:42:15+01")}"', datetime(2017, 7, 26, 11, 27, 15, tzinfo=UTC)),
    ],
)
def test_network_time(line: str, utc: datetime) -> None:
    assert seconds(line) == utc.timestamp()


@pytest.mark.parametrize(
    "line",
    [
        "",
        "+CCLK:",
        '+CCLK: ""',
        '+CCLK: "26/11/22,13:22:00"',  # no zone
        '+CCLK: "26/13/22,13:22:00+00"',
        '+CCLK: "26/11/22,25:22:00+00"',
        '+CCLK: "26/11/22,13:22:00+97"',
        '+CCLK: "٢٦/11/22,13:22:00+00"',
        "+CCLK: 26/11/22,13:22:00",
        '+CCLK: "26/11/22,13:22:00+01:00"',
        '+CCLK: "26/11/22,13:22:00+100"',
        '+CCLK: "2126/11/22,13:22:00+00"',
        "+CCLK: 00/00/00,00:00:00+00",
    ],
)
def test_a_line_without_a_valid_time_gives_none(line: str) -> None:
    assert parsers.network_time(line) is None


@given(
    st.datetimes(datetime(1970, 1, 3), datetime(2069, 12, 29)),  # noqa: DTZ001 - the zone is added
    st.integers(-96, 96),
)
def test_network_time_in_any_zone(utc: datetime, quarters: int) -> None:
    utc = utc.replace(microsecond=0, tzinfo=UTC)
    local = utc + timedelta(minutes=15 * quarters)
    assert seconds(f'+CCLK: "{local:%y/%m/%d,%H:%M:%S}{quarters:+03d}"') == utc.timestamp()


# The network


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("+CREG: 0,1", 1),
        ('+CREG: 2,5,"25FF","825E"', 5),
        ("+CREG: 2,1,4CA,81DE445", 1),
        ('+CREG: 2,1,"","605F"', 1),
        ('+CREG: 2,1,"5E25', 1),
        ('+CREG:002,001,"18d8","ffff"', 1),
        ("+CREG: 000,005", 5),
        ("+CREG: 2,01,18d8,ffff", 1),
        ('+CREG: "2","1","18D8","FFFF"', 1),
        ('+CREG: 2,"1,"18D8","FFFF"', 1),
        ('+CREG: 2,1","18D8","FFFF"', 1),
        ('+CREG: 2,1,"0B,"0100701",7', 1),
        ("+CREG: 2, 5 , 4CA,81DE445", 5),
        ("+CREG: ,1", 1),
        ("+CREG: 2,0", 0),
        ("+CREG: 0,011", 11),
        ("+CREG: 0,77", 77),
        ('+CREG: 1,"25FF","825E"', None),  # a URC
        ('+CREG: 001,"25FF","825E"', None),
        ("+CREG: 5,0015,00A3", None),  # a URC without quotes
        ("+CREG: 2", None),
        ("+CREG: \xb2,\xb2", None),
    ],
)
def test_registration_status(line: str, status: int | None) -> None:
    assert asked_registration(line) == status


@given(st.text(), st.sampled_from(["+CREG: ", "+CEREG:", ""]))
@example("1,007", "+CREG: ")
def test_no_registration_raises(text: str, prefix: str) -> None:
    found = asked_registration(prefix + text)
    assert found is None or 0 <= found <= 99


@pytest.mark.parametrize(
    ("line", "signal_dbm"),
    [
        ("+CSQ: 17,99", -79),
        ("+CSQ:017,099", -79),
        ('+CSQ: "17","99"', -79),
        ("+CSQ: 17", -79),
        ("+CSQ: 0,0", -113),
        ("+CSQ: 31,7", -51),
        ("+CSQ: 99,99", None),
        ("+CSQ: 199,99", None),  # unknown on the scale of LTE modems
        ("+CSQ: 150,99", -66),
        ("+CSQ: 151,99", -65),
        ("+CSQ: 255,255", None),
        ("+CSQ: -1,99", None),
        ("+CSQ: x", None),
        ("+CSQ: ,", None),
        ("+CSQ:", None),
        ("+CSQ: \xb2\xb3,99", None),
    ],
)
def test_signal(line: str, signal_dbm: int | None) -> None:
    assert parsers.signal_dbm([line]) == signal_dbm


@pytest.mark.parametrize(
    ("line", "mode", "name"),
    [
        (f'+COPS: 0,0,"{wide("Orange ML")}",2', 0, "Orange ML"),
        (f'+COPS: 0,0,"{wide("Malitel").lower()}"', 0, "Malitel"),
        (f'+COPS: 0,0,"{wide("Télécel")}"', 0, "Télécel"),
        (f'+COPS: 0,0,"{wide("中国移动")}"', 0, "中国移动"),
        (f'+COPS: 0,0,"{wide("موريتل")}"', 0, "موريتل"),
        (f'+COPS: 0,2,"{wide("61002")}"', 0, "61002"),
        ('+COPS: 1,0,"Orange ML"', 1, "Orange ML"),
        ('+COPS: 4,2,"61002"', 4, "61002"),
        ("+COPS: 0,2,61002", 0, "61002"),
        ('+COPS: 0,0,"FACEBEEF"', 0, "FACEBEEF"),
        ('+COPS: 0,0,"Dada"', 0, "Dada"),
        ("+COPS: 0", 0, ""),
        ("+COPS:", None, ""),
    ],
)
def test_operator(line: str, mode: int | None, name: str) -> None:
    assert (parsers.operator_mode([line]), parsers.operator_name([line])) == (mode, name)


# The SIM


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("+CPIN: READY", "READY"),
        ("+CPIN:READY", "READY"),
        ('+CPIN: "SIM PIN"', "SIM PIN"),
        ("+CPIN:ph-net pin", "PH-NET PIN"),
        ("+CPIN:", ""),
    ],
)
def test_sim_state(line: str, code: str) -> None:
    assert parsers.sim_state(line) == code


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        (["+CPINR: SIM PIN,3,3", "+CPINR: SIM PUK,10,10"], 3),
        (["+CPINR: SIM PUK,10,10", '+CPINR: "SIM PIN",1,3', "+CPINR: SIM PIN2,3"], 1),
        (["+CPINR: 2"], 2),
        (["+CPINR: 3,10,3,10"], 3),
        (["SIM PIN,2,3"], 2),
        (["+CPINR:sim pin,1"], 1),
        (["+CPINR: SIM PIN2,3", "+CPINR: SIM PUK,10"], None),
        (["+CPINR:"], None),
        (["+CPINR: SIM PIN,"], None),
        ([], None),
    ],
)
def test_pin_attempts(lines: list[str], left: int | None) -> None:
    assert parsers.pin_attempts(lines) == left


@pytest.mark.parametrize(
    ("line", "place", "left"),
    [
        ('+QPINC: "SC",2,10', 1, 2),
        ("^CPIN: SIM PIN,3,10,1,10,3", 3, 1),
        ("+SPIC: 3,10,0,10", 0, 3),
        ("+SPIC:", 0, None),
        ("^CPIN: READY", 3, None),
    ],
)
def test_vendor_pin_attempts(line: str, place: int, left: int | None) -> None:
    assert parsers.vendor_pin_attempts([line], place) == left


@pytest.mark.parametrize(
    ("line", "iccid"),
    [
        ('+CCID: "8922301000000000017"', "8922301000000000017"),
        ("+CCID: 8922301000000000017F", "8922301000000000017"),
        ("+CCID: 89223010000000000178", "89223010000000000178"),
        ("8922301000000000017f", "8922301000000000017"),
        ("^ICCID: 98220301000000001087", "89223010000000000178"),  # in the form of the file
        ('+CRSM: 144,0,"982203010000000010F7"', "8922301000000000017"),
        ("+CCID: 898600B5112340005012", "898600B5112340005012"),
        ("+QCCID: 898600b511234000501f", "898600B511234000501"),
        ('+CRSM: 144,0,"9868005B113204000521"', "898600B5112340005012"),
        ("898600F5112340005012", "898600F5112340005012"),
        ("+CCID: 8986 00B5", ""),
        ("+CCID: 356938035643809", ""),  # an IMEI is too short
        ('+CRSM: 148,8,""', ""),
        ("0791222301ABCDEF0123", ""),  # hexadecimal digits that do not begin with 89
        ("ERROR", ""),
        ("+CCID: ", ""),
    ],
)
def test_iccid(line: str, iccid: str) -> None:
    assert parsers.iccid(line) == iccid


@given(ICCIDS, st.sampled_from(ICCID_HEADS), st.booleans(), st.booleans(), st.integers(0, 3))
def test_iccid_with_and_without_quotes_filler_and_capitals(
    number: str, head: str, quoted: bool, small: bool, filler: int
) -> None:
    word = number + "F" * filler
    word = word.lower() if small else word
    assert parsers.iccid(head + (f'"{word}"' if quoted else word)) == number


@given(
    ICCIDS,
    st.booleans(),
    st.sampled_from(['+CRSM: 144,0,"%s"', "+CRSM: 144,0,%s", "^ICCID: %s", '+CCID: "%s"']),
)
def test_iccid_in_the_form_of_the_file(number: str, small: bool, form: str) -> None:
    word = in_file(number)
    assert parsers.iccid(form % (word.lower() if small else word)) == number


@pytest.mark.parametrize(
    ("line", "imsi"),
    [
        ("610020000000017", "610020000000017"),
        ("+CIMI: 610020000000017", "610020000000017"),
        ('+CIMI: "61002000000017"', "61002000000017"),
        ("8922301000000000017", ""),
        ("", ""),
    ],
)
def test_imsi(line: str, imsi: str) -> None:
    assert parsers.imsi(line) == imsi


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ('+CNUM: "Own","+22370000017",145', "+22370000017"),
        ('+CNUM: ,"22370000017",145', "+22370000017"),
        ('+CNUM: "a,b","70000017",129', "70000017"),
        ('+CNUM: "Own","",129', ""),
        (f'+CNUM: "{wide("Own")}","{wide("+22370000017")}",145', "+22370000017"),
        (f'+CNUM: "","{wide("22370000017")}",145', "+22370000017"),
        (f'+CNUM: ,"{wide("70000017").lower()}",129', "70000017"),
        ("+CNUM: ,22370000017,145", "+22370000017"),
        ('+CNUM: "Own","+223 70 00-00.17",145', "+22370000017"),
        ('+CNUM: "","012301230123",129', "012301230123"),  # three letters in UCS-2
        ('+CNUM: "","223701234567",129', "223701234567"),
        ("+CNUM: ", ""),
    ],
)
def test_own_number(line: str, number: str) -> None:
    assert parsers.own_number(line) == number


@pytest.mark.parametrize(
    ("line", "has"),
    [
        ("+CSCA:", False),
        ('+CSCA: "",129', False),
        ('+CSCA: "+22370000000",145', True),
        ("+CSCA: +22370000000,145", True),
        (f'+CSCA: "{wide("+22370000000")}",145', True),
    ],
)
def test_has_service_centre(line: str, has: bool) -> None:
    assert parsers.has_service_centre(line) is has


# Stored messages


@pytest.mark.parametrize(
    ("line", "names", "new"),
    [
        ('+CPMS: "ME",0,10,"ME",0,10,"SM",3,20', ["ME", "ME", "SM"], ("SM", 3, 20)),
        ('+CPMS: "SM",0,20,"SM",0,20', ["SM", "SM"], ("SM", 0, 20)),  # Wavecom has two
        ("+CPMS: SM,1,20", ["SM"], ("SM", 1, 20)),
        ("+CPMS: 1,20,1,20,1,20", [], ("20", 1, 20)),  # the answer to the command that sets them
        ('+CPMS: "SM",,', ["SM"], None),
        ('+CPMS: "SM",1,9999999', ["SM"], None),
        ("+CPMS: (),(),()", [], None),
        ("+CPMS: ", [], None),
    ],
)
def test_memories(line: str, names: list[str], new: tuple[str, int, int] | None) -> None:
    assert parsers.memory_names([line]) == names
    assert parsers.memory_for_new_messages(parsers.memories([line])) == new


@pytest.mark.parametrize(
    ("lines", "listed"),
    [
        (['+CPMS: ("SM","ME"),("SM","ME"),("SM","ME")'], ("SM", "ME")),
        (['+CPMS: (("SM","BM","SR"),("SM"))'], ("SM", "BM", "SR")),  # Wavecom
        (["+CPMS: (),(),()"], ()),
        (["+CPMS: "], None),
        ([], None),
    ],
)
def test_memory_list(lines: list[str], listed: tuple[str, ...] | None) -> None:
    assert parsers.memory_list(lines) == listed


@pytest.mark.parametrize(
    ("lines", "records"),
    [
        (["+CMGL: 17,1,35", "0791AA"], [Record(17, "1", "0791AA")]),
        (['+CMGL: 3,0,"abc",35', "+CMGL: 4,2,,9", "0791CC"], [Record(3, "0", ""), Record(4, "2", "0791CC")]),
        (["+CMGL: x,0,,3", "0791BB", "+CMGL: 5,1,,9", "zz zz"], [Record(5, "1", "zz zz")]),
        (['+CMGL: 1,"REC UNREAD","+223",,', "Bonjour"], [Record(1, "0", "Bonjour")]),
        (['+CMGL: 2,"STO SENT","+223",,', "Bonjour"], [Record(2, "3", "Bonjour")]),
        (["+CMGL: 1,1,35", "0791AA", "0791BB"], [Record(1, "1", "0791AA")]),
        ([], []),
    ],
)
def test_listed_records(lines: list[str], records: list[Record]) -> None:
    assert parsers.listed_records(lines) == records


@pytest.mark.parametrize(
    ("lines", "record"),
    [
        (["+CMGR: 0,,35", "0791AA"], Record(7, "0", "0791AA")),
        (["+CMGR: ,,27", "0791AA"], Record(7, "", "0791AA")),
        (['+CMGR: "REC READ","+223",,"26/11/22,10:00:00+00"', "Bonjour"], Record(7, "1", "Bonjour")),
        (["+CMGR: 1,,35"], Record(7, "1", "")),
        (["+CMGR: 0,,0"], None),  # an empty place
        (["+CMGR: 2,,0"], Record(7, "2", "")),
        (["0791AA"], None),
        ([], None),
    ],
)
def test_record(lines: list[str], record: Record | None) -> None:
    assert parsers.record(lines, 7) == record


@pytest.mark.parametrize(
    ("line", "index"), [("+CMGW: 12", 12), ("+CMGW:3", 3), ("+CMGW: x", None), ("+CMGS: 12", None)]
)
def test_written_index(line: str, index: int | None) -> None:
    assert parsers.written_index(line) == index


@pytest.mark.parametrize(
    ("line", "reference"),
    [
        ("+CMGS: 73", 73),
        ('+CMGS: 73,"26/11/22,10:00:00+00"', 73),
        ("+CMSS:0", 0),
        ("+CMGS: 256", None),
        ("+CMGS:", None),
        ("+CMGS: \xb2", None),
    ],
)
def test_reference(line: str, reference: int | None) -> None:
    assert reference_of(line) == reference


@pytest.mark.parametrize(
    ("lines", "prefix", "text_mode", "pdus"),
    [
        (["+CMGL: 17,1,35", "0791AA"], "+CMGL", False, True),
        (['+CMGL: 1,"REC UNREAD","+223",,', "Bonjour"], "+CMGL", True, False),
        (['+CMGR: "REC READ",,35', "0791AA"], "+CMGR", True, True),
        (["+CMGR: 1,,35", "0791A"], "+CMGR", False, False),
        ([], "+CMGR", False, True),
    ],
)
def test_text_mode_is_recognised(lines: list[str], prefix: str, text_mode: bool, pdus: bool) -> None:
    assert (parsers.shows_text_mode(lines, prefix), parsers.shows_pdus(lines, prefix)) == (text_mode, pdus)


# Modes and notifications


@pytest.mark.parametrize(
    ("lines", "mode"),
    [
        (["+CMGF: 0"], 0),
        (['+CMGF:"1"'], 1),
        (["+CMGF: (0)"], 0),
        (["+CMGF: (0,1)"], None),
        (["+CMGF:"], None),
        (["0"], None),
        ([], None),
    ],
)
def test_message_format(lines: list[str], mode: int | None) -> None:
    assert parsers.message_format(lines) == mode


@pytest.mark.parametrize(
    ("lines", "service"), [(["+CSMS: 1,1,1,1"], "1"), (["+CSMS: 0,1,1,0"], "0"), (["+CSMS:"], ""), ([], "")]
)
def test_service(lines: list[str], service: str) -> None:
    assert parsers.service(lines) == service


@pytest.mark.parametrize(
    ("lines", "setting"),
    [
        (["+CNMI: 2,1,0,1,0"], (2, 1, 0, 1, 0)),
        (["+CNMI:2,1"], (2, 1)),
        (["+CNMI: 2"], ()),
        (["+CNMI: 2,,0,1,0"], ()),
        (["+CNMI: 2,100"], ()),
        ([], ()),
    ],
)
def test_notification_setting(lines: list[str], setting: tuple[int, ...]) -> None:
    assert parsers.notification_setting(lines) == setting


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("+CNMI: (0,1,2),(0-3),(0,2),(0,1),(0,1)", [{0, 1, 2}, {0, 1, 2, 3}, {0, 2}, {0, 1}, {0, 1}]),
        ("+CNMI:(0-99999999999)", [{0}]),
        ("+CNMI: (),(x)", [set(), set()]),
        ("+CNMI:", []),
    ],
)
def test_ranges(line: str, values: list[set[int]]) -> None:
    assert parsers.ranges(line) == values


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        (['+CIND: ("battchg",(0-5)),("signal",(0-5)),("message",(0,1))'], ["battchg", "signal", "message"]),
        (["+CIND: (battchg,(0-5)),( smsfull ,(0,1))"], ["battchg", "smsfull"]),
        (['+CIND: ("signal",(0-5))', '+CIND: ("sms",(0-1))'], ["signal", "sms"]),
        (["+CIND:"], []),
        ([], []),
    ],
)
def test_indicator_names(lines: list[str], names: list[str]) -> None:
    assert parsers.indicator_names(lines) == names


@pytest.mark.parametrize(
    ("name", "about"),
    [("message", True), ("smsfull ", True), ("MSG", True), ("newsms", True), ("signal", False), ("", False)],
)
def test_indicators_for_messages(name: str, about: bool) -> None:
    assert is_about_texts(name) is about


# UCS-2 where AT+CSCS="GSM" was refused


@given(st.text(alphabet="0123456789", max_size=20))
def test_a_decimal_number_that_is_no_ucs2_stays(number: str) -> None:
    assert plain(number) in (
        number,
        bytes.fromhex(number).decode("utf-16-be") if len(number) % 4 == 0 else number,
    )


@given(st.text(alphabet="abcXYZ éèàç019", min_size=2, max_size=20))
def test_any_name_in_ucs2_is_read(name: str) -> None:
    assert plain(wide(name)) == name
    assert plain(wide(name).lower()) == name


@pytest.mark.parametrize("form", [Form.UCS2, Form.PLAIN])
@pytest.mark.parametrize("dcs", ["15", "72", "0", "17"])
@pytest.mark.parametrize("text", ["Votre solde est de 500 FCFA", "10", "Crédit épuisé", "رصيدك 500"])
def test_ussd_in_ucs2(text: str, dcs: str, form: Form) -> None:
    assert parse(f'+CUSD: 0,"{wide(text)}",{dcs}', form, "").text == text


# Noise


@given(st.text(max_size=80) | st.from_regex(r'"\d\d/\d\d/\d\d,\d\d:\d\d:\d\d[+-]\d{1,3}"'), st.integers(0, 9))
def test_no_line_raises(line: str, place: int) -> None:
    plain(line)
    parsers.word([line], "+CGMI")
    parsers.imei(line)
    parsers.setting(line)
    parsers.network_time(line)
    parsers.sim_state(line)
    parsers.imsi(line)
    parsers.own_number(line)
    parsers.has_service_centre(line)
    parsers.written_index(line)
    parsers.ranges(line)
    parsers.field_of([line], place)
    parsers.vendor_pin_attempts([line], place)
    found = parsers.iccid(line)
    assert found == "" or (17 <= len(found) <= 20 and found == found.upper() and not found.endswith("F"))


@given(
    st.lists(
        st.sampled_from(["+CMGL: ", "+CMGR: ", "+CPMS: ", ""]).flatmap(
            lambda head: st.text(max_size=20).map(head.__add__)
        )
    )
)
def test_no_answer_raises(lines: list[str]) -> None:
    parsers.functionality(lines)
    parsers.signal_dbm(lines)
    parsers.operator_mode(lines)
    parsers.operator_name(lines)
    parsers.pin_attempts(lines)
    parsers.memory_names(lines)
    parsers.memory_for_new_messages(parsers.memories(lines))
    parsers.memory_list(lines)
    parsers.listed_records(lines)
    parsers.record(lines, 1)
    parsers.shows_text_mode(lines, "+CMGL")
    parsers.shows_pdus(lines, "+CMGL")
    parsers.message_format(lines)
    parsers.service(lines)
    parsers.notification_setting(lines)
    parsers.indicator_names(lines)
