"""The Flask application class of the API, without the work for features that no endpoint uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, Request
from werkzeug.routing import MapAdapter

from api.access.admission import Admission
from api.access.ip_access import IpAccess
from api.server.wait_limit import WaitLimit


class Api(Flask):
    """The application, the check of a request before its body is read, the check of its address, and `wait_limit`.

    `wait_limit`: for requests that wait for a modem.

    Flask's own two methods took a tenth of the time of a send.
    """

    admit: Admission
    ip_access: IpAccess
    wait_limit: WaitLimit

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function itself. Flask's method looks for a coroutine at each call, and no endpoint or hook is one."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """The routes for the path and method of a request.

        Flask's method also parses the Host header, which the server has checked, for routes that depend on it.
        """
        if request is None:
            return super().create_url_adapter(None)
        environ = request.environ
        return MapAdapter(
            self.url_map,
            server_name=environ["SERVER_NAME"],
            script_name=environ["SCRIPT_NAME"],
            subdomain="",
            url_scheme=request.scheme,
            path_info=request.path,
            default_method=request.method,
            query_args=environ["QUERY_STRING"],
        )
