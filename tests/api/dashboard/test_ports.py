"""The pages of ports: who may see them, adding and pausing a port, and what they never show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gatewayd.daemon.control_client import ask
from gatewayd.store.inspection import look
from modem.recording import document
from modem.simulator.bank import Bank
from tests.conftest import Running, eventually
from tests.dashboard_visitor import Visitor, visitor
from tests.gatewayd.spare_modems import ONE, spare_modems

PORT = 21


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    with spare_modems(tmp_path_factory.mktemp("spare")) as bank:
        yield bank


def state(running: Running, number: int = PORT) -> str:
    rows: Any = running.cli("port", "list")
    return next((row["state"] for row in rows if row["port"] == number), "none")


def unchanged(client: Visitor) -> bool:
    """Whether a page that has the present table of ports is told nothing new."""
    seen = client.text("/ports").partition("?seen=")[2].partition('"')[0]
    return client.get(f"/ports/table?seen={seen}").status_code == 204


@pytest.fixture
def _without_the_port(running: Running) -> Iterator[None]:
    """Remove the port where the test failed before it did: other tests use its modem."""
    yield
    if state(running) != "none":
        running.cli("port", "remove", PORT)


@pytest.mark.usefixtures("_without_the_port")
def test_a_port_is_added_paused_restarted_changed_and_removed_by_forms(running: Running, bank: Bank) -> None:
    client = visitor(running, "operator")
    device = str(bank.device(ONE))
    fields = {"port": PORT, "device": device, "slots": "1", "baud": "115200", "pin": "97531", "rtscts": "no"}
    added = client.post("/ports/new", fields)
    assert added.url.endswith(f"/ports/{PORT}")
    assert f"Port {PORT} was added" in added.text
    assert device in client.text("/ports/table")
    eventually(lambda: unchanged(client))
    eventually(lambda: state(running) == "up")
    assert "Works" in client.text(f"/ports/{PORT}/state")
    eventually(lambda: "AT+CSQ" in client.text(f"/ports/{PORT}/conversation"))

    def is_told_nothing_new() -> bool:
        last = client.text(f"/ports/{PORT}/conversation").partition("?last=")[2].partition('"')[0]
        return client.get(f"/ports/{PORT}/conversation?last={last}").status_code == 204

    eventually(is_told_nothing_new)
    assert "finishes its message" in client.post(f"/ports/{PORT}/pause").text
    eventually(lambda: state(running) == "paused")
    assert "Paused since" in client.text(f"/ports/{PORT}")
    assert "Resume" in client.text(f"/ports/{PORT}")
    refused = client.post(f"/ports/{PORT}/restart")
    assert "is paused: resume it first" in refused.text
    client.post(f"/ports/{PORT}/resume")
    changed = client.post(
        f"/ports/{PORT}/settings", {"device": device, "smsc": "+22370000000", "remove_pin": "yes"}
    )
    assert "were changed" in changed.text
    row = next(row for row in running.cli("port", "list") if row["port"] == PORT)
    assert (row["smsc"], row["has_pin"]) == ("+22370000000", False)
    assert client.post(f"/ports/{PORT}/remove").url.endswith("/ports")
    assert client.get(f"/ports/{PORT}").status_code == 404
    noted: Any = look(
        running.settings.store.path,
        lambda db: db.execute("SELECT action, details FROM audit_log WHERE action LIKE 'port.%'").fetchall(),
    )
    actions = [action for action, _ in noted]
    assert {"port.add", "port.pause", "port.resume", "port.restart", "port.set", "port.remove"} <= set(
        actions
    )
    assert "97531" not in str(noted)


def test_a_refused_form_comes_back_with_the_typed_values_but_the_pin(running: Running) -> None:
    client = visitor(running, language="fr")
    fields = {"port": "77", "device": "tty<b>7", "pin": "1234", "baud": "abc"}
    answer = client.post("/ports/new", fields)
    assert answer.status_code == 422
    assert "nombre entier" in answer.text
    assert 'value="77"' in answer.text
    assert "tty&lt;b&gt;7" in answer.text
    assert "1234" not in answer.text
    answer = client.post("/ports/new", {**fields, "baud": ""})
    assert "doit être le chemin d&#39;un seul appareil" in answer.text


def test_names_from_outside_are_shown_as_text(running: Running) -> None:
    client = visitor(running)
    evil = '/dev/"><script>alert(1)</script>'
    ask(running.settings.store.path, "port.add", {"port": 66, "device": evil}, 30)
    try:
        for path in ("/ports", "/ports/table", "/ports/66", "/ports/66/state"):
            page = client.text(path)
            assert "<script>alert" not in page
            assert "&lt;script&gt;alert(1)" in page
    finally:
        ask(running.settings.store.path, "port.remove", {"port": 66}, 30)


def test_a_port_of_the_file_is_shown_read_only(running: Running) -> None:
    client = visitor(running)
    page = client.text("/ports/1")
    assert "in the configuration file" in page
    assert "/ports/1/settings" not in page
    assert "is in the configuration file" in client.post("/ports/1/remove").text
    assert state(running, 1) == "up"


def test_modems_are_searched_and_offered(running: Running, bank: Bank) -> None:
    client = visitor(running)
    ask(running.settings.store.path, "port.discover", {"devices": [str(bank.device(ONE))]}, 150)
    page = client.text("/ports/search")
    assert str(bank.device(ONE)) in page
    assert "Can send" in page
    assert bank.iccid(ONE) not in page
    assert client.post("/ports/search").url.endswith("/ports/search")
    eventually(lambda: "are being asked" not in client.text("/ports/search/found"))


def test_only_the_staff_of_the_box_sees_ports(running: Running) -> None:
    company = running.cli("company", "list")[0]["id"]
    client = visitor(running, "company", company)
    for path in ("", "/table", "/search", "/search/found", "/new", "/1", "/1/state", "/1/conversation"):
        assert client.get(f"/ports{path}").status_code == 403, path
    for path in ("/search", "/new", "/1/pause", "/1/resume", "/1/restart", "/1/remove", "/1/settings"):
        assert client.post(f"/ports{path}").status_code == 403, path
    assert state(running, 1) == "up"
    assert 'href="/ports"' not in client.text("/")


def test_the_modem_of_a_port_is_recorded_and_downloaded(running: Running) -> None:
    client = visitor(running, "operator")
    answer = client.post("/ports/1/recording")
    assert answer.headers["Content-Disposition"] == "attachment; filename=modem-of-port-1.json"
    assert document.parse(answer.content).modem.model == "Simulated GSM modem"
    assert "There is no port 99" in client.post("/ports/99/recording").text
