"""Backups: make, list and download them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO

from flask import Blueprint, abort, send_file, url_for
from werkzeug.wrappers import Response

from api.dashboard.changes import Changes, leave
from api.dashboard.guard import PageError, allowed
from api.dashboard.rendering import page
from api.server.wait_limit import WaitLimit
from config.language.text import Text
from config.settings import StoreSettings
from gatewayd.accounts.persons import Role
from gatewayd.errors import AdminError
from gatewayd.store.backup import BackupError
from gatewayd.timekeeping.clock import Clock, iso

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


def pages(
    gateway: Gateway, changes: Changes, settings: StoreSettings, clock: Clock, wait_limit: WaitLimit
) -> Blueprint:
    """The pages of backups. A backup contains PINs, password hashes and all texts: only an owner downloads one.

    `wait_limit`: of all requests that wait; a copy of a large database takes minutes.
    """
    blueprint = Blueprint("backups", __name__)
    regular = gateway.backups

    def values() -> dict[str, object]:
        try:
            files, unreadable = regular.files(), None
        except OSError as error:
            files, unreadable = [], error.strerror or str(error)
        return {
            "settings": settings,
            "files": files,
            "unreadable": unreadable,
            "progress": regular.progress,
            "failure": regular.last_failure,
        }

    @blueprint.get("/backups")
    @allowed(Role.OWNER, Role.OPERATOR)
    def backups() -> Response:
        return page("backups.html", **values())

    @blueprint.get("/backups/list")
    @allowed(Role.OWNER, Role.OPERATOR)
    def listed() -> Response:
        return page("backups_list.html", **values())

    @blueprint.post("/backups/make")
    @allowed(Role.OWNER, Role.OPERATOR)
    def make() -> Response:
        done = Text("A backup is being made.")
        return changes.make(url_for(".backups"), done, "backup.make", {})

    @blueprint.post("/backups/copy")
    @allowed(Role.OWNER)
    def copy() -> Response:
        name = f"gatewayd-{iso(clock.now())[:10]}.db"
        try:
            with wait_limit.acquire() as may_wait:
                if not may_wait:
                    raise PageError(503, Text("The box is busy. Try again in a moment."))
                file = changes.noted("backup.copy", lambda: _copied(gateway), file=name)
        except AdminError as error:
            return leave(url_for(".backups"), error.args[0], failed=True)
        return _download(file, name)

    @blueprint.post("/backups/<name>/download")
    @allowed(Role.OWNER)
    def download(name: str) -> Response:
        try:
            path = next((each.path for each in regular.files() if each.path.name == name), None)
            if path is None:
                abort(404)
            file = changes.noted("backup.download", lambda: path.open("rb"), file=name)
        except OSError as error:
            text = Text("{file} cannot be read: {reason}", file=name, reason=error.strerror or str(error))
            return leave(url_for(".backups"), text, failed=True)
        return _download(file, name)

    return blueprint


def _copied(gateway: Gateway) -> BinaryIO:
    try:
        return gateway.backups.copy()
    except BackupError as error:
        raise AdminError(error.args[0]) from error


def _download(file: BinaryIO, name: str) -> Response:
    """Send an open file piece by piece; the server closes it."""
    answer = send_file(file, "application/vnd.sqlite3", as_attachment=True, download_name=name)
    answer.content_length = os.fstat(file.fileno()).st_size  # the browser shows how much is left
    answer.headers["Cache-Control"] = "no-store"
    return answer
