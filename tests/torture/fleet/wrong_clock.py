"""The wall clock of one process tree, by libfaketime. The monotonic clocks stay right."""

from __future__ import annotations

import os
from pathlib import Path

_FILE = "fake-time"


class WrongClock:
    """Right at first. A change is seen within a second."""

    def __init__(self, folder: Path) -> None:
        """`folder`: of the file that tells the time, and where the process works with `environment`."""
        found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        if not found:
            raise FileNotFoundError("libfaketime is missing: apt-get install faketime")
        self._file = folder / _FILE
        self.set("+0")
        self.environment = {
            "LD_PRELOAD": str(found[0]),
            "FAKETIME_TIMESTAMP_FILE": _FILE,  # the same for all boxes, so that one process forks their daemons
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DISABLE_SHM": "1",  # a killed process would leave it behind
        }
        self.absolute_environment = {**self.environment, "FAKETIME_TIMESTAMP_FILE": str(self._file)}

    def set(self, time: str) -> None:
        """Set the time, in a form of faketime(1): `+3600` is an hour ahead."""
        new = self._file.with_suffix(".new")
        new.write_text(time + "\n", encoding="ascii")
        new.chmod(0o644)
        os.replace(new, self._file)
