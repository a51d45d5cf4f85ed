"""The wall clock of one process and its children, stepped by a library that is loaded before all others."""

from __future__ import annotations

import functools
import os
import subprocess
import tempfile
from pathlib import Path

_FILE = "wrong-clock"
_SOURCE = Path(__file__).with_suffix(".c")


@functools.cache
def library() -> Path:
    """The compiled library; the user of PostgreSQL may read it too. It is removed when this process ends."""
    folder = tempfile.TemporaryDirectory(prefix="wrong-clock-")
    _kept.append(folder)
    path = Path(folder.name)
    path.chmod(0o755)
    made = path / "wrong_clock.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", made, _SOURCE],
        check=True,
        capture_output=True,
    )
    return made


_kept: list[tempfile.TemporaryDirectory[str]] = []


class WrongClock:
    """Right at first. A change is seen within a tenth of a second."""

    def __init__(self, folder: Path) -> None:
        """`folder`: of the file that tells the step, and where a process with `environment` works."""
        self._file = folder / _FILE
        self.set(0)
        # A relative name, the same for all boxes: one process forks their daemons.
        self.environment = {"LD_PRELOAD": str(library()), "WRONG_CLOCK": _FILE}
        self.absolute_environment = {**self.environment, "WRONG_CLOCK": str(self._file)}

    def set(self, seconds: int) -> None:
        """Let the clock be wrong by so many seconds."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds}\n", encoding="ascii")
        new.chmod(0o644)
        os.replace(new, self._file)
