"""Read the latest log lines from journald."""

from __future__ import annotations

import os
import re
import subprocess
from typing import Final

_UNIT: Final = "gatewayd"
_LINES: Final = 3000
_KERNEL_LINES: Final = 3000  # most of them are about other things
_TIMEOUT_S: Final = 30.0

_DEBUG: Final = re.compile(r"\bDEBUG\b|\"level\": ?\"debug\"")
# Kernel messages about modems, hubs, the power supply and the disk.
_HARDWARE: Final = re.compile(
    r"usb|tty|option|cdc_|voltage|thrott|mmc|ext4|I/O error|read-only|Out of memory", re.IGNORECASE
)


class JournalError(Exception):
    """The log cannot be read; the text gives the reason."""


def daemon_log() -> str:
    """Return the last lines of the daemon's log, without debug lines, which may contain texts. Raises JournalError."""
    lines = _journal("-u", _UNIT, "-p", "info", "-n", str(_LINES))
    return "\n".join(line for line in lines if not _DEBUG.search(line))


def kernel_log() -> str:
    """Return the last lines of the kernel's log about hardware. Raises JournalError."""
    lines = [line for line in _journal("-k", "-n", str(_KERNEL_LINES)) if _HARDWARE.search(line)]
    if not lines:
        raise JournalError("the kernel has logged nothing about hardware lately")
    return "\n".join(lines)


def _journal(*which: str) -> list[str]:
    command = ["journalctl", "--quiet", "--no-pager", "-o", "short-iso", *which]
    try:
        done = subprocess.run(  # noqa: S603 - no shell and no outside input
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_TIMEOUT_S,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
    except FileNotFoundError:
        raise JournalError("there is no journalctl on this box") from None
    except subprocess.TimeoutExpired:
        raise JournalError(f"journalctl did not end within {_TIMEOUT_S:g} s") from None
    except OSError as error:
        raise JournalError(f"journalctl cannot be run: {error}") from error
    if done.returncode != 0:
        errors = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise JournalError(errors[-1] if errors else f"journalctl ended with {done.returncode}")
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    if not lines:
        raise JournalError(
            f"journald has no lines for the unit {_UNIT} that you may read (run this with sudo)"
        )
    return lines
