"""gammu-smsd: a process for each modem, each with its folder of files."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.bench.candidate import Candidate, recipient

CONFIG = Path(__file__).with_name("gammu-smsdrc")


class Gammu(Candidate):
    """One process for each modem."""

    name = "gammu-smsd"
    way_in = "a file renamed into a folder; unsynced"
    missing = "" if shutil.which("gammu-smsd") else "gammu-smsd is not installed"

    def start(self) -> None:
        """Start them all."""
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
        """The modems in turn."""
        for number in range(count):
            self.send(number)

    def send(self, number: int) -> None:
        """Write beside it and rename."""
        folder = self.folder / f"phone{number % len(self.devices) + 1}"
        written = folder / f"new{number}"
        written.write_text(f"Message {number}", encoding="ascii")
        written.rename(folder / "outbox" / f"OUTA20260101_{number:06}_00_{recipient(number)}_b.txt")
