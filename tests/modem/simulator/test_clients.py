"""Programs that were written for real modems work with the simulated ones."""

from __future__ import annotations

import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from gsmmodem.modem import GsmModem, ReceivedSms

from modem.simulator.bank import Bank

WAIT_S = 10.0


def test_python_gsmmodem_sends_and_receives(bank: Bank) -> None:
    received: list[tuple[str, str]] = []
    arrived = threading.Event()

    def take(sms: ReceivedSms) -> None:
        received.append((sms.number, sms.text))
        arrived.set()

    modem = GsmModem(str(bank.device(1)), 115200, smsReceivedCallbackFunc=take)
    modem.connect()
    try:
        assert (modem.imei, modem.imsi) == ("352099000000014", "610020000000001")
        assert modem.networkName == "Orange ML"
        sent = modem.sendSms(
            bank.number(2), "Bonjour à tous €", waitForDeliveryReport=True, deliveryTimeout=WAIT_S
        )
        assert sent.report is not None
        assert bank.texts()[0].text == "Bonjour à tous €"
        bank.incoming(1, "+22376000000", "ça va?")
        assert arrived.wait(WAIT_S)
        assert received == [("+22376000000", "ça va?")]
        assert "1250 FCFA" in modem.sendUssd("#123#").message
    finally:
        modem.close()


@pytest.fixture
def gammu(bank: Bank, tmp_path: Path) -> Path:
    if shutil.which("gammu") is None:
        pytest.skip("gammu is not installed (apt-get install gammu)")
    configuration = tmp_path / "gammurc"
    configuration.write_text(f"[gammu]\ndevice={bank.device(1)}\nconnection=at115200\n")
    return configuration


def ask(gammu: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["gammu", "-c", str(gammu), *arguments],
        capture_output=True,
        text=True,
        timeout=WAIT_S * 3,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_gammu_identifies_sends_and_reads(bank: Bank, gammu: Path, tmp_path: Path) -> None:
    bank.incoming(1, "+22376000000", "Bonjour gammu")
    batch = tmp_path / "batch"  # gammu takes seconds to begin: once for all
    batch.write_text(f"identify\nnetworkinfo\nsendsms TEXT {bank.number(2)} -text Bonsoir\ngetallsms\n")
    said = ask(gammu, "batch", str(batch))
    assert "352099000000014" in said
    assert "610020000000001" in said
    assert "home network" in said
    assert "610 02" in said
    assert bank.texts()[0].text == "Bonsoir"
    assert "+22376000000" in said
    assert "Bonjour gammu" in said


@pytest.mark.bench  # it waits ten seconds for a second answer
def test_gammu_asks_for_the_balance(gammu: Path) -> None:
    assert "1250 FCFA" in ask(gammu, "getussd", "#123#")
