"""The command line and its results, octet for octet (V.250, 5 and 6)."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.modem.simulator.bench import MakeBench

OCTETS = [
    pytest.param(b"AT\r", b"AT\r\r\nOK\r\n", id="echo, then the result"),
    pytest.param(b"at\r", b"at\r\r\nOK\r\n", id="small letters"),
    pytest.param(b"ATE0\r", b"ATE0\r\r\nOK\r\n", id="the line that ends echo is still echoed"),
    pytest.param(b"ATE0\rAT\r", b"ATE0\r\r\nOK\r\n\r\nOK\r\n", id="no echo after E0"),
    pytest.param(b"ATE0V0\rAT\r", b"ATE0V0\r0\r0\r", id="V0: a digit and CR"),
    pytest.param(b"ATE0V0\rAT+FOO\r", b"ATE0V0\r0\r4\r", id="V0: ERROR is 4"),
    pytest.param(b"ATE0V0+CMEE=1\rAT+CPIN=x\r", b"ATE0V0+CMEE=1\r0\r+CME ERROR: 50\r", id="V0: CME"),
    pytest.param(
        b"ATE0V0\rAT+CSQ\r", b"ATE0V0\r0\r+CSQ: 21,99\r\n0\r", id="V0: information has CR LF after it"
    ),
    pytest.param(b"ATE0Q1\rAT\rATQ0\r", b"ATE0Q1\r\r\nOK\r\n", id="Q1: no results"),
    pytest.param(b"ATE0Q1\rAT+CSQ\r", b"ATE0Q1\r\r\n+CSQ: 21,99\r\n", id="Q1: information all the same"),
    pytest.param(b"AT+CSQ\r\n", b"AT+CSQ\r\r\n+CSQ: 21,99\r\n\r\nOK\r\n\n", id="LF after CR is only echoed"),
    pytest.param(b"ATE0\r\nAT\r\n", b"ATE0\r\r\nOK\r\n\r\nOK\r\n", id="LF does not count"),
    pytest.param(b"xyz\rAT\r", b"xyz\rAT\r\r\nOK\r\n", id="a line without AT gets no answer"),
    pytest.param(b"\xff\x00noiseAT\r", b"\xff\x00noiseAT\r\r\nOK\r\n", id="noise before AT does not count"),
    pytest.param(b"AT+CSX\x08Q\r", b"AT+CSX\x08 \x08Q\r\r\n+CSQ: 21,99\r\n\r\nOK\r\n", id="backspace"),
    pytest.param(b"AT\x08\x08\r", b"AT\r\r\nOK\r\n", id="backspace does not take AT away"),
    pytest.param(
        b"AT+CSQ\rA/",
        b"AT+CSQ\r" + b"\r\n+CSQ: 21,99\r\n\r\nOK\r\n" * 1 + b"A/\r\n+CSQ: 21,99\r\n\r\nOK\r\n",
        id="A/ repeats at once",
    ),
    pytest.param(
        b"ATE0+CMEE=1;+CSQ;+CGSN\r",
        b"ATE0+CMEE=1;+CSQ;+CGSN\r\r\n+CSQ: 21,99\r\n352099000000014\r\n\r\nOK\r\n",
        id="several commands, one result",
    ),
    pytest.param(
        b"ATE0+CSQ;+NOPE;+CGSN\r",
        b"ATE0+CSQ;+NOPE;+CGSN\r\r\n+CSQ: 21,99\r\n\r\nERROR\r\n",
        id="an error stops the rest",
    ),
    pytest.param(b"AT E0 + CSQ\r", b"AT E0 + CSQ\r\r\n+CSQ: 21,99\r\n\r\nOK\r\n", id="blanks do not count"),
    pytest.param(b"AT" + b"X" * 600 + b"\r", b"AT" + b"X" * 600 + b"\r\r\nERROR\r\n", id="too long a line"),
    pytest.param(b"ATS0=1\rATS0?\r", b"ATS0=1\r\r\nOK\r\nATS0?\r\r\n001\r\n\r\nOK\r\n", id="registers"),
    pytest.param(b"AT&FE0\r", b"AT&FE0\r\r\nOK\r\n", id="commands with an ampersand"),
    pytest.param(b"ATZ\r", b"ATZ\r\r\nOK\r\n", id="reset to the profile"),
    pytest.param(b"ATD+22370000002;\r", b"ATD+22370000002;\r\r\nNO CARRIER\r\n", id="nobody answers a call"),
    pytest.param(b"AT@\r", b"AT@\r\r\nERROR\r\n", id="a prefix alone"),
    pytest.param(b"AT?\r", b"AT?\r\r\nERROR\r\n", id="no command"),
    pytest.param(b"AT+CMEE=3\r", b"AT+CMEE=3\r\r\nERROR\r\n", id="out of range without CMEE"),
    pytest.param(
        b"AT+CMEE=2;+CMEE=3\r",
        b"AT+CMEE=2;+CMEE=3\r\r\n+CME ERROR: incorrect parameters\r\n",
        id="with texts",
    ),
    pytest.param(b"AT+CMGF=7\r", b"AT+CMGF=7\r\r\n+CMS ERROR: 302\r\n", id="CMS errors need no CMEE"),
]


@pytest.mark.parametrize(("typed", "answered"), OCTETS)
def test_octets_in_and_out(make_bench: MakeBench, typed: bytes, answered: bytes) -> None:
    assert make_bench(quiet=False).write(typed) == answered


@pytest.mark.parametrize(("typed", "answered"), OCTETS)
def test_the_same_octet_by_octet(make_bench: MakeBench, typed: bytes, answered: bytes) -> None:
    bench = make_bench(quiet=False)
    assert b"".join([bench.write(bytes([octet])) for octet in typed]) == answered


def test_much_noise_before_a_command_does_not_count(make_bench: MakeBench) -> None:
    bench = make_bench()
    assert bench.write(b"\xff" * 5000 + b"AT\r") == b"\r\nOK\r\n"


COMMANDS = st.sampled_from(
    [
        b"AT\r",
        b"ATE1\r",
        b"AT+CMGS=20\r",
        b"\x1a",
        b"\x1b",
        b"AT+CMGF=1\r",
        b'AT+CMGS="+22370000002"\r',
        b"A/",
        b"AT+CFUN=1,1\r",
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(COMMANDS, st.binary(max_size=40)), max_size=12))
def test_after_any_input_the_modem_answers_at(make_bench: MakeBench, pieces: list[bytes]) -> None:
    bench = make_bench()
    for piece in pieces:
        bench.write(piece)
    bench.pass_time(100)  # every command has ended
    bench.write(b"\x1b\rAT&F\rATQ0V1\r")
    bench.pass_time(100)
    bench.write(b"\x1b\rATQ0V1E0\r")
    bench.pass_time(100)
    bench.hear()
    assert bench.say("AT") == "OK"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_how_octets_are_cut_changes_nothing(make_bench: MakeBench, data: st.DataObject) -> None:
    typed = b'ATE1\rAT+CSQ\r\nxxAT+CG\x08GMI\rA/AT+CMGS=20\r00\x1bAT+CMGF=1\rAT+CMGS="123"\ra\rb\x08c\x1b'
    cuts = sorted(data.draw(st.lists(st.integers(0, len(typed)), max_size=8)))
    whole, piecewise = make_bench(quiet=False), make_bench(quiet=False)
    expected = whole.write(typed)
    answered = b"".join(
        [piecewise.write(typed[a:b]) for a, b in zip([0, *cuts], [*cuts, len(typed)], strict=True)]
    )
    assert answered == expected
