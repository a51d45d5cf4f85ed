"""Figures of a process from /proc."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path


def cpu_s(pid: int) -> float:
    """The CPU time of a process, in seconds."""
    # The clock of the process (clock_getcpuclockid(3)), because /proc counts in hundredths of a second.
    return time.clock_gettime(~pid << 3 | 2)


def descriptors(pid: int) -> int:
    """The number of its open descriptors."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def resident_kb(pid: int) -> int:
    """Its resident memory (RSS), in KiB."""
    return _figure(Path(f"/proc/{pid}/status"), "VmRSS:")


def pss_kb(pid: int) -> int:
    """Its proportional memory (PSS), in KiB: memory that n processes share counts for one nth."""
    return _figure(Path(f"/proc/{pid}/smaps_rollup"), "Pss:")


def written_bytes(pid: int) -> int:
    """The bytes that it has written to the block layer."""
    return _figure(Path(f"/proc/{pid}/io"), "write_bytes:")


def wakeups(pid: int) -> dict[int, int]:
    """How often each of its threads has waited, by thread id. Threads that end meanwhile are left out."""
    found: dict[int, int] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found[int(task.name)] = _figure(task / "status", "voluntary_ctxt_switches:")
    return found


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            found += family(int(child))
    return found


def _figure(status: Path, name: str) -> int:
    line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith(name))
    return int(line.split()[1])
