"""A bank on real pseudo-terminals."""

from __future__ import annotations

import json
import os
import select
import socket
import termios
import threading
import time
from pathlib import Path

import pytest
import serial

from modem.simulator.bank import Bank, BankConfig, Fault
from modem.simulator.core.faults import ALWAYS
from modem.simulator.core.modem import State
from modem.simulator.pty import HELD_BACK

WAIT_S = 60.0
PDU = b"0031000B912263000000F10000AA07C2B75BFDAECB01\x1a"


class Program:
    """A program that opens the device, writes, and waits for output."""

    def __init__(self, bank: Bank, port: int) -> None:
        self.line = serial.Serial(str(bank.device(port)), 115200, timeout=0)

    def wait_for(self, word: bytes) -> bytes:
        deadline = time.monotonic() + WAIT_S
        heard = b""
        while word not in heard:
            readable, _, _ = select.select(
                [self.line.fileno()], [], [], max(0.0, deadline - time.monotonic())
            )
            assert readable, f"no {word!r} in {heard!r}"
            heard += self.line.read(65536)
        return heard

    def say(self, command: bytes, word: bytes = b"OK\r\n") -> bytes:
        self.line.write(command)
        return self.wait_for(word)

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self.line.close()


def test_a_text_goes_from_one_port_to_the_other_and_is_reported(bank: Bank) -> None:
    with Program(bank, 1) as one, Program(bank, 2) as two:
        one.say(b"ATE0+CNMI=2,1,0,1,0\r")
        two.say(b"ATE0+CNMI=2,1,0,0,0\r")
        one.say(b"AT+CMGS=21\r", b"\r\n> ")
        one.say(PDU, b"+CMGS: 0\r\n\r\nOK\r\n")
        two.wait_for(b'+CMTI: "SM",1\r\n')
        one.wait_for(b"+CDS: 25\r\n")
        assert b"04" + b"0B912273000000F1" in two.say(b"AT+CMGR=1\r")
    (text,) = bank.texts()
    assert (text.sender, text.recipient, text.text) == (bank.number(1), bank.number(2), "Bonjour")
    (accepted,) = bank.accepted()
    assert (accepted.iccid, accepted.reference) == (bank.iccid(1), 0)


def test_the_terminal_is_raw(bank: Bank) -> None:
    descriptor = os.open(bank.device(1), os.O_RDWR | os.O_NOCTTY)
    try:
        _, output, _, local, *_ = termios.tcgetattr(descriptor)
        assert not output & termios.OPOST
        assert not local & (termios.ECHO | termios.ICANON | termios.ISIG)
    finally:
        os.close(descriptor)


def test_hardware_flow_control_can_be_asked_for(bank: Bank) -> None:
    with serial.Serial(str(bank.device(1)), 9600, rtscts=True, timeout=WAIT_S) as line:
        line.write(b"ATE0\r")
        assert line.read_until(b"OK\r\n").endswith(b"OK\r\n")


def test_a_program_may_close_and_another_may_open(bank: Bank) -> None:
    for _ in range(3):
        with Program(bank, 1) as program:
            program.say(b"AT\r")


