"""Attempts, doubts and expiry on a whole box: real modems' dialogue, real HTTP, real command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Process, eventually
from tests.gatewayd.box import Box

FAST = ("--submit-s", "0.05", "--delivery-s", "0.05")
TEXT = "".join(f"<{number:03}>" for number in range(120))  # 600 characters: 4 parts


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., Box]]:
    boxes: list[Box] = []

    def build(slots: dict[int, int] | None = None, **sections: str) -> Box:
        boxes.append(Box(tmp_path, slots=slots or {1: 1}, **sections))
        return boxes[-1]

    yield build
    for box in boxes:
        box.stop()


def available(box: Box) -> list[dict[str, Any]]:
    sims: list[dict[str, Any]] = box.get("sms/sims/available")["data"]["available_sims"]
    return sims


def settle(box: Box, sms_id: str, verdict: str) -> tuple[int, Any]:
    command = Process("--config", box.config, "message", "settle", sms_id, verdict, "--json")
    code = command.wait()
    told = command.line() if code == 0 else ""
    return code, json.loads(told) if told else None


def test_the_rest_of_a_long_message_goes_out_from_another_sim_and_what_nobody_can_send_expires(
    build: Callable[..., Box],
) -> None:
    box = build({1: 1, 2: 1}, dispatch="min_interval_s = 0.3", clock='trust = "always"')
    box.start_bank(*FAST)
    box.start_gateway()
    box.sims_ready(2)
    sms_id = box.send(TEXT)
    first = eventually(lambda: box.network("submitted"))[0]
    own = next(sim["port"] for sim in box.sims_ready(2) if sim["number"] == first["sender"])
    box.order(do="fault", port=own, fault="refused", times=100, code=8)
    box.becomes(sms_id, "delivered")
    submitted = box.network("submitted")
    whole = [event for event in submitted if event["sender"] == first["sender"]]
    rest = [event for event in submitted if event["sender"] != first["sender"]]
    assert rest
    assert {event["parts"] for event in whole} == {4}
    assert {event["parts"] for event in rest} == {1}
    assert all(event["text"].startswith("...") for event in rest)
    assert "".join(event["text"].removeprefix("...") for event in submitted) == TEXT
    attempts = box.status(sms_id)["attempts"]
    assert [one["part"] for one in attempts if one["outcome"] == "sent"] == [1, 2, 3, 4]
    (barred,) = (one for one in attempts if one["outcome"] == "refused")
    assert (barred["code"], barred["port"]) == ("+CMS ERROR: 8", own)
    assert "bars this SIM" in barred["meaning"]
    assert "interdit" in barred["meaning_fr"]
    for port in (1, 2):
        box.order(do="registration", port=port, stat=2)
    eventually(lambda: not any(sim["can_send_sms"] for sim in available(box)))
    late = box.send("too late", expires_in_s=1)
    box.becomes(late, "failed")
    assert "expired" in box.status(late)["failure_reason"]
    assert box.get("sms/quota")["data"]["sent_this_month"] == 1


def test_a_doubt_is_settled_by_command_with_and_without_a_daemon(build: Callable[..., Box]) -> None:
    box = build({1: 1, 2: 1}, dispatch='submit_timeout_s = 0.5\nin_doubt = "hold"\nin_doubt_wait_s = 0.1')
    box.start_bank("--submit-s", "0.05", "--delivery-s", "60")
    box.start_gateway()
    ids = {sim["port"]: sim["id"] for sim in box.sims_ready(2)}
    box.order(do="fault", port=1, fault="silent-taken", times=1)
    box.order(do="fault", port=2, fault="silent-lost", times=1)
    taken, lost = (box.send("doubtful", sim_number_id=ids[port]) for port in (1, 2))
    eventually(lambda: box.status(taken)["in_doubt"] and box.status(lost)["in_doubt"])
    assert box.status(taken)["status"] == "pending"
    assert settle(box, taken, "retry")[0] == 0
    box.becomes(taken, "sent")
    # The service centre holds it already and was asked to refuse it; but whether that is so this modem cannot tell.
    attempts = box.status(taken)["attempts"]
    assert [one["outcome"] for one in attempts] == ["in_doubt", "refused", "sent"]
    assert [one["code"] for one in attempts] == [None, "+CMS ERROR: 197", None]
    assert settle(box, taken, "sent") == (1, None)
    assert box.gateway is not None
    box.gateway.stop()
    code, told = settle(box, lost, "failed")
    assert (code, told["status"], told["in_doubt"]) == (0, "failed", False)
    assert [one["outcome"] for one in told["attempts"]] == ["in_doubt"]
