"""Access to the dashboard: log-in, session, roles, the host's name, and the origin of a change."""

from __future__ import annotations

import requests

from tests.conftest import Running
from tests.dashboard_visitor import PASSWORD, Visitor, add_person, box, visitor


def test_a_page_leads_to_the_login_and_back(running: Running) -> None:
    login = add_person(running, "operator")
    client = Visitor(box(running))
    answer = client.get("/")
    assert answer.url.endswith("/login?next=%2F")
    assert "The name or the password is wrong" in client.log_in(login, "not the password").text
    assert client.token is None
    assert client.log_in(login, PASSWORD).url == box(running) + "/"
    assert client.post("/logout").url.endswith("/login")
    assert client.get("/").url.endswith("/login?next=%2F")


def test_a_session_ends_at_the_log_out_also_for_a_copy_of_its_cookie(running: Running) -> None:
    client = visitor(running)
    token = client.token
    client.post("/logout")
    answer = requests.get(
        box(running) + "/", cookies={"gatewayd_session": token or ""}, allow_redirects=False, timeout=60
    )
    assert answer.status_code == 303


def test_a_log_in_makes_a_new_session(running: Running) -> None:
    client = Visitor(box(running))
    answer = requests.post(
        box(running) + "/login",
        {"login": add_person(running, "owner"), "password": PASSWORD, "next": "/"},
        cookies={"gatewayd_session": "chosen-by-an-attacker"},
        headers={"Origin": client.url},
        allow_redirects=False,
        timeout=60,
    )
    assert answer.status_code == 303
    assert answer.cookies["gatewayd_session"] != "chosen-by-an-attacker"


def test_a_change_needs_the_token_and_an_origin_of_the_box(running: Running) -> None:
    client = visitor(running)
    for headers in ({"Origin": "http://elsewhere.test"}, {"Origin": "null"}):
        assert client.post("/logout", headers=headers).status_code == 403
    assert client.session.post(client.url + "/logout", timeout=60).status_code == 403
    wrong = client.session.post(
        client.url + "/logout", {"csrf": "0" * 32}, headers={"Origin": client.url}, timeout=60
    )
    assert wrong.status_code == 403
    assert "Overview" in client.text("/")


def test_a_name_that_is_not_the_boxs_is_refused(running: Running) -> None:
    for host, status in (
        ("evil.example", 421),
        ("localhost", 200),
        ("gateway.local:8000", 200),
        ("[::1]:80", 200),
    ):
        answer = requests.get(f"{box(running)}/login", headers={"Host": host}, timeout=60)
        assert answer.status_code == status, host
    # Programs call the box by any name.
    assert (
        requests.get(f"{running.url}/health", headers={"Host": "evil.example"}, timeout=60).status_code == 200
    )


def test_the_next_page_is_one_of_the_box(running: Running) -> None:
    client = Visitor(box(running))
    for wanted in ("//evil.example/", "https://evil.example/", "/\\evil.example", "\\\\evil.example"):
        page = client.get("/login", params={"next": wanted}).text
        assert '<input type="hidden" name="next" value="/">' in page


def test_the_language_is_the_browsers_until_the_switch(running: Running) -> None:
    client = visitor(running, language="fr-ML,fr;q=0.9,en;q=0.5")
    assert "Vue d&#39;ensemble" in client.text("/")
    client.post("/language", {"language": "en", "next": "/"})
    assert "Overview" in client.text("/")


def test_a_program_that_asks_a_wrong_path_gets_json(running: Running) -> None:
    answer = requests.get(box(running) + "/sms/send", headers={"Accept": "application/json"}, timeout=60)
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
