"""The dashboard under attack: every page for each role, forged forms, guessed passwords, headers and cookies."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter

from api.access.ip_access import IpAccess
from api.dashboard.guard import roles_of
from api.dashboard_app import create_dashboard
from api.server.wait_limit import WaitLimit
from gatewayd.accounts.persons import Role, Sessions
from tests.conftest import Running
from tests.dashboard_visitor import DEADLINE_S, PASSWORD, Visitor, add_person, box, first_company, visitor
from tests.gatewayd.played_ports import PlayedGateway, administration_context

# A part of a rule with its converter, as `<int(max=9):port>`, or without one.
_PART = re.compile(r"<(?:(\w+)(?:\([^)]*\))?:)?\w+>")


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application itself, for the table of its routes."""
    played = PlayedGateway(tmp_path_factory.mktemp("routes"))
    context = administration_context(played)
    api = played.settings.api
    sessions = Sessions(context.store, context.clock)
    yield create_dashboard(played.gateway, context, played.settings, IpAccess(api), sessions, WaitLimit(1))
    played.close()


def routes(app: Flask) -> Iterator[tuple[str, str, frozenset[Role]]]:
    """Method, a path and the roles of every view. Ids are of nothing."""
    for rule in app.url_map.iter_rules():
        path = _PART.sub(lambda found: "999999" if found[1] == "int" else "x", rule.rule)
        for method in sorted((rule.methods or set()) & {"GET", "POST", "PUT", "PATCH", "DELETE"}):
            yield method, path, roles_of(app, rule.endpoint)


def from_address(url: str, address: str) -> Visitor:
    """A client at another address of the loopback network."""

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *arguments: object, **options: object) -> None:
            super().init_poolmanager(*arguments, **options, source_address=(address, 0))  # type: ignore[arg-type]

    client = Visitor(url)
    client.session.mount("http://", Adapter())
    return client


def test_every_page_leads_a_stranger_to_the_login(running: Running, application: Flask) -> None:
    add_person(running, "owner")
    stranger = Visitor(box(running))
    for method, path, roles in routes(application):
        if roles:
            answer = stranger.session.request(
                method,
                stranger.url + path,
                headers={"Origin": stranger.url},
                allow_redirects=False,
                timeout=DEADLINE_S,
            )
            assert answer.status_code == 303, (method, path)
            assert answer.headers["Location"].startswith("/login?next="), (method, path)


@pytest.mark.parametrize("role", list(Role))
def test_every_page_refuses_other_roles_and_forged_forms(
    running: Running, application: Flask, role: Role
) -> None:
    company = first_company(running) if role is Role.COMPANY else None
    client, other = visitor(running, role, company), visitor(running)
    csrf, csrf_of_other = client.csrf(), other.csrf()
    assert csrf != csrf_of_other

    def ask(method: str, path: str, token: str, origin: str) -> requests.Response:
        return client.session.request(
            method,
            client.url + path,
            data={"csrf": token} if method != "GET" else None,
            headers={"Origin": origin},
            allow_redirects=False,
            timeout=DEADLINE_S,
        )

    for method, path, roles in routes(application):
        if method != "GET":
            for token, origin in (
                ("", client.url),
                (csrf_of_other, client.url),
                (csrf, "http://elsewhere.test"),
                (csrf, "null"),
            ):
                assert ask(method, path, token, origin).status_code == 403, (method, path, token, origin)
        if roles and role not in roles:
            assert ask(method, path, csrf, client.url).status_code == 403, (method, path)
        elif method == "GET":
            assert ask(method, path, csrf, client.url).status_code not in (403, 500, 503), path
    assert client.get("/account").status_code == 200  # still logged in


def test_no_page_may_be_framed_or_kept(running: Running, application: Flask) -> None:
    owner = visitor(running)
    for method, path, _ in routes(application):
        if method == "GET" and not path.startswith("/static/"):
            headers = owner.get(path, allow_redirects=False).headers
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], path
            assert "default-src 'none'" in headers["Content-Security-Policy"], path
            assert "unsafe" not in headers["Content-Security-Policy"], path
            assert headers["X-Content-Type-Options"] == "nosniff", path
            assert headers["Cache-Control"] in ("private, no-cache", "no-store"), path


def test_the_cookie_of_a_session_is_for_this_box_and_no_script(running: Running) -> None:
    client = Visitor(box(running))
    login = add_person(running, "operator")
    for headers in ({}, {"X-Forwarded-Proto": "https"}):  # an untrusted client may say anything
        form = {"login": login, "password": PASSWORD, "next": "/"}
        cookie = client.post("/login", form, headers=headers, follow=False).headers["Set-Cookie"]
        assert "; HttpOnly" in cookie
        assert "; SameSite=Strict" in cookie
        assert "; Path=/" in cookie
        assert "Domain" not in cookie
        assert "Secure" not in cookie


