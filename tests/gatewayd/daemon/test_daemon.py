"""The daemon as a process: started, stopped, killed, without a modem, started twice."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import requests

from tests.conftest import Process, eventually
from tests.gatewayd.box import Box

FAST = ("--submit-s", "0.05", "--delivery-s", "0.05", "--time-scale", "1")


def test_a_message_is_delivered_from_both_sims_of_a_port(build: Callable[..., Box]) -> None:
    box = build(slots={1: 2})
    box.start_bank("--submit-s", "0.5", "--delivery-s", "0.5", "--time-scale", "0.1")
    box.start_quick_gateway(0.1)
    sims = box.sims_ready(2)
    sent = {sim["number"]: box.send("hello", sim_number_id=sim["id"]) for sim in sims}
    for sms_id in sent.values():
        box.becomes(sms_id, "delivered")
    assert {event["sender"] for event in box.network("submitted")} == set(sent)


def test_a_port_with_two_full_queues_switches_seldom_and_sends_urgent_messages_early(
    build: Callable[..., Box],
) -> None:
    dwell_s = 1
    box = build(slots={1: 2}, dispatch=f"slot_dwell_s = {dwell_s}")
    box.start_bank("--submit-s", "0.15", "--delivery-s", "0.1", "--time-scale", "0.1")
    box.start_quick_gateway(0.1)
    first, idle = sorted(
        box.sims_ready(2), key=lambda sim: -sim["slot"]
    )  # the port starts in the slot that it checked last
    before, started_at = box.cli("status")["ports"][0]["slot_switches"], time.monotonic()
    for sim in (first, idle):
        body = [{"recipient": f"+2237000{n:04d}", "message": f"{sim['slot']} {n}"} for n in range(40)]
        order = {"messages": body, "sim_number_id": sim["id"]}
        assert requests.post(f"{box.api}/sms/send-bulk", json=order, headers=box.headers, timeout=30).ok
    urgent = box.send("urgent", sim_number_id=idle["id"], priority="otp")
    box.becomes(urgent, "delivered")
    texts = [event["text"] for event in box.network("submitted")]
    assert texts.index("urgent") < 40, "the urgent message went at the first switch to its slot"
    eventually(lambda: len(box.network("submitted")) == 81)
    assert (
        box.cli("status")["ports"][0]["slot_switches"] - before
        <= 2 + (time.monotonic() - started_at) / dwell_s
    )


def test_a_missing_modem_is_looked_for_until_it_appears(build: Callable[..., Box]) -> None:
    box = build()
    box.start_gateway()
    assert box.cli("status")["ports"][0]["state"] == "absent"
    box.start_bank(*FAST)
    box.sims_ready(1)
    box.becomes(box.send("at last"), "delivered")


@pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_is_bounded_and_a_part_without_an_answer_is_in_doubt_at_the_next_start(
    build: Callable[..., Box], with_signal: signal.Signals
) -> None:
    box = build(daemon="stop_timeout_s = 0.5", dispatch="in_doubt_wait_s = 300")
    box.start_bank("--submit-s", "60")
    box.start_gateway()
    box.sims_ready(1)
    sms_id, waiting = box.send("being submitted"), box.send("in the queue")
    eventually(lambda: box.cli("status")["ports"][0]["busy"])
    assert box.gateway is not None
    assert box.gateway.stop(with_signal, timeout_s=1.5 + 3) == 0  # 3 s for a loaded machine
    assert "in doubt" in "".join(box.gateway.stderr)
    box.start_gateway()
    message = box.status(sms_id)
    assert (message["status"], message["in_doubt"]) == ("pending", True)
    assert "never answered" in message["failure_reason"]
    assert not box.status(waiting)["in_doubt"]


def test_a_stop_waits_for_the_part_being_submitted_and_stores_its_outcome(build: Callable[..., Box]) -> None:
    box = build(daemon="stop_timeout_s = 10")
    box.start_bank("--submit-s", "1", "--delivery-s", "60")
    box.start_gateway()
    box.sims_ready(1)
    sms_id, waiting = box.send("being submitted"), box.send("waiting")
    eventually(lambda: box.cli("status")["ports"][0]["busy"])
    assert box.gateway is not None
    assert box.gateway.stop() == 0
    assert "still being submitted" not in "".join(box.gateway.stderr)
    assert len(box.network("submitted")) == 1, "no further part is submitted"
    box.start_gateway()
    assert box.status(sms_id)["status"] == "sent"
    assert not box.status(waiting)["in_doubt"]


def test_a_part_being_submitted_at_a_power_cut_is_settled_by_its_report_and_sent_once(
    build: Callable[..., Box],
) -> None:
    box = build(slots={1: 1, 2: 1}, dispatch="in_doubt_wait_s = 300")
    box.start_bank("--submit-s", "0.05", "--delivery-s", "0")
    box.start_gateway()
    sender, recipient = sorted(box.sims_ready(2), key=lambda sim: int(sim["port"]))
    box.order(do="registration", port=2, stat=0)  # not delivered before the gateway runs again
    box.sims_ready(1)
    box.order(
        do="hold", port=1, command="+CMGS", answer=True
    )  # the network takes the part, and nobody hears of it
    sms_id = box.send("being submitted", recipient=recipient["number"], sim_number_id=sender["id"])
    eventually(lambda: box.network("held"))
    assert box.gateway is not None
    box.gateway.kill()
    box.order(do="release", port=1, forget=True)
    box.start_gateway()
    box.sims_ready(1)
    box.order(do="registration", port=2, stat=1)
    box.becomes(sms_id, "delivered")
    assert len(box.network("submitted")) == 1


def test_accepted_messages_outlive_a_power_cut(build: Callable[..., Box]) -> None:
    box = build(dispatch="in_doubt_wait_s = 0.1")
    box.start_bank("--submit-s", "0.05", "--delivery-s", "3")  # no report may come while the gateway is down
    box.start_gateway()
    box.sims_ready(1)
    ids = [box.send(f"message {n}") for n in range(20)]
    assert box.gateway is not None
    box.gateway.kill()
    box.start_gateway()
    for sms_id in ids:  # the report of one that the network had at once may have come while no daemon ran
        eventually(lambda sms_id=sms_id: box.status(sms_id)["status"] in ("sent", "delivered"))  # type: ignore[misc]
    texts = [event["text"] for event in box.network("submitted")]
    assert set(texts) == {f"message {n}" for n in range(20)}
    assert len(texts) <= 21  # at most the part that was being submitted was sent again


def test_a_body_limit_too_small_for_the_largest_bulk_is_logged(build: Callable[..., Box]) -> None:
    box = build()  # its bulk_max of 1000 needs 20 MB
    box.start_gateway()
    assert box.gateway is not None
    log = box.gateway.stderr
    eventually(lambda: any("max_body_bytes is too small" in line and "20480000" in line for line in log))


def test_a_second_daemon_on_the_same_store_is_refused(build: Callable[..., Box]) -> None:
    box = build()
    box.start_gateway()
    second = Process("--config", box.config, "run")
    assert second.wait() == 1
    assert "another gatewayd" in "".join(second.stderr)
    assert box.get("sms/quota")["success"]


def test_an_address_in_use_is_a_clear_error(build: Callable[..., Box], tmp_path: Path) -> None:
    box = build()
    box.start_gateway()
    other_config = tmp_path / "other.toml"
    other_config.write_text(box.config.read_text().replace("gatewayd.db", "other.db"))
    second = Process("--config", other_config, "run")
    assert second.wait() == 1
    assert f"127.0.0.1:{box.port}" in "".join(second.stderr)


def test_a_text_to_another_sim_of_the_box_is_received_stored_and_deleted_from_the_modem(
    build: Callable[..., Box],
) -> None:
    box = build(slots={1: 1, 2: 1})
    box.start_bank(*FAST)
    box.start_gateway()
    first, second = box.sims_ready(2)
    text = "Bonjour à vous 😀 " * 20
    sms_id = box.send(text.strip(), sim_number_id=first["id"], recipient=second["number"])
    box.becomes(sms_id, "delivered")
    eventually(lambda: text.strip() in inbox(box))
    assert inbox(box) == [text.strip()]


def inbox(box: Box) -> list[str]:
    """The texts in the store, read as an operator with sqlite3 would."""
    with closing(sqlite3.connect(f"file:{box.path}/gatewayd.db?mode=ro", uri=True)) as db:
        return [row[0] for row in db.execute("SELECT text FROM inbox")]


def test_changes_by_commands_take_effect_at_once(build: Callable[..., Box]) -> None:
    box = build()
    box.start_bank(*FAST)
    box.start_gateway()
    box.sims_ready(1)
    box.becomes(box.send("before"), "delivered")
    box.cli("company", "set", 1, "--active", "no")
    assert box.get("sms/quota")["error"] == "inactive_company"
    box.cli("company", "set", 1, "--active", "yes")
    box.cli("key", "set", 1, "--expires", "2020-01-01")
    assert box.get("sms/quota")["data"]["expired"] is True
    box.cli("key", "set", 1, "--expires", "none")
    assert box.get("sms/quota")["success"]


def test_the_network_gets_every_text_unchanged(build: Callable[..., Box]) -> None:
    box = build(slots={1: 1, 2: 1, 3: 1, 4: 1})
    box.start_bank("--submit-s", "0", "--delivery-s", "0")
    box.start_gateway()
    box.sims_ready(4)
    lengths = [
        1,
        2,
        66,
        67,
        68,
        69,
        70,
        71,
        133,
        134,
        135,
        152,
        153,
        154,
        159,
        160,
        161,
        305,
        306,
        307,
        1599,
        1600,
    ]
    texts = {
        text
        for n in lengths
        for text in (
            "a" * n,
            "a" * (n - 1) + "€",
            "€" * n,
            "ç" * n,
            "ç" * (n - 1) + "😀",
            "😀" * n,
            ("a😀" * n)[:n],
            ("\\[]{}^~|@é§" * n)[:n],
        )
    }
    ordered = sorted(texts)
    body = [{"recipient": f"+2237{n:07d}", "message": text} for n, text in enumerate(ordered)]
    answer = requests.post(
        f"{box.api}/sms/send-bulk", json={"messages": body}, headers=box.headers, timeout=30
    ).json()
    assert answer["summary"]["failed"] == 0, answer
    expected = {f"+2237{n:07d}": text for n, text in enumerate(ordered)}

    def complete_texts() -> dict[str, str]:
        parts: dict[str, dict[int, str]] = {}
        part_counts: dict[str, int] = {}
        for event in box.network("submitted"):
            parts.setdefault(event["recipient"], {})[event["part"]] = event["text"]
            part_counts[event["recipient"]] = event["parts"]
        return {
            number: "".join(part for _, part in sorted(found.items()))
            for number, found in parts.items()
            if len(found) == part_counts[number]
        }

    eventually(lambda: len(complete_texts()) == len(expected))
    assert complete_texts() == expected
