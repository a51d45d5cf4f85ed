"""The framer: bytes in, lines and prompts out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modem.at.framer import MAX_LINE, Event, Framer, Sign
from modem.at.responses import fields, is_restart, is_spoken, owns_next_line, result, tag

PDU = "0791222307000000"


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"\r\nOK\r\n", ["OK"]),
        (b"\r\r\nOK\r\r\n", ["OK"]),  # Huawei
        (b"OK\n", ["OK"]),
        (b"\r\n WAVECOM MODEM\r\n\r\nOK\r\n", ["WAVECOM MODEM", "OK"]),
        (b"\r\n+CSQ: 17,99\r\n\r\nOK\r\n", ["+CSQ: 17,99", "OK"]),
        (b"\x00\r\nO\x00K\r\n", ["OK"]),
        (b"\xff\xff\r\n\xffOK\xff\r\n", ["OK"]),
        (b"\x1b\r\nOK\r\n", ["OK"]),  # an echoed ESC
        (b"\r\ncaf\xc3\r\n", ["caf\xc3"]),  # half of UTF-8
        (b"\r\nOK", []),
        (b"\r\n> ", []),
        (b"\r\n> \r\n+CMGS: 5\r\n", ["+CMGS: 5"]),
        (b"\r\n> +CMGS: 5\r\n", ["+CMGS: 5"]),
    ],
)
def test_bytes_are_cut_into_lines(data: bytes, lines: list[str]) -> None:
    assert Framer().feed(data) == lines
    one_by_one = Framer()
    assert [event for byte in data for event in one_by_one.feed(bytes([byte]))] == lines


@pytest.mark.parametrize(
    ("chunks", "events"),
    [
        ([b"\r\n> "], [Sign.PROMPT]),
        ([b"> "], [Sign.PROMPT]),
        ([b"\r\n>"], [Sign.PROMPT]),
        ([b">", b" ", b"\r\n+CMGS: 1\r\n"], [Sign.PROMPT, "+CMGS: 1"]),
        ([b"> \r\n"], [Sign.PROMPT]),
        ([b'\r\n+CMTI: "SM",1\r\n\r\n> '], ['+CMTI: "SM",1', Sign.PROMPT]),
        ([b'> +CMTI: "SM",1\r\n'], [Sign.PROMPT, '+CMTI: "SM",1']),
        ([b"\r\n> \r\n+CMS ERROR: 500\r\n"], [Sign.PROMPT, "+CMS ERROR: 500"]),
        ([b"\r\n>noise\r\n"], ["noise"]),
        ([b"a > b"], []),
        ([b'+CUSD: 0,"a > b"\r\n'], ['+CUSD: 0,"a > b"']),
    ],
)
def test_a_prompt_stands_at_the_start_of_a_line(chunks: list[bytes], events: list[Event]) -> None:
    framer = Framer()
    framer.prompt_wanted = True
    assert [event for chunk in chunks for event in framer.feed(chunk)] == events


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b'\r\n+CUSD: 1,"1 Solde\r\n2 Num\x05ro",15\r\n', ['+CUSD: 1,"1 Solde\n2 Num\x05ro",15']),
        (b'+CUSD: 1,"a\n*1 b\n\n#2 c",15\r\n\r\nOK\r\n', ['+CUSD: 1,"a\n*1 b\n#2 c",15', "OK"]),
        (b'> +CUSD: 0,"a\r\n> b",15\r\n', ['+CUSD: 0,"a\n> b",15']),
        (b'\xff+CUSD: 0,"\x00",15\r\nO\x00K\r\n', ['+CUSD: 0,"\x00",15', "OK"]),
        (b"+CUSD: 4\r\nOK\r\n", ["+CUSD: 4", "OK"]),
        (
            b'+CUSD: 0,"say:\nOK\r\nERROR\n+CME ERROR: 30\nnow",15\r\n',
            ['+CUSD: 0,"say:\nOK\nERROR\n+CME ERROR: 30\nnow",15'],
        ),
        (b'+CUSD: 1,"dial "1"\nOK\n"2" now",15\r\nOK\r\n', ['+CUSD: 1,"dial "1"\nOK\n"2" now",15', "OK"]),
        (b'+CUSD: 0,"12" long",15\r\nOK\r\n', ['+CUSD: 0,"12" long",15', "OK"]),
        (b'+CUSD: 0,"cut\nOK\n+CMTI: "SM",1\n', ['+CUSD: 0,"cut', "OK", '+CMTI: "SM",1']),
        (b'+CUSD: 0,"cut\r\n+CMTI: "SM",1\r\n', ['+CUSD: 0,"cut', '+CMTI: "SM",1']),
        (b'+CUSD: 0,"cut\r\n+CUSD: 0,"b",15\r\n', ['+CUSD: 0,"cut', '+CUSD: 0,"b",15']),
    ],
)
def test_a_cusd_reaches_up_to_its_closing_quote(data: bytes, lines: list[str]) -> None:
    assert Framer().feed(data) == lines
    one_by_one = Framer()
    assert [event for byte in data for event in one_by_one.feed(bytes([byte]))] == lines


@pytest.mark.parametrize("final", ["OK", "ERROR", "+CME ERROR: 30", "+CMS ERROR: 500"])
def test_a_final_result_after_a_cut_cusd_is_a_line_of_its_own(final: str) -> None:
    framer = Framer()
    assert framer.feed(b'+CUSD: 0,"cut\r\nhere\r\n\r\n' + final.encode() + b"\r\nmore\r\n") == []
    assert framer.end_text() == ['+CUSD: 0,"cut\nhere', final, "more"]
    assert framer.end_text() == []


def test_a_cusd_without_an_end_is_returned_and_its_size_is_limited() -> None:
    framer = Framer()
    assert framer.feed(b'+CUSD: 0,"cut\r\nshort\r\n') == []
    assert framer.text_open
    assert framer.end_text() == ['+CUSD: 0,"cut\nshort']
    assert framer.end_text() == []
    assert framer.feed(b'+CUSD: 0,"' + b"long\r\n" * MAX_LINE)
    assert framer.feed(b"\r\nOK\r\n") == ["OK"]


def test_each_wanted_prompt_is_reported_once() -> None:
    framer = Framer()
    framer.prompt_wanted = True
    assert framer.feed(b"\r\n> ") == [Sign.PROMPT]
    assert framer.feed(b"\r\n> \r\n+CMGS: 1\r\n") == ["+CMGS: 1"]


def test_an_echo_is_dropped_and_counted_also_after_the_prompt() -> None:
    framer = Framer()
    framer.echo = "AT+CSQ"
    assert framer.feed(b"AT+CSQ\r\r\n+CSQ: 17,99\r\n\r\nOK\r\n") == ["+CSQ: 17,99", "OK"]
    framer.echo = PDU
    framer.prompt_wanted = True
    assert framer.feed(b"\r\n> ") == [Sign.PROMPT]
    assert framer.feed(PDU.encode() + b"\x1a\r\n\r\n+CMGS: 73\r\n") == ["+CMGS: 73"]
    assert framer.echoes == 2


def test_a_too_long_line_is_dropped_and_the_next_line_is_read() -> None:
    framer = Framer()
    assert framer.feed(b"x" * (MAX_LINE + 1)) == []
    assert framer.feed(b"y" * MAX_LINE + b"\r\nOK\r\n") == ["OK"]


@given(st.lists(st.binary(max_size=200), max_size=20), st.booleans())
def test_any_bytes_in_any_pieces_are_framed_without_an_error(chunks: list[bytes], wanted: bool) -> None:
    framer = Framer()
    for chunk in chunks:
        framer.prompt_wanted = wanted
        for event in framer.feed(chunk):
            if isinstance(event, str):
                assert event
                assert "\r" not in event
                assert "\n" not in event or event.startswith("+CUSD:")
                result(event, numeric=True)
                is_spoken(event)
                is_restart(event)
                owns_next_line(event)
                tag(event)
                fields(event)
    assert len(framer.partial) <= MAX_LINE


@given(
    st.lists(
        st.sampled_from(
            [b"OK", b"+CREG: 1", b"\r", b"\n", b"> ", b"\xff", b"\x00", b"A", b'+CUSD: 1,"', b'"']
        ),
        max_size=30,
    ),
    st.data(),
)
def test_lines_do_not_depend_on_the_sizes_of_reads(pieces: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(pieces)
    place = data.draw(st.integers(0, len(whole)))
    halved = Framer()
    assert Framer().feed(whole) == halved.feed(whole[:place]) + halved.feed(whole[place:])


@given(st.binary(min_size=1, max_size=50))
def test_endless_noise_does_not_fill_the_memory(noise: bytes) -> None:
    framer = Framer()
    for _ in range(20):
        framer.feed(noise * 200)
        assert len(framer.partial) <= MAX_LINE


PIECES = [
    "OK",
    "+CREG: 1",
    "> ",
    ">",
    "AT+CMGS=20",
    "+CMGS: 1",
    "RING",
    " ",
    "\t",
    "!",
    "~",
    '"',
    "A",
    "0791",
]


@given(st.lists(st.sampled_from(PIECES), max_size=8), st.booleans(), st.sampled_from(["", "AT+CMGS=20"]))
def test_dropped_octets_do_not_change_a_line(pieces: list[str], wanted: bool, echo: str) -> None:
    plain, littered = Framer(), Framer()
    plain.prompt_wanted = littered.prompt_wanted = wanted
    plain.echo = littered.echo = echo
    line = "".join(pieces).encode()
    assert plain.feed(line + b"\r\n") == littered.feed(b"\x00" + line + b"\x7f\r\n")
    assert plain.echoes == littered.echoes
