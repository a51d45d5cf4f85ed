"""Records simulated modems, and lets the driver talk to originals and copies."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from modem.at.channel import Channel
from modem.at.serial_port import open_device
from modem.at.transcript import Transcript
from modem.driver.modem import Modem
from modem.recording import document
from modem.recording.document import Recording
from modem.recording.line import RawLine
from modem.recording.recorder import Recorder, Wishes
from modem.simulator.bank import Bank

TODAY = date(2026, 11, 30)


def recorded(bank: Bank, port: int, *, restart: bool = False, send_to: str | None = None) -> Recording:
    """The recording of a modem of a bank, read again from its file's text."""
    device = open_device(str(bank.device(port)), 115_200)
    try:
        recorder = Recorder(
            Wishes(restart=restart, send_to=send_to), by="the tests", today=TODAY, booted_s=1.0
        )
        made = recorder.record(RawLine(device.fd, linger_s=0.01))
    finally:
        device.close()
    return document.parse(document.text_of(made).encode())


@contextmanager
def driver(device: Path) -> Iterator[tuple[Modem, Transcript]]:
    """The driver at a device, with its conversation."""
    port = open_device(str(device), 115_200)
    receiver, sender = os.pipe()
    transcript = Transcript(20_000)
    try:
        yield Modem(Channel(port.fd, receiver, lambda: None, name="test", transcript=transcript)), transcript
    finally:
        port.close()
        os.close(receiver)
        os.close(sender)


def conversation(transcript: Transcript) -> list[str]:
    """A conversation without the digits, which are those of other cards and other moments."""
    return [
        re.sub(r"[0-9A-F]*\d[0-9A-F]*", "#", f"{line.direction.value} {line.text}")
        for line in transcript.lines()
    ]
