"""A person at the dashboard, without a browser: an HTTP client that logs in and sends forms as the pages contain them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import count

import requests

from gatewayd.daemon.control_client import ask
from tests.conftest import Running

PASSWORD = "quatre chats dorment"
DEADLINE_S = 60.0

_logins = count(1)


class Visitor:
    """A client with the cookies of one browser."""

    def __init__(self, url: str, language: str = "en") -> None:
        """`url`: of the box, without a path."""
        self.url = url
        self.session = requests.Session()
        self.session.headers["Accept-Language"] = language
        self.session.headers["Accept"] = "text/html"

    def get(self, path: str, **request: object) -> requests.Response:
        """One page; redirects are followed."""
        return self.session.get(self.url + path, timeout=DEADLINE_S, **request)  # type: ignore[arg-type]

    def text(self, path: str) -> str:
        """The HTML of a page, which must be there."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def post(
        self,
        path: str,
        fields: Mapping[str, object] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        follow: bool = True,
    ) -> requests.Response:
        """Send a form as a page of the box would: with the origin, and with the token of the session."""
        form = {"csrf": self.csrf(), **(fields or {})} if self.token else dict(fields or {})
        return self.session.post(
            self.url + path,
            data=form,
            headers={"Origin": self.url, **(headers or {})},
            timeout=DEADLINE_S,
            allow_redirects=follow,
        )

    def log_in(self, login: str, password: str = PASSWORD) -> requests.Response:
        """Log in through the form."""
        return self.post("/login", {"login": login, "password": password, "next": "/"})

    def csrf(self) -> str:
        """The token that the forms of this session contain; "" where the session has ended."""
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', self.text("/"))
        return "" if found is None else found[1]

    @property
    def token(self) -> str | None:
        """The cookie of the session."""
        return self.session.cookies.get("gatewayd_session")


def box(running: Running) -> str:
    """The address of a gateway, without a path."""
    return running.url.removesuffix("/api")


def add_person(running: Running, role: str, company: int | None = None, name: str = "") -> str:
    """A new person; the login. The password is PASSWORD."""
    login = f"{role}{next(_logins)}"
    arguments = {"login": login, "password": PASSWORD, "role": role, "name": name, "company": company}
    ask(running.settings.store.path, "user.add", arguments, DEADLINE_S)
    return login


def visitor(
    running: Running, role: str = "owner", company: int | None = None, language: str = "en"
) -> Visitor:
    """A new person of a role who is logged in."""
    client = Visitor(box(running), language)
    assert client.log_in(add_person(running, role, company)).status_code == 200
    assert client.token is not None
    return client


def first_company(running: Running) -> int:
    """The id of the company that a gateway has from the beginning."""
    companies = ask(running.settings.store.path, "company.list", {}, DEADLINE_S)
    assert isinstance(companies, list)
    return int(companies[0]["id"])