def test_output_without_a_reader_is_lost_and_the_message_is_not(bank: Bank) -> None:
    with Program(bank, 1) as program:
        program.say(b"ATE0+CNMI=2,1\r")
    bank.incoming(1, "+22376000000", "Bonjour")
    bank.call(lambda: None)  # the output has been written by then
    descriptor = os.open(bank.device(1), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        assert os.read(descriptor, 100) == b""  # pyserial left it so that a read does not wait
    finally:
        os.close(descriptor)
    with Program(bank, 1) as program:
        assert b"+CMGL: 1,0,," in program.say(b"AT+CMGL=4\r")


def test_a_program_that_does_not_read_delays_no_other(tmp_path: Path) -> None:
    with Bank(BankConfig(tmp_path, ports=2)) as bank, Program(bank, 1) as deaf, Program(bank, 2) as other:
        deaf.line.write_timeout = 0.2
        flood = "x" * 4096
        for _ in range(2 * HELD_BACK // len(flood)):
            bank.call(lambda: bank.modem(1).unsolicited(flood))
        other.say(b"AT\r")
        deaf.line.write(b"AT\r")
        heard = 0
        while heard < HELD_BACK:  # more than the terminal holds: the rest comes once there is room
            heard += len(deaf.wait_for(b"x"))
        other.say(b"AT\r")


def test_a_modem_is_unplugged_and_returns_on_another_terminal(bank: Bank) -> None:
    link = bank.device(1)
    with Program(bank, 1) as program:
        program.say(b"ATE0\r")
        before = link.readlink()
        bank.unplug(1)
        assert not link.is_symlink()
        with pytest.raises(OSError, match=r".*"):  # EIO, or pyserial's own of the same family
            program.wait_for(b"anything")
        bank.replug(1)
        assert link.readlink() != before
    bank.wait_for(lambda: bank.modem(1).radio.registered)
    with Program(bank, 1) as program:
        program.say(b"AT\r", b"AT\r\r\nOK\r\n")  # echo is on: it booted


def test_unread_output_is_lost_with_the_modem(tmp_path: Path) -> None:
    with Bank(BankConfig(tmp_path, ports=1, submit_s=1000.0)) as bank, Program(bank, 1) as program:
        program.say(b"AT+CMGS=21\r", b"> ")
        program.line.write(PDU)
        bank.wait_for(lambda: bank.modem(1).state is State.EXECUTING)
        assert bank.call(bank.timers.wait_s) is not None
        bank.unplug(1)
        assert bank.call(bank.timers.wait_s) is None
        assert bank.accepted() == ()


def test_a_modem_vanishes_in_the_middle_of_a_submission(bank: Bank) -> None:
    bank.fault(1, Fault.VANISH)
    with Program(bank, 1) as program:
        program.say(b"AT+CMGS=21\r", b"> ")
        program.line.write(PDU)
        bank.wait_for(lambda: not bank.device(1).is_symlink())
    bank.wait_for(lambda: bank.device(1).is_symlink())
    assert len(bank.accepted()) == 1


def test_a_fault_stays_as_long_as_it_is_armed(bank: Bank) -> None:
    bank.fault(1, Fault.REFUSED, ALWAYS, code=42)
    with Program(bank, 1) as program:
        for _ in range(3):
            program.say(b"AT+CMGS=21\r", b"> ")
            program.say(PDU, b"+CMS ERROR: 42\r\n")


def test_ports_slots_and_numbers(tmp_path: Path) -> None:
    with Bank(BankConfig(tmp_path / "a b", ports=3, slots_of={2: 2})) as bank:
        assert [[sim.number for sim in bank.slots(port)] for port in bank.ports] == [
            ["+22370000001"],
            ["+22360000001", "+22370000002"],
            ["+22360000002"],
        ]
        assert len({bank.iccid(1), bank.iccid(2), bank.iccid(2, 2), bank.iccid(3)}) == 4
        with Program(bank, 3) as program:
            program.say(b"AT\r")


def test_a_slow_line(tmp_path: Path) -> None:
    with Bank(BankConfig(tmp_path, ports=1, baud=9600, time_scale=0.1)) as bank, Program(bank, 1) as program:
        started = time.monotonic()
        program.say(b"AT+CGMI;+CGMM;+CGMR;+CGSN;+CLAC\r")
        assert time.monotonic() - started > 0.05  # some 800 octets at 1 ms each, ten times as fast


def test_a_bank_stops_all_that_it_started(tmp_path: Path) -> None:
    descriptors = len(os.listdir("/proc/self/fd"))
    threads = threading.active_count()
    bank = Bank(BankConfig(tmp_path, ports=4))
    bank.start()
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(bank.control))
    bank.stop()
    bank.stop()
    client.close()
    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == threads
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_a_bank_replaces_the_links_of_a_killed_one(tmp_path: Path) -> None:
    (tmp_path / "port1").symlink_to("/dev/pts/none")
    with Bank(BankConfig(tmp_path, ports=1)) as bank, Program(bank, 1) as program:
        program.say(b"AT\r")


def test_a_bank_overwrites_only_links(tmp_path: Path) -> None:
    (tmp_path / "port1").write_text("mine")
    with pytest.raises(FileExistsError):
        Bank(BankConfig(tmp_path, ports=1)).start()
    assert (tmp_path / "port1").read_text() == "mine"


def test_an_error_in_a_call_is_raised_to_the_caller(bank: Bank) -> None:
    with pytest.raises(KeyError):
        bank.call(lambda: bank.modem(99))
    assert bank.running


# --- the control socket ---


def orders(bank: Bank, *lines: str) -> list[dict[str, object]]:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(WAIT_S)
        client.connect(str(bank.control))
        answers = client.makefile()
        result = []
        for line in lines:
            client.sendall(line.encode() + b"\n")
            result.append(json.loads(answers.readline()))
        answers.close()
    return result


def test_orders_through_the_control_socket(bank: Bank) -> None:
    with Program(bank, 1) as program:
        program.say(b"ATE0+CNMI=2,1;+CREG=1\r")
        incoming = '{"do": "incoming", "port": 1, "from": "OrangeMoney", "text": "ça va?"}'
        assert orders(bank, incoming) == [{"ok": True}]
        program.wait_for(b'+CMTI: "SM",1\r\n')
        assert orders(bank, '{"do": "registration", "port": 1, "stat": 3}') == [{"ok": True}]
        program.wait_for(b"+CREG: 3\r\n")
        assert orders(bank, '{"do": "registration", "port": 1, "stat": 1}') == [{"ok": True}]
        program.wait_for(b"+CREG: 1\r\n")
        fault = '{"do": "fault", "port": 1, "fault": "refused", "code": 21}'
        assert orders(bank, fault) == [{"ok": True}]
        program.say(b"AT+CMGS=21\r", b"> ")
        program.say(PDU, b"+CMS ERROR: 21\r\n")
        program.say(b"AT+CMGS=21\r", b"> ")
        program.say(PDU, b"OK\r\n")
        (answer,) = orders(bank, '{"do": "texts"}')
        assert answer["texts"] == [{"from": bank.number(1), "to": bank.number(2), "text": "Bonjour"}]
    assert orders(bank, '{"do": "unplug", "port": 1}', '{"do": "replug", "port": 1}') == [{"ok": True}] * 2
    assert bank.device(1).is_symlink()


def test_moments_are_returned_once_and_in_order(bank: Bank) -> None:
    start = time.monotonic()
    with Program(bank, 1) as program:
        for _ in range(2):
            program.say(b"AT+CMGS=21\r", b"> ")
            program.say(PDU, b"OK\r\n")
    moments = bank.moments()
    assert [what for what, _, _ in moments] == ["asked", "answered"] * 2
    times = [start, *(at for _, at, _ in moments), time.monotonic()]
    assert times == sorted(times)
    assert {iccid for _, _, iccid in moments} == {bank.iccid(1)}
    assert orders(bank, '{"do": "moments"}') == [{"ok": True, "moments": []}]


def test_faults_by_chance_are_ordered_counted_and_ended(bank: Bank) -> None:
    with Program(bank, 1) as program:
        assert orders(bank, '{"do": "chance", "rule": "deaf@1"}') == [{"ok": True}]
        program.say(b"AT\r", b"")
        bank.wait_for(lambda: bank.happened() != {}, WAIT_S)
        assert orders(bank, '{"do": "happened"}') == [{"ok": True, "happened": {"deaf": 1}}]
        assert orders(bank, '{"do": "calm"}') == [{"ok": True}]
        program.say(b"AT\r", b"OK\r\n")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[]",
        "1",
        "{}",
        '{"do": 1}',
        '{"do": "incoming"}',
        '{"do": "unplug", "port": 9}',
        '{"do": "fault", "port": 1, "fault": "x"}',
        '{"do": "chance", "rule": "x"}',
        '{"do": "chance", "rule": "noise@9"}',
    ],
)
def test_an_invalid_order_is_answered_with_an_error(bank: Bank, line: str) -> None:
    (answer,) = orders(bank, line)
    assert answer["ok"] is False
    assert orders(bank, '{"do": "texts"}') == [{"ok": True, "texts": []}]


def test_the_log_records_each_event(tmp_path: Path) -> None:
    log = tmp_path / "log"
    config = BankConfig(tmp_path / "bank", ports=2, time_scale=0.02, log=log)
    with Bank(config) as bank, Program(bank, 1) as program:
        program.say(b"ATE0+CNMI=2,1,0,1,0\r")
        program.say(b"AT+CMGS=21\r", b"> ")
        program.say(PDU, b"OK\r\n")
        program.wait_for(b"+CDS: 25")
        events = [json.loads(line) for line in log.read_text().splitlines()]
    assert [event["event"] for event in events] == ["submitted", "delivered", "reported"]
    assert events[0] | {"at": 0} == {
        "at": 0,
        "event": "submitted",
        "iccid": "8922302000000000010",
        "sender": "+22370000001",
        "recipient": "+22360000001",
        "reference": 0,
        "part": 1,
        "parts": 1,
        "text": "Bonjour",
        "tpdu": PDU[2:-1].decode(),
    }
