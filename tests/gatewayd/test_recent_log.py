"""The newest lines of the log: which are kept, how many, and how they are found."""

from __future__ import annotations

import logging

import pytest

from gatewayd.recent_log import RecentLog


@pytest.fixture
def log() -> logging.Logger:
    logger = logging.Logger("gatewayd.test", logging.DEBUG)
    logger.propagate = False
    return logger


def test_the_newest_entries_come_first_without_debug_lines(log: logging.Logger) -> None:
    recent = RecentLog()
    log.addHandler(recent)
    log.debug("a text of a message")
    log.info("port %d is up", 1)
    log.warning("port 2 is sick")
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("it failed")
    texts = [entry.text.splitlines()[0] for entry in recent.newest(10)]
    assert texts == ["it failed", "port 2 is sick", "port 1 is up"]
    assert recent.level == logging.INFO  # not even in memory
    assert "ValueError: broken" in recent.newest(1)[0].text
    assert [entry.level_name for entry in recent.newest(10, "warning")] == ["error", "warning"]
    assert [entry.text for entry in recent.newest(10, words="UP port")] == ["port 1 is up"]
    assert [entry.text for entry in recent.newest(1, words="port")] == ["port 2 is sick"]


def test_the_oldest_entries_make_room(log: logging.Logger) -> None:
    recent = RecentLog(most_characters=10_000)
    log.addHandler(recent)
    for number in range(1000):
        log.info("%d %s", number, "x" * 100)
    kept = recent.newest(1000)
    assert kept[0].text.startswith("999 ")
    assert sum(entry.size for entry in kept) <= 10_000
    log.info("y" * 1_000_000)
    assert len(recent.newest(1)[0].text) <= 8000


def test_characters_that_control_a_terminal_are_escaped(log: logging.Logger) -> None:
    recent = RecentLog()
    log.addHandler(recent)
    log.info("operator \x1b[2J\u202e")
    assert recent.newest(1)[0].text == r"operator \x1b[2J\u202e"


def test_a_wrong_call_does_not_stop_its_caller(
    log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    recent = RecentLog()
    log.addHandler(recent)
    log.info("%d", "no number")
    assert recent.newest(10) == []
    assert "Logging error" in capsys.readouterr().err
