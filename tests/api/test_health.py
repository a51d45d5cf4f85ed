"""/health: 200 as soon as messages are taken, 503 while they are not, and why; without a key, and without secrets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modem.work import PortState, PortStatus, Registration, SimState, SlotStatus
from tests.api.stand import Stand
from tests.gatewayd.house import RECIPIENT


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    stand = Stand(tmp_path)
    yield stand
    stand.close()


def health(stand: Stand) -> tuple[int, dict[str, Any]]:
    told = stand.get("/api/health")
    content = told.json()
    assert content["success"] is (told.status_code == 200)
    if told.status_code != 200:
        assert content["error"] == "storage_unavailable"
        assert int(told.headers["Retry-After"]) > 0
    return told.status_code, content["data"]


def verdicts(data: dict[str, Any]) -> dict[str, str]:
    return {name: check["status"] for name, check in data["checks"].items()}


def test_a_box_that_is_well_passes_every_check(stand: Stand) -> None:
    status, data = health(stand)
    assert status == 200
    assert (data["status"], data["live"], data["ready"]) == ("ok", True, True)
    assert verdicts(data) == dict.fromkeys(("store", "queue", "disk", "ports", "sims", "clock"), "pass")


def test_a_port_that_is_down_is_a_warning_while_another_works(stand: Stand) -> None:
    stand.house.say(PortStatus(2, "/dev/tty2", PortState.ABSENT, "", (SlotStatus(1),), 1))
    status, data = health(stand)
    assert (status, data["status"]) == (200, "warn")
    assert data["checks"]["ports"] == {"status": "warn", "output": "1 of 2 ports are up"}


def test_a_sim_without_network_still_takes_messages(stand: Stand) -> None:
    stand.house.up(1, "8922301000000000001", registration=Registration.SEARCHING)
    status, data = health(stand)
    assert (status, data["status"], verdicts(data)["sims"]) == (200, "warn", "fail")


def test_without_a_sim_that_may_send_it_is_503_with_the_same_checks(stand: Stand) -> None:
    up = stand.house.statuses[1]
    stand.house.say(replace(up, slots=(replace(up.active, sim=SimState.PUK_REQUIRED),)))
    status, data = health(stand)
    assert (status, data["status"], data["ready"]) == (503, "fail", False)
    assert verdicts(data)["sims"] == "fail"
    assert "0 of 1 SIMs" in stand.get("/api/health").json()["message"]


def test_what_has_waited_for_long_is_a_warning(stand: Stand) -> None:
    stand.house.send("a secret text")
    assert health(stand)[1]["status"] == "ok"
    stand.house.clock.at += 3600 * 1_000_000
    status, data = health(stand)
    assert (status, verdicts(data)["queue"]) == (200, "warn")
    assert data["checks"]["queue"]["output"] == "A message has waited for 60 minutes"
    stand.house.clock.at -= 7200 * 1_000_000  # set back: no age below 0
    assert verdicts(health(stand)[1])["queue"] == "pass"
    told = stand.get("/api/health").text
    for secret in (RECIPIENT.removeprefix("+"), "secret", "8922301", "2237000"):
        assert secret not in told
