"""The log formats of the daemon: readable lines, lines with levels for journald, or JSON."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from config.settings import DaemonSettings
from gatewayd.escaping import printable
from gatewayd.recent_log import RecentLog
from gatewayd.timekeeping.clock import SECOND, iso

# The priorities of syslog, which sd-daemon(3) reads at the beginning of a line.
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG = 7


class TextFormatter(logging.Formatter):
    """Escapes characters that control a terminal, which clients, networks and modems may send. Line feeds stay."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is given by logging
        record.message = printable(record.message, keep="\n")
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return printable(super().formatException(ei), keep="\n")


class JsonFormatter(logging.Formatter):
    """One object per line: `at`, `level`, `logger`, `thread`, `message`, and `exception` if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "at": iso(int(record.created * SECOND)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "thread": record.threadName,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)  # ASCII only


class JournalFormatter(logging.Formatter):
    """Adds the level to each line of another formatter: journald reads each line as a separate entry."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        mark = next((number for level, number in _PRIORITIES if record.levelno >= level), _DEBUG)
        return "\n".join(f"<{mark}>{line}" for line in self._inner.format(record).split("\n"))


def log_to_stderr(settings: DaemonSettings) -> RecentLog:
    """Log at the configured level, in the configured format; the newest lines are also kept in the returned object."""
    recent = RecentLog()
    handler = logging.StreamHandler()
    handler.setFormatter(_formatter(settings, for_journal=goes_to_journal(sys.stderr, os.environ)))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler, recent])
    return recent


def goes_to_journal(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """True if journald reads the stream: JOURNAL_STREAM names its device and inode (systemd.exec(5))."""
    named = environment.get("JOURNAL_STREAM", "")
    if not named:
        return False
    try:
        found = os.fstat(stream.fileno())
    except OSError:
        return False
    return named == f"{found.st_dev}:{found.st_ino}"


def _formatter(settings: DaemonSettings, *, for_journal: bool) -> logging.Formatter:
    time = "" if for_journal else "%(asctime)s %(levelname)-7s "  # journald stores both itself
    formatter: logging.Formatter = TextFormatter(f"{time}%(name)s: %(message)s")
    if settings.log_format == "json":
        formatter = JsonFormatter()
    return JournalFormatter(formatter) if for_journal else formatter
