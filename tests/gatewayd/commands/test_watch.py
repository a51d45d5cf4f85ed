"""`gatewayd watch` and `gatewayd status --watch` on a running daemon."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Process, eventually
from tests.gatewayd.box import Box
from tools import scenario_from_transcript

FAST = ("--submit-s", "0.05", "--delivery-s", "0.05")
NUMBER = "+22370123456"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path, slots={1: 1, 2: 1})
    box.start_bank(*FAST)
    box.start_gateway()
    box.sims_ready(2)
    yield box
    box.stop()


class Watch:
    """`gatewayd watch PORT`, as a child process."""

    def __init__(self, box: Box, port: int, *options: str) -> None:
        self.process = Process("--config", box.config, "watch", str(port), *options)
        self.lines: list[str] = []

    def until(self, condition: Callable[[str], object]) -> str:
        """Read lines until one satisfies the condition, and return it."""
        while not condition(line := self.process.line()):
            self.lines.append(line)
        self.lines.append(line)
        return line


def order(box: Box, **command: object) -> None:
    """Send a command to the simulated bank."""
    with socket.socket(socket.AF_UNIX) as bank:
        bank.connect(str(box.path / "ports" / "control"))
        bank.sendall(json.dumps(command).encode() + b"\n")
        assert json.loads(bank.recv(4096))["ok"]


def test_a_watch_shows_earlier_and_new_lines_without_numbers_or_texts(box: Box) -> None:
    sim = next(sim for sim in box.sims_ready(2) if sim["port"] == 1)  # either port may be up first
    watches = [Watch(box, 1), Watch(box, 1)]
    for watch in watches:
        watch.until(lambda line: " > AT+CMEE=1" in line)  # sent when the port started
    box.send("Un secret bien garde", sim_number_id=sim["id"])
    order(box, do="incoming", port=1, **{"from": NUMBER, "text": "Un autre secret"})
    for watch in watches:
        watch.until(lambda line: " > (SMS-SUBMIT, " in line and line.endswith(" octets)^Z\n"))
        watch.until(lambda line: "(SMS-DELIVER, " in line)
        assert watch.process.stop(signal.SIGINT) == 0
        assert "".join(watch.process.stderr) == ""
        output = "".join(watch.lines)
        assert not [
            text for text in ("secret", "70123456", "2307214365", sim["number"][4:]) if text in output
        ]


def test_a_watch_writes_a_file_that_becomes_a_test(box: Box, tmp_path: Path) -> None:
    file = tmp_path / "conversation.txt"
    watch = Watch(box, 1, "--raw", str(file))
    watch.until(lambda line: " > AT+CMEE=1" in line)
    assert watch.process.stop(signal.SIGINT) == 0
    assert file.read_text().startswith("".join(watch.lines))
    assert "AT+CMEE=1" in scenario_from_transcript.read(file.read_text().splitlines()).answers
    again = Watch(box, 1, "--raw", str(file))
    assert again.process.wait() == 1
    assert "already exists" in "".join(again.process.stderr)


def test_a_line_is_in_the_file_before_it_is_printed(box: Box, tmp_path: Path) -> None:
    file = tmp_path / "conversation.txt"
    watch = ("--config", str(box.config), "watch", "1", "--raw", str(file))
    command = [sys.executable, "-m", "gatewayd.cli", *watch]
    with open("/dev/full", "w", encoding="utf-8") as full:  # it can print nothing
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
    assert (result.returncode, b"cannot be written" in result.stderr) == (1, True)
    # Whatever came first: the state of the port, or a command.
    assert re.match(r"\d{4}-\d\d-\d\d [\d:.]+ (- port 1 |> AT|< ).*\n", file.read_text())


def test_a_watch_in_json_is_one_object_a_line(box: Box) -> None:
    watch = Watch(box, 2, "--json")
    entry = json.loads(watch.until(lambda line: "AT+CMEE=1" in line))
    assert set(entry) == {"port", "at", "direction", "text"}
    assert (entry["port"], entry["direction"], entry["text"]) == (2, "to_modem", r"AT+CMEE=1\r")
    assert entry["at"].endswith("Z")
    assert watch.process.stop(signal.SIGINT) == 0


def test_an_unknown_port_or_a_missing_daemon_is_a_clear_error(box: Box) -> None:
    unknown = Watch(box, 9)
    assert unknown.process.wait() == 1
    assert "there is no port 9; the daemon has: 1, 2" in "".join(unknown.process.stderr)
    assert box.gateway is not None
    watch = Watch(box, 1)
    watch.until(lambda line: "AT+CMEE=1" in line)
    assert box.gateway.stop(timeout_s=8) == 0
    assert watch.process.wait() == 1
    assert "stopped" in "".join(watch.process.stderr)
    without_daemon = Watch(box, 1)
    assert without_daemon.process.wait() == 1
    assert "no gatewayd is running" in "".join(without_daemon.process.stderr)


def test_the_status_names_the_state_of_each_sim(box: Box) -> None:
    assert states(box) == [["ready"], ["ready"]]
    order(box, do="registration", port=1, stat=5)
    order(box, do="registration", port=2, stat=3)
    eventually(lambda: states(box) == [["roaming"], ["denied"]])
    roaming, denied = box.cli("status")["ports"]
    assert "roaming" in roaming["detail"]
    assert "denies" in denied["detail"]
    assert {sim["port"]: sim["can_send_sms"] for sim in box.sims_ready(1)} == {1: True, 2: False}
    process = Process("--config", box.config, "status", "--watch")
    eventually(lambda: "roaming" in process.line())
    eventually(lambda: "Parts ready to go" in process.line())
    eventually(lambda: "dBm" in process.line())  # the header again: the display was refreshed
    assert process.stop(signal.SIGINT) == 0
    order(box, do="unplug", port=1)
    eventually(lambda: states(box)[0] == ["unreachable"])


def states(box: Box) -> list[Any]:
    """The state of each port's SIM."""
    return [port["slots"][0]["state"] for port in box.cli("status")["ports"]]


def test_a_port_that_fails_logs_its_last_lines(box: Box) -> None:
    order(box, do="unplug", port=1)
    assert box.gateway is not None
    eventually(lambda: box.cli("status")["ports"][0]["state"] == "absent")
    assert box.gateway.stop() == 0
    text = "".join(box.gateway.stderr)
    assert text.count("the last lines before the failure") == 1
    assert " > AT+CMEE=1" in text
