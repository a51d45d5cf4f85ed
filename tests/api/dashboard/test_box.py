"""The pages of the box: check, backups, log, configuration and support."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

import pytest

from api.dashboard.pages.check import grouped
from api.dashboard.pages.configuration import differences, entries, file_now, sections
from config.settings import Settings, load, parse
from gatewayd.diagnostics.findings import ok, warning
from gatewayd.store.backup import check_backup
from tests.conftest import Running, eventually
from tests.dashboard_visitor import visitor

PAGES = ("/check", "/check/findings", "/backups", "/log", "/log/lines", "/configuration", "/support")


def test_a_company_sees_none_of_these_pages(running: Running) -> None:
    client = visitor(running, "company", 1)
    for path in PAGES:
        assert client.get(path).status_code == 403, path
    for path in ("/check", "/backups/make", "/backups/copy", "/backups/x/download", "/support/archive"):
        assert client.post(path).status_code == 403, path


def test_the_check_runs_in_the_background_and_shows_its_findings(running: Running) -> None:
    client = visitor(running, "operator", language="fr")
    client.post("/check")
    page = eventually(lambda: (text := client.text("/check/findings")) and "Vérifié le" in text and text)
    for sentence in ("Base de données et disque", "une écriture durable prend", "port 1 SIM"):
        assert sentence.lower() in page.lower()
    assert re.search(r"refuse les numéros mobiles du Mali", page)  # numbers.plan of the demo is "guide"
    assert "/configuration" in page


def test_a_paused_port_is_resumed_by_a_button_of_the_check(running: Running) -> None:
    client = visitor(running, "operator")
    client.post("/ports/4/pause")
    button = 'action="/ports/4/resume"'
    eventually(lambda: client.post("/check") and button in client.text("/check/findings"))
    client.post("/ports/4/resume")
    eventually(lambda: running.cli("status")["ports"][3]["state"] == "up")


def test_findings_are_grouped_by_their_subject() -> None:
    groups = grouped([ok("clock", "a"), ok("port 1 SIM", "b"), ok("SIM 3", "c"), ok("sync", "d")])
    assert [(group.title, len(group.fine)) for group in groups] == [
        ("Ports and SIM cards", 2),
        ("Database and disk", 1),
        ("Box", 1),
    ]
    assert grouped([warning("storage", "x")])[0].bad[0].buttons == ()


def test_the_log_is_filtered_by_level_and_words(running: Running) -> None:
    client = visitor(running, "operator")
    assert "listening on" in client.text("/log?words=LISTENING")
    assert "listening on" not in client.text("/log?level=error&words=listening")
    assert "<script>" not in client.text("/log?words=%3Cscript%3E%22").partition("</head>")[2]
    quiet = client.get("/log/lines?level=error&words=nothing-has-these")
    again = client.get(
        "/log/lines?level=error&words=nothing-has-these", headers={"If-None-Match": quiet.headers["ETag"]}
    )
    assert again.status_code == 304


def test_an_owner_downloads_a_copy_that_leaves_no_file(running: Running, tmp_path: Path) -> None:
    client = visitor(running)
    answer = client.post("/backups/copy")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    copy = tmp_path / "copy.db"
    copy.write_bytes(answer.content)
    check_backup(copy)
    assert [file.name for file in running.state.iterdir() if "download" in file.name] == []
    assert visitor(running, "operator").post("/backups/copy").status_code == 403


def test_without_a_folder_the_page_says_what_to_set(running: Running) -> None:
    client = visitor(running, "operator")
    assert "Set store.backup_dir" in client.text("/backups")
    assert "set store.backup_dir" in client.post("/backups/make").text


def test_the_archive_for_support_contains_no_key(running: Running) -> None:
    answer = visitor(running, "operator").post("/support/archive")
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
        members = {each.name.removeprefix("gatewayd-support/"): each for each in archive.getmembers()}
        files = {name: archive.extractfile(member) for name, member in members.items()}
        contents = {name: file.read() for name, file in files.items() if file is not None}
    assert {"README.txt", "status.json", "check.json", "configuration.json", "log.txt", "port-1.txt"} <= set(
        contents
    )
    assert running.admin_key.encode() not in b"".join(contents.values())


def test_the_page_of_the_configuration_shows_what_differs(running: Running) -> None:
    page = visitor(running, "operator").text("/configuration?changed=1")
    assert str(running.state) in page
    assert "bulk_max" not in page
    assert "bulk_max" in visitor(running, "operator").text("/configuration")


SECRETS = b"""
[[ports]]
port = 1
device = "/dev/ttyUSB0"
pin = "4711"
reset_command = ["uhubctl", "--token", "hidden-argument"]
[[balance]]
operator = "Orange"
code = "#144*4711#"
[dispatch]
backoff_s = [7]
"""


def test_secrets_of_the_configuration_are_hidden() -> None:
    settings = parse(SECRETS)
    [port] = entries(settings, "ports")
    [balance] = entries(settings, "balance")
    assert (port["pin"], balance["code"]) == ('"(hidden)"', '"(hidden)"')
    assert "hidden-argument" not in port["reset_command"]
    assert [name for name, _ in sections(settings, set(), only_changed=True)] == ["dispatch"]


def test_a_changed_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "gatewayd.toml"
    path.write_bytes(SECRETS)
    running = load(path)
    assert differences(running, running) == []
    assert file_now(path) == (running, [])
    path.write_bytes(SECRETS.replace(b"4711", b"4712").replace(b"[7]", b"[8]"))
    changed, faults = file_now(path)
    assert changed is not None
    assert faults == []
    assert differences(running, changed) == ["dispatch.backoff_s", "ports", "balance"]
    path.write_bytes(SECRETS + b"\nretries = 3\n")
    broken, faults = file_now(path)
    assert broken is None
    assert re.search(r"line 13: \[dispatch\] retries is not a known key", "\n".join(faults))


@pytest.mark.parametrize("section", ["api", "store", "daemon"])
def test_every_setting_has_a_row(section: str) -> None:
    rows = dict(sections(Settings(), set(), only_changed=False))[section]
    assert [row.key for row in rows] == list(type(getattr(Settings(), section)).model_fields)
    assert all(row.reason and not row.changed for row in rows)
