"""Support: the archive for an engineer elsewhere, the metrics, and the versions."""

from __future__ import annotations

import io

from flask import Blueprint, send_file, url_for
from werkzeug.wrappers import Response

from api.dashboard.changes import Changes, leave
from api.dashboard.guard import allowed
from api.dashboard.rendering import page
from api.server.wait_limit import WaitLimit
from config.language.text import Text
from config.settings import Settings
from gatewayd.accounts.persons import Role
from gatewayd.admin.context import Context
from gatewayd.admin.support import archive_of_the_box
from gatewayd.support import machine
from gatewayd.timekeeping.clock import iso


def pages(context: Context, changes: Changes, settings: Settings, wait_limit: WaitLimit) -> Blueprint:
    """The pages of support. `wait_limit`: of all requests that wait."""
    blueprint = Blueprint("support", __name__)
    archives = WaitLimit(1, wait_limit)

    @blueprint.get("/support")
    @allowed(Role.OWNER, Role.OPERATOR)
    def support() -> Response:
        return page(
            "support.html",
            versions=machine.own_versions(),
            metrics_networks=settings.api.metrics_networks,
        )

    @blueprint.post("/support/archive")
    @allowed(Role.OWNER, Role.OPERATOR)
    def archive() -> Response:
        with archives.acquire() as may_wait:
            if not may_wait:
                return leave(
                    url_for(".support"),
                    Text("Another archive is being made. Try again in a minute."),
                    failed=True,
                )
            made = changes.noted("support.archive", lambda: archive_of_the_box(context, settings))
        name = f"gatewayd-support-{iso(context.clock.now())[:19].replace('T', '-').replace(':', '')}.tar.gz"
        answer = send_file(io.BytesIO(made), "application/gzip", as_attachment=True, download_name=name)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    return blueprint
