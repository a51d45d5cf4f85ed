"""smstools: files in folders. Each modem has its own queue, because one queue for all modems is much slower."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.bench.program import Program, recipient

CONFIG = Path(__file__).with_name("smsd.conf")
MODEM = Path(__file__).with_name("smsd-modem.conf")
MOST_QUEUES = 63  # smsd does not start with more; the last of 64 modems shares the queue of the first


class Smstools(Program):
    """One process for each modem, and one for all."""

    name = "smstools"
    interface = "a file renamed into a folder; unsynced"
    missing = "" if shutil.which("smsd") else "smstools is not installed"

    def start(self) -> None:
        """Start smsd."""
        for name in ("outgoing", "incoming", "checked", "failed", *(f"queue{n}" for n in self._queues())):
            (self.folder / name).mkdir()
        numbers = range(1, len(self.devices) + 1)
        text = CONFIG.read_text(encoding="ascii").format(
            folder=self.folder,
            devices=", ".join(f"M{n}" for n in numbers),
            queues="\n".join(f"Q{n} = {self.folder}/queue{n}" for n in self._queues()),
            providers="\n".join(f"Q{n} = 0" for n in self._queues()),
        )
        modem = MODEM.read_text(encoding="ascii")
        for number, device in zip(numbers, self.devices, strict=True):
            text += modem.format(number=number, device=device, queue=self._queue_of(number - 1))
        config = self.folder / "smsd.conf"
        config.write_text(text, encoding="ascii")
        self.spawn("smsd", "-t", "-c", config)

    def _queues(self) -> range:
        return range(1, min(len(self.devices), MOST_QUEUES) + 1)

    def _queue_of(self, number: int) -> int:
        return number % len(self._queues()) + 1

    def fill(self, count: int) -> None:
        """Hand in messages for the modems in turn."""
        for number in range(count):
            self.send(number)

    def send(self, number: int) -> None:
        """Hand in a message: write a file beside the queue, and rename it, as the manual says."""
        folder = self.folder / f"queue{self._queue_of(number)}"
        written = self.folder / f"new{number}"
        written.write_text(f"To: {recipient(number)[1:]}\n\nMessage {number}\n", encoding="ascii")
        written.rename(folder / f"m{number:06}")
