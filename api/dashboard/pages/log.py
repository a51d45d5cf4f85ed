"""The log of the last hours, as the daemon keeps it in memory."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from werkzeug.wrappers import Response

from api.dashboard.guard import allowed
from api.dashboard.rendering import page
from gatewayd.accounts.persons import Role
from gatewayd.recent_log import LEVELS, RecentLog

_SHOWN = 300
_LONGEST_WORDS = 200


def pages(recent: RecentLog) -> Blueprint:
    """The pages of the log."""
    blueprint = Blueprint("log", __name__)

    def values() -> dict[str, object]:
        level = request.args.get("level", "info")
        level, words = level if level in LEVELS else "info", request.args.get("words", "")[:_LONGEST_WORDS]
        return {
            "entries": recent.newest(_SHOWN, level, words),
            "level": level,
            "words": words,
            "more": _SHOWN,
            "lines": url_for(".lines", level=level, words=words),
        }

    @blueprint.get("/log")
    @allowed(Role.OWNER, Role.OPERATOR)
    def log() -> Response:
        return page("log.html", **values())

    @blueprint.get("/log/lines")
    @allowed(Role.OWNER, Role.OPERATOR)
    def lines() -> Response:
        return page("log_lines.html", **values())

    return blueprint
