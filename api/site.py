"""One WSGI application for one server: programs ask `/api` and `/metrics`, people ask all other paths."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from api.access.admission import Admission
from api.app import create_app
from api.dashboard.guard import has_session
from api.dashboard_app import create_dashboard
from api.endpoints import metrics
from api.responses.errors import Refusal, status_refusal
from api.server.request_parser import UNCHECKED_BODY_LIMIT
from config.settings import Settings
from gatewayd.accounts.persons import Sessions

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from gatewayd.admin.context import Context
    from gatewayd.gateway import Gateway


class Site:
    """The API and, unless it is switched off, the dashboard. `admit`: checks the head of a request before its body is read."""

    admit: Admission

    def __init__(self, gateway: Gateway, context: Context, settings: Settings) -> None:
        api = create_app(gateway, settings)
        self._api: WSGIApplication = api
        self._admit_to_api = api.admit
        self._dashboard: WSGIApplication = api
        self._sessions = Sessions(context.store, context.clock)
        self.admit = api.admit
        if settings.dashboard.enabled:
            self._dashboard = create_dashboard(
                gateway, context, settings, api.ip_access, self._sessions, api.wait_limit
            )
            self.admit = self._admit

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        application = self._api if is_for_programs(environ["PATH_INFO"]) else self._dashboard
        return application(environ, start_response)

    def _admit(self, environ: WSGIEnvironment) -> Refusal | None:
        if is_for_programs(environ["PATH_INFO"]):
            return self._admit_to_api(environ)
        length = environ.get("CONTENT_LENGTH")
        if length is not None and int(length) <= UNCHECKED_BODY_LIMIT:
            return None
        return None if has_session(environ, self._sessions) else status_refusal(413)


def is_for_programs(path: str) -> bool:
    """Whether a path belongs to the API: `/api`, everything below it, and the metrics."""
    return path.startswith("/api/") or path in ("/api", metrics.PATH)
