"""Ports that come, change, pause and go while the daemon runs, on simulated modems."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from gatewayd.cli import main
from gatewayd.daemon.control_client import ask
from modem.at.serial_port import open_device
from modem.simulator.bank import Bank
from tests.conftest import Running, eventually
from tests.gatewayd.box import Box
from tests.gatewayd.spare_modems import ONE, OTHER, spare_modems

PORT = 9


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    with spare_modems(tmp_path / "bank") as bank:
        yield bank


@pytest.fixture
def added(running: Running, bank: Bank) -> Iterator[Bank]:
    """The bank, of which one modem is port 9 of the shared gateway."""
    made = running.cli("port", "add", PORT, str(bank.device(ONE)))
    assert (made["source"], made["may_change"]) == ("database", True)
    yield bank
    if any(port["port"] == PORT for port in running.cli("port", "list")):
        running.cli("port", "remove", PORT)


def port(running: Running) -> Any:
    return next((row for row in running.cli("port", "list") if row["port"] == PORT), None)


def sim_of(running: Running, bank: Bank, modem: int = ONE) -> int:
    """The id of the SIM of a modem, once it can send."""

    def find() -> int:
        answer = requests.get(
            f"{running.url}/sms/sims/available", headers={"X-API-Key": running.key}, timeout=30
        ).json()
        sims = answer["data"]["available_sims"]
        return next((s["id"] for s in sims if s["number"] == bank.number(modem) and s["can_send_sms"]), 0)

    found: int = eventually(find)
    return found


def send(running: Running, sim: int) -> tuple[int, Any]:
    answer = requests.post(
        f"{running.url}/sms/send",
        json={"recipient": "+22370123456", "message": "through the new port", "sim_number_id": sim},
        headers={"X-API-Key": running.key},
        timeout=30,
    )
    return answer.status_code, answer.json()


def test_a_port_that_is_added_sends_at_once_and_a_removed_one_leaves_nothing(
    running: Running, added: Bank
) -> None:
    sim = sim_of(running, added)
    status, body = send(running, sim)
    assert status == 200, body
    assert [taken.text for taken in added.accepted()] == ["through the new port"]
    status_row = next(row for row in running.cli("status")["ports"] if row["port"] == PORT)
    assert (status_row["source"], status_row["state"]) == ("database", "up")
    assert running.cli("port", "remove", PORT) == {"port": PORT, "ended": True}
    assert port(running) is None
    assert PORT not in [row["port"] for row in running.cli("status")["ports"]]
    open_device(str(added.device(ONE)), 115_200).close()  # raises where the daemon holds its lock
    refused, body = send(running, sim)
    assert refused != 200, body


def test_a_paused_port_takes_no_message_and_frees_its_device(running: Running, added: Bank) -> None:
    sim = sim_of(running, added)
    assert running.cli("port", "pause", PORT)["paused_since"]
    eventually(lambda: port(running)["state"] == "paused")
    open_device(str(added.device(ONE)), 115_200).close()
    assert send(running, sim)[0] != 200
    assert "paused: 9" in requests.get(f"{running.url}/health", timeout=30).text
    check = running.cli_raw("check")
    assert f"gatewayd port resume {PORT}" in check.stdout
    running.cli("port", "resume", PORT)
    assert sim_of(running, added) == sim
    assert send(running, sim)[0] == 200


def test_a_restart_and_other_settings_are_in_the_history(running: Running, added: Bank) -> None:
    sim_of(running, added)
    running.cli("port", "restart", PORT)
    eventually(lambda: any("as an operator ordered" in change["detail"] for change in history(running)))
    sim_of(running, added)
    changed = running.cli("port", "set", PORT, "--device", str(added.device(OTHER)))
    assert changed["device"] == str(added.device(OTHER))
    sim_of(running, added, OTHER)
    states = [change["state"] for change in reversed(history(running))]
    assert states == ["starting", "up", "starting", "up", "absent", "starting", "up"]
    plain = running.cli_raw("port", "history", str(PORT)).stdout
    assert max(map(len, plain.splitlines())) <= 80
    listed = running.cli_raw("port", "list").stdout
    assert max(map(len, listed.splitlines())) <= 80


def history(running: Running) -> list[Any]:
    found: list[Any] = running.cli("port", "history", PORT)
    return found


def test_modems_without_a_port_are_found_beside_the_running_ports(running: Running, bank: Bank) -> None:
    devices = [str(bank.device(number)) for number in (ONE, OTHER)]
    store = running.settings.store.path
    found: Any = ask(store, "port.discover", {"devices": devices}, 150)
    rows = {row["path"]: row for row in found["devices"]}
    assert set(devices) <= rows.keys()
    row = rows[devices[0]]
    assert (row["modem"], row["can_send"], row["missing"]) == (True, True, [])
    assert row["imei"].startswith("…")
    assert len(row["imei"]) == 5
    running.cli("port", "add", PORT, devices[0])
    left: Any = ask(store, "port.found", {}, 30)
    assert devices[0] not in [row["path"] for row in left["devices"]]
    assert left["next_port"] == PORT + 1
    running.cli("port", "remove", PORT)
    running_devices = {str(each.device) for each in running.settings.ports}
    assert not running_devices & rows.keys()


def test_ports_of_the_database_and_their_pauses_survive_a_kill(build: Callable[..., Box]) -> None:
    box = build(slots={1: 1, 2: 1})
    box.config.write_text(box.config.read_text().partition("[[ports]]")[0])
    box.start_bank("--submit-s", "0.05", "--delivery-s", "0.05")
    box.start_gateway()
    assert box.cli("port", "list") == []
    for number in (1, 2):
        box.cli("port", "add", number, str(box.path / "ports" / f"port{number}"))
    box.sims_ready(2)
    since = box.cli("port", "pause", 2)["paused_since"]
    eventually(lambda: box.cli("port", "list")[1]["state"] == "paused")
    assert box.gateway is not None
    box.gateway.kill()
    box.start_gateway()
    assert [sim["port"] for sim in box.sims_ready(1) if sim["can_send_sms"]] == [1]
    row = box.cli("port", "list")[1]
    assert (row["state"], row["paused_since"]) == ("paused", since)
    box.becomes(box.send("from a port of the database"), "delivered")
    box.cli("port", "resume", 2)
    box.sims_ready(2)


def test_a_port_that_is_removed_while_it_sends_finishes_its_message(build: Callable[..., Box]) -> None:
    box = build(slots={1: 1})
    box.config.write_text(box.config.read_text().partition("[[ports]]")[0])
    box.start_bank("--submit-s", "0.05", "--delivery-s", "0.05")
    box.start_gateway()
    box.cli("port", "add", 1, str(box.path / "ports" / "port1"))
    box.sims_ready(1)
    box.order(do="hold", port=1, command="+CMGS", answer=True)
    sent, waiting = box.send("in the air"), box.send("waiting")
    eventually(lambda: box.network("held"))
    assert not box.cli("port", "remove", 1)["ended"]
    add = ["--config", str(box.config), "port", "add", "1", str(box.path / "ports" / "port1")]
    again = CliRunner().invoke(main, add)
    assert (again.exit_code, "still finishes a message" in again.stderr) == (1, True)
    box.order(do="release", port=1)
    eventually(lambda: box.status(sent)["status"] in ("sent", "delivered"))
    eventually(lambda: box.cli("status")["ports"] == [])
    assert box.status(waiting)["status"] == "pending"
    box.cli("port", "add", 1, str(box.path / "ports" / "port1"))
    box.becomes(waiting, "delivered")