def test_a_log_in_ends_the_session_that_the_browser_had(running: Running) -> None:
    client = visitor(running)
    former = client.token
    assert client.log_in(add_person(running, "operator")).status_code == 200
    assert client.token != former
    answer = requests.get(
        box(running) + "/account",
        cookies={"gatewayd_session": former or ""},
        allow_redirects=False,
        timeout=DEADLINE_S,
    )
    assert answer.status_code == 303


def test_an_address_that_guesses_is_held_up_whatever_it_claims(running: Running) -> None:
    login = add_person(running, "operator")
    guesser = from_address(box(running), "127.0.0.2")
    guesses: list[int] = []
    while 429 not in guesses:  # the eleventh at once; each six seconds one more is allowed
        number = len(guesses)
        assert number < 100
        guesses.append(
            guesser.post(
                "/login",
                {"login": login, "password": f"guess {number}"},
                headers={"X-Forwarded-For": f"198.51.100.{number}"},
            ).status_code
        )
    assert guesses[:10] == [401] * 10
    refused = guesser.log_in(login)  # also with the right password
    assert refused.status_code == 429
    assert "Try again in" in refused.text
    assert from_address(box(running), "127.0.0.3").log_in(login).status_code == 200
    log = "".join(running.process.stderr)
    assert "a wrong login or password at the dashboard, from 127.0.0.2" in log
    assert login not in log
    assert "guess" not in log


def test_an_attacker_locks_nobody_out_of_a_device_that_is_logged_in(running: Running) -> None:
    login = add_person(running, "operator")
    at_home = from_address(box(running), "127.0.1.1")
    assert at_home.log_in(login).status_code == 200
    answers: list[int] = []
    for number in range(20, 200):  # 30 guesses at once; each two seconds one more is allowed
        attacker = from_address(box(running), f"127.0.1.{number}")
        answers.append(attacker.post("/login", {"login": login.upper(), "password": "guess"}).status_code)
        if answers[-1] == 429:
            break
    assert answers[:30] == [401] * 30
    assert answers[-1] == 429
    assert from_address(box(running), "127.0.1.9").log_in(login).status_code == 429
    again = from_address(box(running), "127.0.1.1")
    assert again.log_in(login).status_code == 200


def test_the_next_page_stays_on_the_box(running: Running) -> None:
    login = add_person(running, "operator")
    for wanted in (
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/\tevil",
        "javascript:alert(1)",
    ):
        client = Visitor(box(running))
        form = {"login": login, "password": PASSWORD, "next": wanted}
        assert client.post("/login", form, follow=False).headers["Location"] == "/"


ANYTHING = st.text(max_size=60)


@given(ANYTHING, ANYTHING, ANYTHING, st.binary(max_size=60))
@settings(max_examples=15)
def test_anything_at_all_in_the_forms_has_a_documented_answer(
    anything: Running, login: str, password: str, other: str, cookie: bytes
) -> None:
    # An address of its own: others would be held up by its wrong passwords.
    session = from_address(box(anything), "127.0.2.1").session
    safe = bytes(byte for byte in cookie if 32 <= byte != 127)
    for path in ("/login", "/setup", "/language", "/persons", "/account/password"):
        answer = session.post(
            box(anything) + path,
            {
                "login": login,
                "password": password,
                "next": other,
                "token": other,
                "csrf": other,
                "language": other,
            },
            headers={"Origin": box(anything), "Cookie": b"gatewayd_session=" + safe},
            allow_redirects=False,
            timeout=DEADLINE_S,
        )
        assert answer.status_code in (303, 400, 401, 404, 429), (path, answer.status_code)


@pytest.fixture(name="anything", scope="module")
def _anything(running: Running) -> Running:
    add_person(running, "owner")
    return running


def test_a_stranger_sends_no_large_form(running: Running) -> None:
    answer = requests.post(
        box(running) + "/login",
        {"login": "x" * 200_000},
        headers={"Origin": box(running)},
        timeout=DEADLINE_S,
    )
    assert answer.status_code == 413


def test_an_old_person_is_gone_at_once(running: Running) -> None:
    client, owner = visitor(running, "operator"), visitor(running)
    person = re.search(r"<dd>(operator\d+)</dd>", client.text("/account"))
    assert person is not None
    number = next(each["id"] for each in running.cli("user", "list") if each["login"] == person[1])
    owner.post(f"/persons/{number}/change", {"name": "x", "role": "operator", "active": "no"})
    assert client.get("/account").url.endswith("/login?next=%2Faccount")
    running.cli("user", "set", person[1], "--active", "yes")
    assert client.log_in(person[1]).status_code == 200
    running.cli("user", "set", person[1], "--role", "owner")
    assert client.get("/persons").status_code == 200  # a role counts at once
    running.cli("user", "remove", person[1])
    assert client.get("/persons").url.endswith("/login?next=%2Fpersons")
