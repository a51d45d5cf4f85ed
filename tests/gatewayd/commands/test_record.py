"""`gatewayd record`: on a port of a running daemon, which goes on afterwards, and on a device of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from gatewayd.cli import main
from modem.recording import document
from modem.simulator.bank import Bank, BankConfig
from tests.api.contract_client import Client
from tests.conftest import Process, Running, eventually, start_demo


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> object:
    """A gateway of its own: a recorded port sends nothing meanwhile."""
    started = start_demo(tmp_path_factory.mktemp("record"), "--ports", "1")
    yield started
    assert started.process.stop() == 0


def test_a_port_is_recorded_and_works_again(demo: Running, tmp_path: Path) -> None:
    file = tmp_path / "modem.json"
    client = Client(demo.url, demo.key)
    sim = client.get("/sms/sims/available").data["available_sims"][0]
    process = Process("--config", demo.state / "gatewayd.toml", "record", "1", file, "--json")
    eventually(lambda: demo.cli("status")["ports"][0]["busy"])
    code = client.send(priority="otp", sim_number_id=sim["id"]).data["sms_id"]
    assert client.await_status(code, "delivered")  # the port gave way to it
    assert json.loads(process.line(120)) == {
        "file": str(file),
        "modem": {"manufacturer": "gatewayd", "model": "Simulated GSM modem", "revision": "1.0"},
    }
    assert process.wait() == 0
    recording = document.read(file)
    assert recording.source.kind == "recorded"
    assert [note for note in recording.source.notes if "minute" in note] == []
    assert {"AT+CGMI", "AT+CNMI=?", "AT+CLAC"} <= {each.command for each in recording.exchanges}
    later = client.send(sim_number_id=sim["id"]).data["sms_id"]
    assert client.await_status(later, "delivered")
    assert sim["number"].lstrip("+")[-8:] not in file.read_text()
    again = demo.cli_raw("record", "1", str(file))
    assert (again.returncode, "already exists" in again.stderr) == (1, True)


def test_a_paused_port_is_not_recorded(demo: Running, tmp_path: Path) -> None:
    demo.cli("port", "pause", 1)
    try:
        eventually(lambda: demo.cli("status")["ports"][0]["state"] == "paused")
        result = demo.cli_raw("record", "1", str(tmp_path / "modem.json"))
        assert (result.returncode, "paused" in result.stderr) == (1, True)
    finally:
        demo.cli("port", "resume", 1)


def test_a_device_is_recorded_without_a_daemon_and_played(tmp_path: Path) -> None:
    file = tmp_path / "modem.json"
    with Bank(BankConfig(tmp_path / "bank", ports=1, personality="ec25", time_scale=0.02)) as bank:
        result = CliRunner().invoke(main, ["record", str(bank.device(1)), str(file), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["modem"]["model"] == "EC25"
    assert document.read(file).make == "ec25"


@pytest.mark.parametrize(
    ("place", "words"), [("/dev/null", "no serial device"), ("/dev/gatewayd-none", "is not there")]
)
def test_a_device_that_is_no_modem_gets_a_clear_error(place: str, words: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["record", place, str(tmp_path / "file.json")])
    assert result.exit_code == 1
    assert words in result.stderr
    assert not (tmp_path / "file.json").exists()


def test_a_port_that_there_is_not_gets_a_clear_error(demo: Running, tmp_path: Path) -> None:
    result = demo.cli_raw("record", "77", str(tmp_path / "file.json"))
    assert (result.returncode, "There is no port 77" in result.stderr) == (1, True)


def test_a_recording_that_cannot_be_read_stops_the_simulator(tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    file.write_text("{}")
    for option in (str(file), f"9={file}", f"1={file}"):
        result = CliRunner().invoke(
            main, ["simulate", "--ports", "1", "--dir", str(tmp_path / "bank"), "--recording", option]
        )
        assert result.exit_code in (1, 2)
        assert "no recording" in result.stderr or "no port 9" in result.stderr
