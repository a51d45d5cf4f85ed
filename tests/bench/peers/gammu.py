"""gammu-smsd: one process and one folder for each modem."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.bench.program import Program, recipient

CONFIG = Path(__file__).with_name("gammu-smsdrc")


class Gammu(Program):
    """One process for each modem."""

    name = "gammu-smsd"
    interface = "a file renamed into a folder; unsynced"
    missing = "" if shutil.which("gammu-smsd") else "gammu-smsd is not installed"

    def start(self) -> None:
        """Start a process for each modem."""
        for number, device in enumerate(self.devices, 1):
            folder = self.folder / f"phone{number}"
            for name in ("inbox", "outbox", "sent", "error"):
                (folder / name).mkdir(parents=True)
            config = folder / "smsdrc"
            config.write_text(
                CONFIG.read_text(encoding="ascii").format(folder=folder, device=device), encoding="ascii"
            )
            self.spawn("gammu-smsd", "-c", config)

    def fill(self, count: int) -> None:
        """Hand in messages for the modems in turn."""
        for number in range(count):
            self.send(number)

    def send(self, number: int) -> None:
        """Hand in a message: write a file beside the outbox, and rename it."""
        folder = self.folder / f"phone{number % len(self.devices) + 1}"
        written = folder / f"new{number}"
        written.write_text(f"Message {number}", encoding="ascii")
        written.rename(folder / "outbox" / f"OUTA20260101_{number:06}_00_{recipient(number)}_b.txt")
