"""Attempts, doubts and expiry on a whole box: simulated modems, real HTTP, real command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.conftest import Process, eventually
from tests.gatewayd.box import Box

FAST = ("--submit-s", "0.05", "--delivery-s", "0.05")
TEXT = "".join(f"<{number:03}>" for number in range(120))  # 600 characters: 4 parts


def available(box: Box) -> list[dict[str, Any]]:
    sims: list[dict[str, Any]] = box.get("sms/sims/available")["data"]["available_sims"]
    return sims


def settle(box: Box, sms_id: str, verdict: str) -> tuple[int, Any]:
    command = Process("--config", box.config, "message", "settle", sms_id, verdict, "--json")
    code = command.wait()
    output = command.line() if code == 0 else ""
    return code, json.loads(output) if output else None


def test_another_sim_sends_the_rest_of_a_long_message_and_an_unsendable_message_expires(
    build: Callable[..., Box],
) -> None:
    box = build(slots={1: 1, 2: 1}, dispatch="min_interval_s = 0.3", clock='trust = "always"')
    box.start_bank(*FAST)
    box.start_gateway()
    box.sims_ready(2)
    sms_id = box.send(TEXT)
    first = eventually(lambda: box.network("submitted"))[0]
    own = next(sim["port"] for sim in box.sims_ready(2) if sim["number"] == first["sender"])
    box.order(do="fault", port=own, fault="refused", times=100, code=8)
    box.becomes(sms_id, "delivered")
    submitted = box.network("submitted")
    before_takeover = [event for event in submitted if event["sender"] == first["sender"]]
    after_takeover = [event for event in submitted if event["sender"] != first["sender"]]
    assert after_takeover
    assert {event["parts"] for event in before_takeover} == {4}
    assert {event["parts"] for event in after_takeover} == {1}
    assert all(event["text"].startswith("...") for event in after_takeover)
    assert "".join(event["text"].removeprefix("...") for event in submitted) == TEXT
    attempts = box.status(sms_id)["attempts"]
    assert [attempt["part"] for attempt in attempts if attempt["outcome"] == "sent"] == [1, 2, 3, 4]
    (barred,) = (attempt for attempt in attempts if attempt["outcome"] == "refused")
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
    box = build(
        slots={1: 1, 2: 1}, dispatch='submit_timeout_s = 0.5\nin_doubt = "hold"\nin_doubt_wait_s = 0.1'
    )
    box.start_bank("--submit-s", "0.05", "--delivery-s", "60")
    box.start_gateway()
    ids = {sim["port"]: sim["id"] for sim in box.sims_ready(2)}
    box.order(do="fault", port=1, fault="silent-taken", times=1)
    box.order(do="fault", port=2, fault="silent-lost", times=1)
    accepted, lost = (box.send("doubtful", sim_number_id=ids[port]) for port in (1, 2))
    eventually(lambda: box.status(accepted)["in_doubt"] and box.status(lost)["in_doubt"])
    assert box.status(accepted)["status"] == "pending"
    assert settle(box, accepted, "retry")[0] == 0
    box.becomes(accepted, "sent")
    # The service centre already has the part and was asked to refuse a duplicate, but this modem does not keep our TP-MR.
    attempts = box.status(accepted)["attempts"]
    assert [attempt["outcome"] for attempt in attempts] == ["in_doubt", "refused", "sent"]
    assert [attempt["code"] for attempt in attempts] == [None, "+CMS ERROR: 197", None]
    assert settle(box, accepted, "sent") == (1, None)
    assert box.gateway is not None
    box.gateway.stop()
    code, message = settle(box, lost, "failed")
    assert (code, message["status"], message["in_doubt"]) == (0, "failed", False)
    assert [attempt["outcome"] for attempt in message["attempts"]] == ["in_doubt"]
