"""The log: levels for journald on each line, JSON where wanted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import logging
from config.settings import DaemonSettings
from gatewayd.daemon.logging_setup import log_to_stderr
log_to_stderr(DaemonSettings(log_level="info", log_format={format!r}))
log = logging.getLogger("gatewayd.test")
log.debug("not logged")
log.info("first\\nsecond é")
log.warning("careful")
try:
    raise KeyError("why")
except KeyError:
    log.exception("failed")
"""


def logged_lines(path: Path, log_format: str, *, journal: bool) -> list[str]:
    """The lines that a child process logs into a file, which is the journal or another file."""
    with (path / "log").open("w+", encoding="utf-8") as file:
        found = os.fstat(file.fileno())
        environment = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino if journal else found.st_ino + 1}"}
        command = [sys.executable, "-c", PROGRAM.format(format=log_format)]
        subprocess.run(command, stderr=file, env=os.environ | environment, check=True, timeout=30)
        file.seek(0)
        return file.read().splitlines()


def test_for_journald_each_line_has_its_level_and_no_time(tmp_path: Path) -> None:
    lines = logged_lines(tmp_path, "text", journal=True)
    assert lines[:4] == [
        "<6>gatewayd.test: first",
        "<6>second é",
        "<4>gatewayd.test: careful",
        "<3>gatewayd.test: failed",
    ]
    assert lines[-1] == "<3>KeyError: 'why'"
    assert all(line.startswith("<3>") for line in lines[3:])


def test_elsewhere_each_entry_has_time_and_level(tmp_path: Path) -> None:
    lines = logged_lines(tmp_path, "text", journal=False)
    assert lines[0][:2] == "20"
    assert lines[0].endswith(" INFO    gatewayd.test: first")


@pytest.mark.parametrize("journal", [True, False])
def test_json_is_one_object_a_line(tmp_path: Path, journal: bool) -> None:
    lines = logged_lines(tmp_path, "json", journal=journal)
    marks = ["<6>", "<4>", "<3>"] if journal else ["", "", ""]
    first, second, third = (
        json.loads(line.removeprefix(mark)) for line, mark in zip(lines, marks, strict=True)
    )
    assert (first["level"], first["message"], first["logger"]) == ("info", "first\nsecond é", "gatewayd.test")
    assert first["at"].endswith("Z")
    assert second["level"] == "warning"
    assert (third["level"], third["exception"].splitlines()[-1]) == ("error", "KeyError: 'why'")
