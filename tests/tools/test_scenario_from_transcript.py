"""A conversation becomes a scenario test: of a simulated modem, as a watcher shows it and as the log has it."""

from __future__ import annotations

import importlib.util
import logging
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from modem.at.transcript import Line, Watcher
from modem.parts import Refused, Submitted
from modem.port.status import PortState
from modem.simulator.bank import Bank, BankConfig
from tests.conftest import eventually
from tests.modem.recording_work import RecordingWork, part
from tests.modem.running_port import SCALE, port_on
from tools import scenario_from_transcript as tool

MAKES = ("plain", "ec25", "e173", "q2406", "mf190")


@pytest.fixture
def bank(tmp_path: Path) -> object:
    """A modem of each make."""
    makes = dict(enumerate(MAKES, 1))
    config = BankConfig(tmp_path / "bank", ports=len(makes), personality_of=makes, time_scale=SCALE)
    with Bank(config) as running:
        yield running


def converse(bank: Bank, port: int) -> list[Line]:
    """The conversation of a port that sends two parts, of which the network refuses one, and receives a text."""
    watcher = Watcher()
    work = RecordingWork(part(1), replace(part(2), recipient="+22370000001"))
    with port_on(bank, work, port) as control:
        control.watch(watcher)
        eventually(lambda: len(work.outcomes) == 2)
        assert [type(result) for result in work.results] == [Submitted, Refused]
        bank.incoming(port, "+22376543210", "Un secret")
        eventually(lambda: work.texts)
    return watcher.take(10)[0]


@pytest.mark.parametrize("make", MAKES)
def test_the_test_of_a_conversation_passes(bank: Bank, make: str, tmp_path: Path) -> None:
    bank.call(lambda: bank.network.refusals.update({"+22370000001": 38}))
    transcript = tmp_path / "watch.txt"
    transcript.write_text("".join(f"{line}\n" for line in converse(bank, MAKES.index(make) + 1)))
    assert tool.main([str(transcript), "made", str(tmp_path)]) == 0
    made = imported(tmp_path / "test_made.py")
    made.test_made()
    text = (tmp_path / "test_made.py").read_text()
    assert "== [Submitted, Refused]" in text
    assert [secret for secret in ("70123456", "76543210", "secret", "…") if secret in text] == []


def test_the_lines_of_the_log_become_a_test(
    bank: Bank, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    work = RecordingWork()
    with caplog.at_level(logging.WARNING), port_on(bank, work):
        eventually(lambda: work.state is PortState.UP)
        bank.unplug(1)
        eventually(lambda: "the last lines before the failure" in caplog.text)
    log = tmp_path / "log.txt"
    log.write_text(
        "Nov 30 22:20:56 box gatewayd[7]: " + caplog.text.replace("\n", "\nNov 30 box gatewayd[7]: ")
    )
    assert tool.main([str(log), "logged", str(tmp_path)]) == 0
    imported(tmp_path / "test_logged.py").test_logged()
    assert tool.main([str(log), "logged", str(tmp_path)]) == 1  # never overwritten


def test_a_part_without_an_answer_is_in_doubt() -> None:
    lines = [
        "2026-11-30 22:20:56.000 > AT+CMGS=20\\r",
        "2026-11-30 22:20:56.010 < \\r\\n> ",
        "2026-11-30 22:20:56.020 > (SMS-SUBMIT, 20 octets)^Z",
        "2026-11-30 22:21:56.000 - port 1 is sick: The modem does not answer.",
    ]
    conversation = tool.read(lines)
    assert (conversation.outcomes, conversation.state) == (["InDoubt"], "sick")
    assert "[InDoubt]" in tool.test_of(conversation, "silent")


@pytest.mark.parametrize("arguments", [[], ["file"], ["file", "Bad name"], ["a", "b", "c", "d"]])
def test_wrong_use_gets_the_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert tool.main(arguments) == 2
    assert "TRANSCRIPT" in capsys.readouterr().err


def test_a_file_without_a_conversation_gets_a_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text("nothing\n")
    assert tool.main([str(empty), "empty", str(tmp_path)]) == 1
    assert "no command" in capsys.readouterr().err
    assert tool.main([str(tmp_path / "none"), "empty", str(tmp_path)]) == 1


def imported(file: Path) -> ModuleType:
    """The module in a file."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
