"""Persons, their sessions, the viewer's own account, and the audit log."""

from __future__ import annotations

import json
import re

from api.dashboard.action_names import ACTIONS, details
from gatewayd.admin.commands import COMMANDS, READING
from tests.conftest import Running
from tests.dashboard_visitor import PASSWORD, Visitor, add_person, box, first_company, visitor

NEW = "cinq chiens aboient"


def id_of(running: Running, login: str) -> int:
    """The id of a person."""
    return next(int(each["id"]) for each in running.cli("user", "list") if each["login"] == login)


def test_an_owner_adds_changes_and_removes_a_person(running: Running) -> None:
    owner = visitor(running)
    form = {"login": "awa", "name": "Awa <b>K</b>", "password": PASSWORD, "role": "operator"}
    shown = owner.post("/persons", form)
    assert "may log in now as awa" in shown.text
    assert "Awa &lt;b&gt;K&lt;/b&gt;" in shown.text
    page = shown.url.removeprefix(owner.url)
    again = owner.post("/persons", {**form, "login": "AWA"})
    assert again.status_code == 422
    assert "there is a person with the login AWA already" in again.text
    assert 'value="Awa &lt;b&gt;K' in again.text  # what was typed is kept
    awa = Visitor(box(running))
    awa.log_in("awa")
    assert "Overview" in awa.text("/")
    owner.post(f"{page}/change", {"name": "Awa", "role": "operator", "active": "no", "language": "fr"})
    assert awa.get("/").url.endswith("/login?next=%2F")
    owner.post(f"{page}/change", {"name": "Awa", "role": "operator", "active": "yes", "language": "fr"})
    assert awa.get("/").url.endswith("/login?next=%2F")  # the old session stays closed
    awa.log_in("awa")
    assert "Vue d&#39;ensemble" in awa.text("/")
    assert "is removed" in owner.post(f"{page}/remove").text
    assert awa.get("/").url.endswith("/login?next=%2F")
    assert owner.get(page).status_code == 404


def test_a_new_password_closes_the_other_sessions(running: Running) -> None:
    login = add_person(running, "operator")
    here, there = Visitor(box(running)), Visitor(box(running))
    for each in (here, there):
        each.log_in(login)
    wrong = here.post("/account/password", {"current": "wrong", "password": NEW})
    assert "The present password is wrong" in wrong.text
    easy = here.post("/account/password", {"current": PASSWORD, "password": "aaaaaaaaaaaa"})
    assert "easy to guess" in easy.text
    assert (
        "your other sessions are closed"
        in here.post("/account/password", {"current": PASSWORD, "password": NEW}).text
    )
    assert "Overview" in here.text("/")
    assert there.get("/").url.endswith("/login?next=%2F")
    assert there.log_in(login).status_code == 401
    assert there.log_in(login, NEW).status_code == 200


def test_sessions_are_listed_and_closed(running: Running) -> None:
    login = add_person(running, "company", first_company(running))
    here, there, stranger = Visitor(box(running)), Visitor(box(running)), visitor(running, "operator")
    for each in (here, there):
        each.log_in(login)
    (other,) = re.findall(r'name="session" value="(\d+)"', here.text("/account"))
    # The session of another person is not found.
    assert "has ended already" in stranger.post("/account/sessions", {"session": other}).text
    assert "Overview" in there.text("/")
    assert "Mon compte" in here.post("/account/language", {"language": "fr"}).text
    here.post("/account/sessions", {"session": other})
    assert there.get("/").url.endswith("/login?next=%2F")
    assert "Vue d&#39;ensemble" in here.text("/")


def test_the_last_owner_stays(running: Running) -> None:
    owners = [each for each in running.cli("user", "list") if each["role"] == "owner" and each["active"]]
    last = add_person(running, "owner")
    for each in owners:
        running.cli("user", "set", each["login"], "--active", "no")
    try:
        for arguments in (
            ("remove", last),
            ("set", last, "--role", "operator"),
            ("set", last, "--active", "no"),
        ):
            refused = running.cli_raw("user", *arguments)
            assert refused.returncode == 1
            assert "is the last owner who may log in" in refused.stderr
    finally:
        for each in owners:
            running.cli("user", "set", each["login"], "--active", "yes")


def test_the_audit_log_names_persons_and_the_command_line(running: Running) -> None:
    owner = visitor(running)
    login = add_person(running, "operator")
    owner.post(f"/persons/{id_of(running, login)}/password", {"password": NEW})
    page = owner.text("/audit")
    assert "Command line" in page
    assert "Add a person" in page
    assert "Change a person" in page
    assert PASSWORD not in page
    assert NEW not in page
    only = owner.text("/audit?person=gatewayd&action=user.add")
    table = only.partition("<tbody>")[2]
    assert "Add a person" in table
    assert "Change a person" not in table
    assert "No change is noted here" in owner.text("/audit?before=1")
    assert owner.get("/audit?before=9999999999999999999999").status_code == 200


def test_every_change_has_a_name_in_the_audit_log() -> None:
    assert set(COMMANDS) - READING <= set(ACTIONS)


def test_the_details_of_a_change_are_pairs() -> None:
    assert details(json.dumps({"user": 3, "changes": {"active": False, "name": "Awa"}, "x": None})) == [
        ("person", "3"),
        ("active", "no"),
        ("name", "Awa"),
    ]
    assert details('{"name": "cu') == [("", '{"name": "cu')]


def test_the_demo_prints_a_log_in(running: Running) -> None:
    kept = json.loads((running.state / "keys.json").read_text())
    assert Visitor(box(running)).log_in(kept["login"], kept["password"]).url == box(running) + "/"
