"""On a running daemon: a SIM that the network refuses is told as blocked, and the limits of a SIM are set and shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import Running, eventually
from tests.gatewayd.box import Box


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path, slots={1: 1, 2: 1, 3: 1}, dispatch="blocked_after = 3\nmax_attempts = 1")
    box.start_bank("--submit-s", "0.05", "--delivery-s", "0.05")
    box.start_gateway()
    box.sims_ready(3)
    yield box
    box.stop()


def test_a_sim_that_the_network_refuses_while_its_neighbour_sends_is_told(box: Box) -> None:
    sims = {sim["port"]: sim["id"] for sim in box.cli("sim", "list")}
    assert len({sim["operator"] for sim in box.cli("sim", "list") if sim["port"] in (1, 3)}) == 1
    box.order(do="fault", port=1, fault="refused", times=-1, code=50)
    box.becomes(box.send("1", sim_number_id=sims[1], recipient="+22370000201"), "failed")
    box.becomes(box.send("2", sim_number_id=sims[3], recipient="+22370000202"), "delivered")
    for number in (203, 204):
        box.becomes(box.send("3", sim_number_id=sims[1], recipient=f"+22370000{number}"), "failed")

    def blocked() -> Any:
        return [sim["id"] for sim in box.cli("sim", "list") if sim["suspected_blocked_since"]]

    assert eventually(blocked) == [sims[1]]
    [told] = [
        check for check in box.cli("check")["checks"] if "may be blocked by its operator" in check["text"]
    ]
    assert (told["about"], told["grade"]) == (f"SIM {sims[1]}", "warning")
    assert box.get("health")["data"]["checks"]["sims"]["status"] == "warn"
    metrics = requests.get(box.api.removesuffix("/api") + "/metrics", timeout=10).text
    assert f'gatewayd_sim_suspected_blocked{{port="1",sim="{sims[1]}",slot="1"}} 1.0' in metrics
    assert f'gatewayd_sim_suspected_blocked{{port="3",sim="{sims[3]}",slot="1"}} 0.0' in metrics


def test_limits_and_the_holder_are_set_shown_and_cleared(running: Running) -> None:
    sim = running.cli("sim", "list")[0]["id"]
    limits = {"daily_parts": 400, "monthly_parts": 9000, "daily_recipients": 200, "monthly_recipients": 1000}
    options = [word for name, value in limits.items() for word in (f"--{name.replace('_', '-')}", value)]
    holder = ("--holder", "Sahel Négoce", "--registered", "2026-11-02")
    told = running.cli("sim", "set", sim, *options, "--reset-hour", 6, *holder)
    assert {name: told[name] for name in limits} == limits
    assert (told["reset_hour"], told["holder"], told["registered_on"]) == (6, "Sahel Négoce", "2026-11-02")
    assert told == running.cli("sim", "show", sim)
    shown = running.cli_raw("sim", "show", sim).stdout
    assert "Sahel Négoce" in shown
    assert "parts left" in shown
    assert "holder" not in running.cli_raw("sim", "list").stdout
    available = running.cli("status")["sims"][0]
    assert "holder" not in available  # the archive of `gatewayd support` has the status
    none = [word for name in limits for word in (f"--{name.replace('_', '-')}", "none")]
    told = running.cli("sim", "set", sim, *none, "--reset-hour", 0, "--holder", "", "--registered", "")
    assert {told[name] for name in (*limits, "holder", "registered_on")} == {None}
    assert running.cli_raw("sim", "show", 999).returncode == 1
    assert running.cli_raw("sim", "set", sim, "--reset-hour", 24).returncode == 2
    assert running.cli_raw("sim", "set", sim, "--registered", "yesterday").returncode == 2
