"""`gatewayd inbox`: received texts and undecodable PDUs, with and without a daemon."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from gatewayd.cli import main
from tests.conftest import eventually
from tests.gatewayd.box import Box

FAST = ("--submit-s", "0.05", "--delivery-s", "0.05", "--time-scale", "1")
BROKEN = "440B91223307"  # ends within the sender


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path, slots={1: 1})
    box.start_bank(*FAST)
    box.start_gateway()
    box.sims_ready(1)
    yield box
    box.stop()


def output_of(box: Box, *options: str) -> str:
    result = CliRunner().invoke(main, ["--config", str(box.config), "inbox", *options])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_texts_and_undecodable_pdus_are_shown_with_and_without_a_daemon(box: Box) -> None:
    assert output_of(box) == "No text came in yet.\n"
    assert output_of(box, "--unreadable", "--json") == '{"unreadable": []}\n'
    box.order(do="incoming", port=1, **{"from": "+22376000001"}, text="first\x1b[2J")
    box.order(do="incoming", port=1, **{"from": "OrangeMoney"}, text="second")
    box.order(do="incoming-pdu", port=1, pdu=BROKEN)
    eventually(lambda: len(box.cli("inbox")) == 2 and box.cli("inbox", "--unreadable"))
    second, first = box.cli("inbox")
    assert (second["sender"], second["message"], second["port"], second["sim"]) == (
        "OrangeMoney",
        "second",
        1,
        1,
    )
    assert (first["sender"], first["message"]) == ("+22376000001", "first\x1b[2J")
    assert [text["message"] for text in box.cli("inbox", "--limit", 1)] == ["second"]
    fitting: list[tuple[str | int, ...]] = [
        ("--sender", "76000001"),
        ("--contains", "FIRST"),
        ("--sender", "+22376000001", "--sim", 1, "--since", "2020-01-01", "--until", "2120-01-01"),
    ]
    for options in fitting:
        assert box.cli("inbox", *options) == [first], options
    for others in (("--company", "9"), ("--sim", "9"), ("--until", "2020-01-01"), ("--sender", "first")):
        assert box.cli("inbox", *others) == [], others
    assert output_of(box, "--sim", "9") == "No text fits: leave out an option.\n"
    (undecodable,) = box.cli("inbox", "--unreadable")
    assert BROKEN in undecodable["pdu"]
    assert undecodable["reason"]
    assert (undecodable["port"], undecodable["slot"], undecodable["sim"]) == (1, 1, 1)
    assert undecodable["sim_number"].startswith("+223")
    assert undecodable["received_at"].endswith("Z")
    assert "OrangeMoney" in output_of(box)
    assert "\x1b" not in output_of(box)
    assert BROKEN in output_of(box, "--unreadable")
    texts, unreadable = (
        json.loads(output_of(box, "--json")),
        json.loads(output_of(box, "--unreadable", "--json")),
    )
    box.stop_gateway()
    assert json.loads(output_of(box, "--json")) == texts
    assert json.loads(output_of(box, "--unreadable", "--json")) == unreadable
