"""The end of the log, from journald."""

from __future__ import annotations

import os
import re
import subprocess
from typing import Final

_UNIT: Final = "gatewayd"
_LINES: Final = 3000
_KERNEL_LINES: Final = 3000  # of which most speak of other things
_TIMEOUT_S: Final = 30.0

_DEBUG: Final = re.compile(r"\bDEBUG\b|\"level\": ?\"debug\"")
# What a modem, its hub, the power supply and the disk do to the kernel.
_HARDWARE: Final = re.compile(
    r"usb|tty|option|cdc_|voltage|thrott|mmc|ext4|I/O error|read-only|Out of memory", re.IGNORECASE
)


class JournalError(Exception):
    """There is no log to be had; the text says why."""


def daemon_log() -> str:
    """The last lines of the daemon's log, without those of the level debug, which may tell of texts. Raises JournalError."""
    lines = _journal("-u", _UNIT, "-p", "info", "-n", str(_LINES))
    return "\n".join(line for line in lines if not _DEBUG.search(line))


def kernel_log() -> str:
    """The last lines of the kernel's log that speak of hardware. Raises JournalError."""
    lines = [line for line in _journal("-k", "-n", str(_KERNEL_LINES)) if _HARDWARE.search(line)]
    if not lines:
        raise JournalError("the kernel has said nothing of such things lately")
    return "\n".join(lines)


def _journal(*which: str) -> list[str]:
    command = ["journalctl", "--quiet", "--no-pager", "-o", "short-iso", *which]
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and nothing from outside in it
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
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise JournalError(said[-1] if said else f"journalctl ended with {done.returncode}")
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    if not lines:
        raise JournalError(
            f"journald has no lines of the unit {_UNIT} that you may read (run this with sudo)"
        )
    return lines
