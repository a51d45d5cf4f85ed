"""The wall clock of one process tree, by libfaketime. The monotonic clocks stay right."""

from __future__ import annotations

import os
from pathlib import Path


class WrongClock:
    """Right at first. A change is seen within a second."""

    def __init__(self, file: Path) -> None:
        found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        if not found:
            raise FileNotFoundError("libfaketime is missing: apt-get install faketime")
        self._file = file
        self.set("+0")
        self.environment = {
            "LD_PRELOAD": str(found[0]),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DISABLE_SHM": "1",  # a killed process would leave it behind
        }

    def set(self, time: str) -> None:
        """Set the time, in a form of faketime(1): `+3600` is an hour ahead."""
        new = self._file.with_suffix(".new")
        new.write_text(time + "\n", encoding="ascii")
        new.chmod(0o644)
        os.replace(new, self._file)
