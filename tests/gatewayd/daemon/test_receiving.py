"""Incoming texts and reports: while the daemon runs, while it is down, and at a power cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.conftest import eventually
from tests.figures import Figures
from tests.gatewayd.box import Box

FAST = ("--submit-s", "0.05", "--delivery-s", "0.05", "--time-scale", "1")
LONG = "Où êtes-vous ? 😀 " * 12


def start(box: Box) -> None:
    """Start the gateway, with a company that has the only SIM."""
    box.start_gateway()
    (sim,) = box.sims_ready(1)
    if sim["assigned_to"] is None:
        box.cli("sim", "set", sim["id"], "--company", 1)


def inbox(box: Box) -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = box.get("sms/inbox?limit=1000")["data"]
    return data


def part(seq: int, total: int, text: str, reference: int = 7) -> str:
    """An SMS-DELIVER in UCS-2 with a concatenation header."""
    data = bytes([5, 0, 3, reference, total, seq]) + text.encode("utf-16-be")
    return "440B912273060000F00008621122010000" + "00" + f"{len(data):02X}" + data.hex().upper()


def test_texts_that_came_while_the_daemon_was_down_are_received(build: Callable[..., Box]) -> None:
    box = build()
    box.start_bank(*FAST)
    start(box)
    assert box.gateway is not None
    assert box.gateway.stop() == 0
    box.order(do="incoming", port=1, **{"from": "OrangeMoney"}, text="while you were away")
    box.order(do="incoming", port=1, **{"from": "+22376000001"}, text=LONG)
    start(box)
    eventually(lambda: len(inbox(box)) == 2)
    assert {text["message"] for text in inbox(box)} == {"while you were away", LONG}


def test_a_power_cut_while_texts_come_in_loses_and_doubles_none(build: Callable[..., Box]) -> None:
    box = build()
    box.start_bank(*FAST)
    start(box)
    sent = {f"text {number}" for number in range(60)}
    for text in sorted(sent):
        box.order(do="incoming", port=1, **{"from": "+22376000001"}, text=text)
        if text == "text 40":
            eventually(lambda: len(inbox(box)) > 5)
            assert box.gateway is not None
            box.gateway.kill()
    start(box)
    eventually(lambda: {text["message"] for text in inbox(box)} == sent)
    assert len(inbox(box)) == len(sent)


def test_an_incomplete_text_is_shown_after_the_time_out_and_completed_later(
    build: Callable[..., Box],
) -> None:
    box = build(inbox="assembly_timeout_s = 1")
    box.start_bank(*FAST)
    start(box)
    box.order(do="incoming-pdu", port=1, pdu=part(1, 3, "un "))
    box.order(do="incoming-pdu", port=1, pdu=part(3, 3, "trois"))
    (text,) = eventually(lambda: inbox(box))
    assert (text["message"], text["incomplete"]) == ("un […]trois", True)
    assert text["sent_at"] == "2026-11-22T10:00:00.000000Z"
    box.order(do="incoming-pdu", port=1, pdu=part(2, 3, "deux "))
    eventually(lambda: not inbox(box)[0]["incomplete"])
    assert [(row["id"], row["message"]) for row in inbox(box)] == [(text["id"], "un deux trois")]


def test_the_parts_of_an_incomplete_text_survive_the_process(build: Callable[..., Box]) -> None:
    box = build()
    box.start_bank(*FAST)
    start(box)
    box.order(do="incoming-pdu", port=1, pdu=part(2, 2, "deux"))
    eventually(lambda: "a text came in" in "".join(box.gateway.stderr if box.gateway else ""))
    assert box.gateway is not None
    box.gateway.kill()
    box.order(do="incoming-pdu", port=1, pdu=part(1, 2, "un "))
    start(box)
    eventually(lambda: [text["message"] for text in inbox(box)] == ["un deux"])


def test_a_report_settles_a_part_without_an_answer_and_it_is_sent_once(
    build: Callable[..., Box],
) -> None:
    box = build(dispatch="submit_timeout_s = 1\nin_doubt_wait_s = 0.1")
    box.start_bank(*FAST)
    start(box)
    box.order(do="fault", port=1, fault="silent-taken")
    box.becomes(box.send("once"), "delivered")
    box.becomes(box.send("after that"), "delivered")
    assert [event["text"] for event in box.network("submitted")] == ["once", "after that"]


def test_a_report_without_a_time_zone_settles_a_part_without_an_answer(
    build: Callable[..., Box],
) -> None:
    box = build(dispatch="submit_timeout_s = 1\nin_doubt_wait_s = 30")
    box.start_bank(*FAST)
    start(box)
    box.order(do="fault", port=1, fault="silent-taken")
    box.order(do="fault", port=1, fault="report-zone")
    box.becomes(box.send("once"), "delivered")
    assert [event["text"] for event in box.network("submitted")] == ["once"]


def single_part(stamp: str, text: str, pid_and_dcs: str = "0008") -> str:
    """An SMS-DELIVER in UCS-2."""
    data = text.encode("utf-16-be")
    return f"040B912273060000F0{pid_and_dcs}{stamp}{len(data):02X}{data.hex().upper()}"


@pytest.mark.parametrize("stamp", ["62112201000000", "00000000000000"])  # a date, and no date
def test_equal_texts_that_are_in_memory_at_once_are_all_received(
    build: Callable[..., Box], stamp: str
) -> None:
    box = build()
    box.start_bank(*FAST)
    start(box)
    box.stop_gateway()
    for _ in range(3):
        box.order(do="incoming-pdu", port=1, pdu=single_part(stamp, "alike"))
    start(box)
    eventually(lambda: len(inbox(box)) == 3)
    eventually(lambda: box.order(do="stored", port=1)["stored"] == [])
    for _ in range(2):  # and two more, one after the other
        box.order(do="incoming-pdu", port=1, pdu=single_part(stamp, "alike"))
        eventually(lambda: box.order(do="stored", port=1)["stored"] == [])
    box.order(do="incoming-pdu", port=1, pdu=single_part(stamp, "the last"))
    eventually(lambda: inbox(box)[0]["message"] == "the last")
    dated = stamp.startswith("621122")
    assert [text["message"] for text in inbox(box)[1:]] == ["alike"] * (3 if dated else 5)
    assert {text["sent_at"] for text in inbox(box)} == {"2026-11-22T10:00:00.000000Z" if dated else None}


def test_messages_that_are_not_texts_are_counted_and_data_is_marked(build: Callable[..., Box]) -> None:
    box = build()
    box.start_bank(*FAST)
    start(box)
    stamp = "62112201000000"
    for pid_and_dcs in ("4008", "00C8", "00C0", "7F16"):
        box.order(do="incoming-pdu", port=1, pdu=single_part(stamp, "ab", pid_and_dcs))
    push = "0605040B8423F0" + "010203"  # an MMS notification
    box.order(do="incoming-pdu", port=1, pdu=f"440B912273060000F00004{stamp}{len(push) // 2:02X}{push}")
    box.order(do="incoming-pdu", port=1, pdu=single_part(stamp, "a voicemail waits", "00E8"))
    eventually(lambda: len(inbox(box)) == 2)
    text, data = inbox(box)
    assert [text[name] for name in ("message", "kind", "encoding", "port_number")] == [
        "a voicemail waits", "text", "ucs2", None,
    ]  # fmt: skip
    assert [data[name] for name in ("message", "kind", "encoding", "port_number")] == [
        "010203", "data", "8bit", 2948,
    ]  # fmt: skip
    eventually(lambda: box.order(do="stored", port=1)["stored"] == [])
    figures = Figures.read(requests.get(f"{box.api.removesuffix('/api')}/metrics", timeout=60).text)
    counts = {"type_0": 1, "voicemail": 2, "sim_data": 1}
    for kind, count in counts.items():
        assert figures.sum("gatewayd_texts_discarded_total", kind=kind) == count
    assert figures.sum("gatewayd_texts_received_total") == 2
