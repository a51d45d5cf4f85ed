"""Checks every request to the dashboard: the name of the host, the session, the role, and the origin of a change."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import socket
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

from flask import Flask, current_app, g, request

from api.access.ip_access import IpAccess
from config.language.text import Text
from config.settings import DashboardSettings
from gatewayd.accounts.persons import Role, Sessions, Viewer

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

V = TypeVar("V", bound=Callable[..., Any])

COOKIE: Final = "gatewayd_session"
CSRF_FIELD: Final = "csrf"
CSRF_HEADER: Final = "X-CSRF-Token"

EVERYBODY: Final = tuple(Role)

# Methods that change nothing (RFC 9110, 9.2.1).
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

_ROLES = "_dashboard_roles"


class PageError(Exception):
    """A page that cannot be shown. `status`: of the answer."""

    def __init__(self, status: int, text: Text) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class LogInFirst(Exception):  # noqa: N818 - it is an answer to a person, not a fault
    """The page needs a session, and the browser has none."""


def allowed(*roles: Role) -> Callable[[V], V]:
    """Name the roles that may use a view. A view without roles (`public`) needs no session."""

    def mark(view: V) -> V:
        setattr(view, _ROLES, frozenset(roles))
        return view

    return mark


def public(view: V) -> V:
    """A view that needs no session."""
    return allowed()(view)


def viewer() -> Viewer:
    """The person who asks for the present page. Only views with roles have one."""
    found: Viewer = g.viewer
    return found


def known_viewer() -> Viewer | None:
    """The person who asks for the present page, if the browser has a session."""
    found: Viewer | None = g.get("viewer")
    return found


def register(app: Flask, settings: DashboardSettings, ip_access: IpAccess, sessions: Sessions) -> None:
    """Check every request of an application."""

    def check() -> None:
        ip_access.admit(request.environ)
        if not host_is_known(request.host, settings.hosts):
            raise PageError(
                421,
                Text(
                    "This box does not know the name {host}. Open it by its address, or add the name to `dashboard.hosts`"
                    " in its configuration.",
                    host=request.host[:100],
                ),
            )
        roles: frozenset[Role] | None = None
        if request.endpoint is not None:
            roles = getattr(current_app.view_functions[request.endpoint], _ROLES)
        token = request.cookies.get(COOKIE)
        # A file needs no session, so the store is not asked for it.
        found = sessions.find(token) if token and request.endpoint != "static_file" else None
        if found is not None:
            g.viewer = found
        if request.method not in _SAFE:
            _check_origin()
            if found is not None:
                _check_csrf(token or "")
        if roles:
            if found is None:
                raise LogInFirst
            if found.role not in roles:
                raise PageError(403, Text("Your role does not include this page."))

    app.before_request(check)


def check_views(app: Flask) -> None:
    """Raise RuntimeError if a view has neither roles nor the mark `public`."""
    for name, view in app.view_functions.items():
        if not hasattr(view, _ROLES):
            raise RuntimeError(f"the view {name} of the dashboard names no roles")


def roles_of(app: Flask, endpoint: str) -> frozenset[Role]:
    """The roles of a view; empty: it needs no session."""
    roles: frozenset[Role] = getattr(app.view_functions[endpoint], _ROLES)
    return roles


def csrf_token() -> str:
    """The token that each form of this session contains. It belongs to the session, and tells nothing about it."""
    return _csrf(request.cookies.get(COOKIE, ""))


def has_session(environ: WSGIEnvironment, sessions: Sessions) -> bool:
    """Whether the head of a request has a valid session: only such a client may send a large body."""
    for pair in environ.get("HTTP_COOKIE", "").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE and sessions.find(value) is not None:
            return True
    return False


def host_is_known(host: str, names: tuple[str, ...]) -> bool:
    """Whether a browser may use this name of the box.

    A foreign web site can have its own name resolve to the address of the box (DNS rebinding). The browser would then give the
    site's script access to the pages. So the box answers only to addresses, its own names and those of the configuration.
    """
    name = urlsplit(f"//{host}").hostname or ""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        known = {"localhost", _own_name(), *(each.lower() for each in names)}
        return name in known or name.endswith(".local")
    return True


@cache
def _own_name() -> str:
    return socket.gethostname().lower()


def _check_origin() -> None:
    """A change must come from a page of this box. Browsers name the origin of every POST (Fetch standard, 3.1)."""
    origin = request.headers.get("Origin") or request.headers.get("Referer")
    if origin is None or urlsplit(origin).netloc.lower() != request.host.lower():
        raise PageError(403, Text("This change did not come from a page of this box, so it was not made."))


def _check_csrf(token: str) -> None:
    given = request.headers.get(CSRF_HEADER) or request.form.get(CSRF_FIELD, "")
    if not hmac.compare_digest(given.encode(), _csrf(token).encode()):
        raise PageError(403, Text("This form is too old. Load the page again, and repeat the change."))


def _csrf(token: str) -> str:
    return hmac.new(token.encode("utf-8", "surrogatepass"), b"csrf", hashlib.sha256).hexdigest()[:32]
