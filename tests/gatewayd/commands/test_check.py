"""`gatewayd check` on simulated modems, with and without a daemon, and with missing or broken parts."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from config.settings import load
from gatewayd.cli import main
from gatewayd.diagnostics import database, devices, sim, system
from gatewayd.diagnostics.findings import Grade
from gatewayd.diagnostics.sim import SimStatus
from gatewayd.store.store import Store
from gatewayd.version import VERSION
from modem.discovery import probe
from modem.driver.registration import Registration
from modem.driver.sim import SimState
from modem.simulator.bank import Bank, BankConfig
from modem.timeouts import SearchTimeouts
from tests.conftest import Running, eventually, free_port
from tests.gatewayd.box import Box
from tests.modem.recording_work import FAST
from tests.modem.scripted_modem import ScriptedModem

NOBODY_UID = 65534
QUICK = SearchTimeouts(at_s=0.05, device_s=5.0, channel=FAST.channel, commands=FAST.commands)


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    with Bank(BankConfig(tmp_path / "bank", ports=2, time_scale=0.05)) as bank:
        eventually(lambda: bank.call(lambda: all(bank.modem(port).radio.registered for port in bank.ports)))
        yield bank


def configured(folder: Path, *devices: Path | str, api: str = "", **keys: str) -> Path:
    """Write a configuration with these devices and a free address; `keys` apply to every port."""
    more = "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
    ports = "".join(
        f"[[ports]]\nport = {number}\ndevice = {json.dumps(str(device))}\n{more}"
        for number, device in enumerate(devices, 1)
    )
    path = folder / "gatewayd.toml"
    listen = f'[api]\nlisten = "127.0.0.1:{free_port()}"\n' if "listen" not in api else "[api]\n"
    path.write_text(f'{listen}{api}\n[store]\npath = "{folder}/gatewayd.db"\n{ports}')
    path.chmod(0o600)
    return path


def check(config: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(config), "check", *options])


def findings_of(config: Path) -> dict[str, list[dict[str, str]]]:
    """Return the findings by subject; exit code and counts must agree with them."""
    result = check(config, "--json")
    return parse_findings(result.stdout, result.stderr, result.exit_code)


def parse_findings(stdout: str, stderr: str, code: int) -> dict[str, list[dict[str, str]]]:
    assert "Traceback" not in stdout + stderr
    document = json.loads(stdout)
    grades = [finding["grade"] for finding in document["checks"]]
    assert (document["faults"], document["warnings"]) == (grades.count("fault"), grades.count("warning"))
    assert code == (1 if "fault" in grades else 0)
    found: dict[str, list[dict[str, str]]] = {}
    for finding in document["checks"]:
        found.setdefault(finding["about"], []).append(finding)
    return found


def only(finding: list[dict[str, str]]) -> tuple[str, str]:
    """Return grade and text of the only finding in a list."""
    [single] = finding
    return single["grade"], single["text"]


def test_a_healthy_gateway_has_no_fault(running: Running) -> None:
    found = findings_of(running.state / "gatewayd.toml")
    assert [about for about, findings in found.items() if findings[0]["grade"] == "fault"] == []
    for port in ("port 1", "port 2", "port 3"):
        assert only(found[port])[0] == "ok"  # the device that the daemon has locked was not opened
        for subject in ("SIM", "network", "signal", "SMSC"):
            assert only(found[f"{port} {subject}"])[0] == "ok"
    assert "port 4 slot 2 SIM" in found
    assert "is whole" in only(found["database"])[1]
    assert "a second" in only(found["sync"])[1]
    assert only(found["daemon"]) == ("ok", "It runs and answers.")
    assert VERSION in only(found["version"])[1]
    assert [
        each for each in running.state.iterdir() if "check" in each.name
    ] == []  # the temporary file is gone


def test_the_table_has_one_line_for_each_finding(running: Running) -> None:
    result = check(running.state / "gatewayd.toml")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith("ok")
    assert lines[-1].startswith("Faults: 0.")
    assert result.stderr == ""


@contextmanager
def another_server(port: int) -> Iterator[None]:
    """Another program with an HTTP server."""
    with ThreadingHTTPServer(("127.0.0.1", port), Silent) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


class Silent(BaseHTTPRequestHandler):
    """Answers 501 to every request and logs nothing."""

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


def test_problems_that_the_daemon_knows_are_findings(tmp_path: Path) -> None:
    box = Box(tmp_path, slots={1: 1, 2: 1})
    try:
        box.start_bank("--submit-s", "0.05")
        box.start_gateway()
        box.sims_ready(2)
        assert only(findings_of(box.config)["address"]) == (
            "ok",
            f"The daemon answers on 127.0.0.1:{box.port}.",
        )
        box.order(do="registration", port=1, stat=3)
        box.order(do="unplug", port=2)
        eventually(lambda: box.cli("status")["ports"][1]["state"] == "absent")
        eventually(lambda: box.cli("status")["ports"][0]["slots"][0]["registration"] == "denied")
        found = findings_of(box.config)
        assert only(found["port 1 network"]) == (
            "fault",
            "The network denies this SIM: ask the operator whether it is active and identified.",
        )
        assert only(found["port 2"])[0] == "fault"
        assert "plugged in" in only(found["port 2"])[1]
        box.config.write_text(
            box.config.read_text().replace(f"127.0.0.1:{box.port}", f"127.0.0.1:{free_port()}")
            + '[[ports]]\nport = 3\ndevice = "/dev/new"\n'
        )
        found = findings_of(box.config)
        assert only(found["address"])[0] == "fault"
        assert "does not answer" in only(found["address"])[1]
        assert "restart" in only(found["address"])[1]
        with another_server(int(load(box.config).api.address.port)):
            found = findings_of(box.config)
        assert only(found["address"])[0] == "fault"
        assert "Another program answers" in only(found["address"])[1]
        assert only(found["port 3"])[0] == "warning"
        assert "restart" in only(found["port 3"])[1]
    finally:
        box.stop()


def test_without_a_daemon_the_modems_are_asked(tmp_path: Path, bank: Bank) -> None:
    found = findings_of(configured(tmp_path, bank.device(1), bank.device(2)))
    assert only(found["daemon"])[0] == "fault"
    assert "gatewayd run --config" in only(found["daemon"])[1]
    for port in ("port 1", "port 2"):
        for subject in ("", " SIM", " network", " signal", " SMSC"):
            assert only(found[f"{port}{subject}"])[0] == "ok", found
    assert only(found["address"])[1].endswith("is free.")
    assert "first start" in only(found["database"])[1]
    assert not (tmp_path / "gatewayd.db").exists()
    assert not (tmp_path / "gatewayd.db.lock").exists()


def test_a_sim_without_service_centre_is_a_fault_unless_one_is_configured(tmp_path: Path, bank: Bank) -> None:
    def forget() -> None:
        bank.slots(1)[0].service_centre = ""

    bank.call(forget)
    assert only(findings_of(configured(tmp_path, bank.device(1)))["port 1 SMSC"])[0] == "fault"
    configured_one = configured(tmp_path, bank.device(1), smsc="+22370009999")
    assert only(findings_of(configured_one)["port 1 SMSC"])[0] == "ok"


def test_each_unusable_device_is_a_fault_with_its_reason(tmp_path: Path) -> None:
    file, link = tmp_path / "no-device", tmp_path / "again"
    file.touch()
    with ScriptedModem() as locked:
        link.symlink_to(locked.device)
        fd = os.open(locked.device, os.O_RDWR | os.O_NOCTTY)
        fcntl.flock(fd, fcntl.LOCK_EX)
        try:
            missing = tmp_path / "missing"
            config = configured(tmp_path, missing, file, locked.device, link, "usb:9-9", "/dev/nothing*")
            found = findings_of(config)
        finally:
            os.close(fd)
        assert locked.commands == []
    expected = {
        1: "plugged in",
        2: "no serial device",
        3: "is held by",
        4: "also the device of port 3",
        5: "no USB device 9-9",
        6: "Nothing matches",
    }
    for number, reason in expected.items():
        grade, text = only(found[f"port {number}"])
        assert grade == "fault"
        assert reason in text


def test_a_device_that_cannot_send_texts_is_a_fault(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    tty.setraw(slave)
    with ScriptedModem({"AT+CMGF=0": b"\r\nERROR\r\n"}) as modem:
        settings = load(configured(tmp_path, os.ttyname(slave), modem.device))
        found = {
            finding.about: finding for finding in devices.from_probe(settings, partial(probe, timeouts=QUICK))
        }
    os.close(master)
    os.close(slave)
    assert {finding.grade for finding in found.values()} == {Grade.FAULT}
    assert "nothing there answers AT commands" in found["port 1"].text
    assert "cannot send texts" in found["port 2"].text


def test_a_progress_bar_is_shown_on_a_terminal(tmp_path: Path, bank: Bank) -> None:
    config = configured(tmp_path, bank.device(1))
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "gatewayd.cli", "--config", str(config), "check"]
    result = subprocess.run(command, stderr=slave, stdout=subprocess.PIPE, check=False, timeout=30)
    os.close(slave)
    progress = os.read(master, 65536)
    os.close(master)
    assert result.returncode == 1
    assert b"Asking the devices" in progress
    assert b"Asking" not in result.stdout


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "there is no such file"),
        ("[api]\nlisten = 7\nnonsense = 1\n", "is not a known key"),
        ("[[", "is not TOML"),
        ("\xff", "is not UTF-8"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_a_fault(
    tmp_path: Path, text: str | None, expected: str
) -> None:
    path = tmp_path / "gatewayd.toml"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    found = findings_of(path)
    assert {finding["grade"] for finding in found["configuration"]} == {"fault"}
    assert expected in " ".join(finding["text"] for finding in found["configuration"])
    assert "clock" in found
    assert "version" in found


def test_a_configuration_that_is_valid_but_harmful_is_reported(tmp_path: Path) -> None:
    config = configured(tmp_path, api="bulk_max = 1000\n")
    found = findings_of(config)
    assert [finding["grade"] for finding in found["ports"]] == ["fault"]
    texts = {finding["text"][:20]: finding["grade"] for finding in found["configuration"]}
    assert texts["api.max_body_bytes ("] == "warning"
    config = configured(tmp_path, tmp_path / "missing", pin="1234")
    config.write_text(config.read_text() + '[numbers]\nplan = "mali"\n')
    assert len(findings_of(config)["configuration"]) == 1
    config.chmod(0o644)
    [_, open_to_all] = findings_of(config)["configuration"]
    assert open_to_all["grade"] == "warning"
    assert "chmod o=" in open_to_all["text"]
    assert "1234" not in open_to_all["text"]


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ("", 'set plan = "mali"'),
        ('plan = "guide"', "begin with 5, 8 or 9"),
        ('country_code = "221"\npattern = "7[0-9]{8}"', 'set plan = "senegal"'),
        ('country_code = "254"\npattern = "7[0-9]{8}"', "there is no plan for this country"),
    ],
)
def test_the_guides_plan_is_a_warning_that_names_the_plan_of_the_country(
    tmp_path: Path, numbers: str, expected: str
) -> None:
    config = configured(tmp_path, tmp_path / "missing")
    config.write_text(f"{config.read_text()}[numbers]\n{numbers}\n")
    [_, warned] = findings_of(config)["configuration"]
    assert warned["grade"] == "warning"
    assert expected in warned["text"]


@pytest.mark.parametrize("plan", ["mali", "ghana"])
def test_another_plan_is_no_warning(tmp_path: Path, plan: str) -> None:
    config = configured(tmp_path, tmp_path / "missing")
    config.write_text(f'{config.read_text()}[numbers]\nplan = "{plan}"\n')
    assert len(findings_of(config)["configuration"]) == 1


def test_an_address_in_use_is_a_fault_with_its_remedy(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as blocker:
        port = blocker.getsockname()[1]
        found = findings_of(configured(tmp_path, api=f'listen = "127.0.0.1:{port}"\n'))
    assert only(found["address"])[0] == "fault"
    assert f"sport = :{port}" in only(found["address"])[1]


@pytest.mark.parametrize(
    ("listen", "word"),
    [("203.0.113.7:8000", "does not have the address"), ("no-such-host.invalid:80", "is not an address")],
)
def test_an_unusable_address_is_a_fault(tmp_path: Path, listen: str, word: str) -> None:
    found = findings_of(configured(tmp_path, api=f'listen = "{listen}"\n'))
    assert only(found["address"])[0] == "fault"
    assert word in only(found["address"])[1]


def test_an_intact_a_damaged_and_a_foreign_file_are_distinguished(tmp_path: Path) -> None:
    config = configured(tmp_path)
    path = tmp_path / "gatewayd.db"
    store = Store(path)
    store.open()
    store.close()
    db = sqlite3.connect(path)
    with db:
        db.execute(
            "CREATE TABLE filler AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 9999) SELECT i FROM n"
        )
    db.close()
    assert "is whole" in only(findings_of(config)["database"])[1]
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + os.urandom(40960) + whole[49152:])
    grade, text = only(findings_of(config)["database"])
    assert grade == "fault"
    assert "is damaged" in text
    assert "backup" in text
    path.write_bytes(b"no database at all" * 1000)
    grade, text = only(findings_of(config)["database"])
    assert grade == "fault"
    assert "is damaged (file is not a database)" in text


def test_no_device_is_opened_while_another_process_holds_the_database(tmp_path: Path) -> None:
    with ScriptedModem() as modem:
        config = configured(tmp_path, modem.device)
        lock = os.open(tmp_path / "gatewayd.db.lock", os.O_RDWR | os.O_CREAT)
        os.write(lock, b"4711")
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            found = findings_of(config)
        finally:
            os.close(lock)
        assert modem.commands == []
    assert only(found["ports"])[0] == "warning"
    assert [finding["grade"] for finding in found["database"]] == ["fault", "ok"]
    assert "Process 4711 has" in found["database"][0]["text"]


def test_a_missing_folder_is_a_fault(tmp_path: Path) -> None:
    config = configured(tmp_path)
    config.write_text(config.read_text().replace(f"{tmp_path}/gatewayd.db", f"{tmp_path}/none/gatewayd.db"))
    grade, text = only(findings_of(config)["database"])
    assert grade == "fault"
    assert "There is no folder" in text


def run_without_rights(config: Path, *arguments: str) -> tuple[str, str, int]:
    """Run a command as a user without rights. Its modules are imported before the rights are dropped."""
    program = (
        "import os, sys, gzip, encodings.idna, click._termui_impl, gatewayd.commands.check, gatewayd.commands.support\n"
        "from gatewayd.cli import main\n"
        f"os.setgroups([]); os.setgid({NOBODY_UID}); os.setuid({NOBODY_UID})\n"
        "main(sys.argv[1:])\n"
    )
    command = [sys.executable, "-c", program, "--config", str(config), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return result.stdout, result.stderr, result.returncode


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may read; the folders of pytest are private."""
    with tempfile.TemporaryDirectory(prefix="gatewayd-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_user_without_rights_gets_a_clear_error(open_folder: Path, bank: Bank) -> None:
    device = bank.device(1).resolve()
    store = Store(open_folder / "gatewayd.db")
    store.open()
    store.close()
    config = configured(open_folder, device)
    found = parse_findings(*run_without_rights(config, "check", "--json"))
    assert only(found["configuration"])[0] == "fault"
    assert "sudo" in only(found["configuration"])[1]
    config.chmod(0o644)
    found = parse_findings(*run_without_rights(config, "check", "--json"))
    assert only(found["ports"])[0] == "warning"  # it is unknown whether a program holds the devices
    assert "sudo" in only(found["database"])[1]
    (open_folder / "gatewayd.db.lock").unlink()
    device.chmod(0o600)
    found = parse_findings(*run_without_rights(config, "check", "--json"))
    assert "may not be opened by" in only(found["port 1"])[1]
    assert "sudo" in only(found["database"])[1]
    assert "sudo" in only(found["sync"])[1]
    open_folder.chmod(0o700)
    found = parse_findings(*run_without_rights(config, "check", "--json"))
    assert only(found["configuration"])[0] == "fault"
    for archive in (open_folder / "x.tar.gz", Path("/x.tar.gz")):
        stdout, stderr, code = run_without_rights(config, "support", str(archive))
        assert (stdout, code) == ("", 1)
        assert stderr.startswith("gatewayd: ")
    open_folder.chmod(0o777)
    stdout, stderr, code = run_without_rights(config, "support", str(open_folder / "x.tar.gz"))
    assert (stderr, code) == ("", 0)
    assert "Missing: counts.json" in stdout


def test_a_usage_error_is_exit_code_2(tmp_path: Path) -> None:
    assert check(tmp_path / "gatewayd.toml", "--nonsense").exit_code == 2
    assert check(tmp_path / "gatewayd.toml", "extra").exit_code == 2


def card(**differences: Any) -> SimStatus:
    """The status of a working SIM, with the given differences."""
    fields: dict[str, Any] = {
        "sim": SimState.READY,
        "operator": "Orange ML",
        "registration": Registration.HOME,
        "signal_dbm": -71,
        "has_smsc": True,
        "iccid": "8922301000000000017",
    }
    return SimStatus(**{**fields, **differences})


@pytest.mark.parametrize(
    ("differences", "about", "grade"),
    [
        ({"signal_dbm": -93}, "signal", Grade.OK),
        ({"signal_dbm": -95}, "signal", Grade.WARNING),
        ({"signal_dbm": -109}, "signal", Grade.WARNING),
        ({"signal_dbm": None}, "signal", Grade.WARNING),
        ({"registration": Registration.ROAMING}, "network", Grade.WARNING),
        ({"registration": Registration.SEARCHING}, "network", Grade.FAULT),
        ({"has_smsc": None}, "SMSC", Grade.WARNING),
        ({"has_smsc": False}, "SMSC", Grade.FAULT),
        *(({"sim": sim}, "SIM", Grade.FAULT) for sim in SimState if sim is not SimState.READY),
        ({"sim": SimState.UNKNOWN, "active": False}, "SIM", Grade.WARNING),
    ],
)
def test_the_grade_of_a_sim(differences: dict[str, Any], about: str, grade: Grade) -> None:
    found = {finding.about: finding for finding in sim.check("port 1", card(**differences), has_pin=False)}
    finding = found.pop(f"port 1 {about}")
    assert finding.grade is grade
    assert {rest.grade for rest in found.values()} <= {Grade.OK}
    if grade is not Grade.OK:
        assert ":" in finding.text  # the remedy follows the colon


def test_a_configured_pin_is_no_fault_before_the_start() -> None:
    [finding] = sim.check("port 1", card(sim=SimState.PIN_REQUIRED), has_pin=True)
    assert finding.grade is Grade.OK


@pytest.mark.parametrize(
    ("running", "grade"), [(VERSION, Grade.OK), ("0.0.1", Grade.WARNING), (None, Grade.WARNING)]
)
def test_a_daemon_of_another_version_must_be_restarted(running: str | None, grade: Grade) -> None:
    finding = system.check_version(running, daemon=True)
    assert finding.grade is grade
    assert ("restart" in finding.text) is (grade is Grade.WARNING)


def test_an_untrusted_time_of_the_daemon_is_a_warning() -> None:
    clock = {"now": "2026-11-22T14:08:19.000000Z", "trusted": False, "by": None, "detail": "No NTP."}
    assert system.check_clock(None, clock).grade is Grade.WARNING
    assert system.check_clock(None, {**clock, "trusted": True}).grade is Grade.OK


def test_disk_problems_that_the_daemon_reports_are_findings() -> None:
    assert database.from_status({}) == []  # of an older version
    healthy = {"detail": "", "backup_failure": None}
    assert database.from_status(healthy) == []
    [full] = database.from_status({**healthy, "detail": "the disk is full: delete something"})
    assert (full.about, full.grade) == ("storage", Grade.FAULT)
    [failed] = database.from_status({**healthy, "backup_failure": "no such folder"})
    assert (failed.about, failed.grade) == ("backup", Grade.WARNING)
