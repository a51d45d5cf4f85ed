"""The daemon where the clock is wrong: a child process under libfaketime, beside a network that knows the time."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import requests

from gatewayd.daemon.control_client import ask
from tests.conftest import eventually
from tests.gatewayd.box import Box

FAST = ("--submit-s", "0.05", "--delivery-s", "0.05")
IN_1970 = "@1970-01-01 00:01:00"
IN_2040 = "@2040-06-01 12:00:00"
CORRECT = "+0"


class WrongClock:
    """The system clock of a daemon: correct at first. It sees a change within a second."""

    def __init__(self, path: Path) -> None:
        found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        if not found:
            pytest.fail("libfaketime is missing: apt-get install faketime")
        self._file = path / "time"
        self.set(CORRECT)
        self.environment = {
            "LD_PRELOAD": str(found[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",  # seconds; without it each look at the clock reads the file
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "TZ": "UTC",
        }

    def set(self, time: str) -> None:
        """Set the time, in a form of faketime(1)."""
        new = self._file.with_suffix(".new")
        new.write_text(time + "\n", encoding="ascii")
        os.replace(new, self._file)


@pytest.fixture
def wrong(tmp_path: Path) -> WrongClock:
    return WrongClock(tmp_path)


def clock(box: Box) -> dict[str, Any]:
    status = cast("dict[str, Any]", ask(box.path / "gatewayd.db", "status", {}, 60))
    return cast("dict[str, Any]", status["clock"])


def post(box: Box, text: str, headers: dict[str, str]) -> requests.Response:
    body = {"recipient": "+22370123456", "message": text}
    return requests.post(
        f"{box.api}/sms/send",
        json=body,
        headers={**box.headers, "Prefer": "respond-async", **headers},
        timeout=30,
    )


def may_send(box: Box, key: str) -> bool:
    """Whether the key is valid at the daemon's time, or at that of its system clock if that is later."""
    return requests.get(f"{box.api}/sms/quota", headers={"X-API-Key": key}, timeout=60).status_code == 200


def wait_for_clock(box: Box, year: str) -> None:
    """Wait until the daemon has noticed that its clock was set."""
    eventually(lambda: clock(box)["now"].startswith(year))


def test_a_box_that_boots_in_1970_counts_from_the_newest_trusted_time_until_the_network_gives_the_time(
    build: Callable[..., Box], wrong: WrongClock
) -> None:
    box = build(clock='trust = "network"')
    box.start_bank(*FAST)
    box.start_gateway(environment=wrong.environment)
    box.sims_ready(1)
    eventually(lambda: clock(box)["by"] == "network")
    company = box.cli("company", "list")[0]["id"]
    box.cli("company", "set", company, "--quota", 3)
    expired_at = (datetime.now(UTC) - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    expired = box.cli("key", "add", "--company", company, "--expires", expired_at)["key"]
    until_2039 = box.cli("key", "add", "--company", company, "--expires", "2039-01-01T00:00:00Z")["key"]
    first = box.send("in its time")
    box.becomes(first, "delivered")
    assert box.gateway is not None
    box.gateway.kill()

    wrong.set(IN_1970)
    box.order(do="chance", rule="no-network-time=1")
    box.order(do="unplug", port=1)
    box.order(do="replug", port=1)
    box.start_gateway(environment=wrong.environment)
    box.sims_ready(1)
    status = clock(box)
    this_year = str(datetime.now(UTC).year)
    assert not status["trusted"]
    assert status["now"].startswith(this_year)
    assert "timedatectl set-ntp true" in status["detail"]
    assert post(box, "expired key", {"X-API-Key": expired}).status_code == 401
    second = box.send("after a boot in 1970")
    assert box.get("sms/quota")["data"]["sent_this_month"] == 2  # the month goes on

    wrong.set(IN_2040)  # an unconfirmed jump changes nothing, except that keys expire
    eventually(lambda: may_send(box, until_2039) is False)
    third = box.send("after a jump")
    assert clock(box)["now"].startswith(this_year)
    assert post(box, "too many", {}).status_code == 429

    box.order(do="calm")
    box.order(do="registration", port=1, stat=0)
    eventually(lambda: box.cli("status")["ports"][0]["slots"][0]["registration"] == "not_searching")
    box.order(do="registration", port=1, stat=1)  # after a search, the modem is asked for the time at once
    eventually(lambda: clock(box)["by"] == "network")
    assert clock(box)["now"].startswith(this_year)
    assert box.get("sms/quota")["data"]["sent_this_month"] == 3
    for sms_id in (second, third):
        box.becomes(sms_id, "delivered")
    assert [event["text"] for event in box.network("submitted")] == [
        "in its time",
        "after a boot in 1970",
        "after a jump",
    ]


def test_a_clock_that_stands_still_or_jumps_loses_doubles_and_disorders_no_message(
    build: Callable[..., Box], wrong: WrongClock
) -> None:
    box = build(clock='trust = "always"', inbox="assembly_timeout_s = 1")  # texts are assembled each second
    box.start_bank(*FAST)
    box.start_gateway(environment=wrong.environment)
    box.sims_ready(1)
    company = box.cli("company", "list")[0]["id"]
    key = box.cli("key", "add", "--company", company, "--expires", "2039-01-01T00:00:00Z")["key"]
    once = {"X-API-Key": key, "Idempotency-Key": "once"}
    answers = [post(box, "before all", once).json()]
    sent = ["before all"]

    def deliver(text: str) -> None:
        answers.append(post(box, text, {}).json())
        sent.append(text)
        box.becomes(answers[-1]["data"]["sms_id"], "delivered")

    wrong.set("2027-03-01 12:00:00")
    wait_for_clock(box, "2027-03-01T12:00:00")
    deliver("it stands still")
    deliver("it still stands still")
    wrong.set("-1h")
    eventually(lambda: clock(box)["now"] < datetime.now(UTC).isoformat())
    deliver("an hour ago")
    wrong.set(IN_2040)
    wait_for_clock(box, "2040")
    deliver("in 2040")
    assert post(box, "with an expired key", once).status_code == 401
    wrong.set(CORRECT)
    eventually(lambda: clock(box)["now"] < "2040")
    deliver("back again")
    repeated = post(box, "before all", once)
    assert repeated.status_code == 200
    assert repeated.json()["data"]["sms_id"] == answers[0]["data"]["sms_id"]

    tasks = [int(answer["data"]["task_id"]) for answer in answers]
    assert tasks == sorted(set(tasks))
    assert {len(str(task)) for task in tasks} == {14}
    assert [event["text"] for event in box.network("submitted")] == sent
