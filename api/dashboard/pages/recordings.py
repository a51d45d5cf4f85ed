"""The recording of a port's modem, as a download."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, send_file
from werkzeug.wrappers import Response

from api.dashboard.changes import Changes, leave
from api.dashboard.guard import allowed
from api.server.wait_limit import WaitLimit
from config.language.text import Text
from gatewayd.accounts.persons import Role
from gatewayd.errors import AdminError


def pages(changes: Changes, wait_limit: WaitLimit) -> Blueprint:
    """The page of recordings. `wait_limit`: of all requests that wait."""
    blueprint = Blueprint("recordings", __name__)

    @blueprint.post("/ports/<int:number>/recording")
    @allowed(Role.OWNER, Role.OPERATOR)
    def recording(number: int) -> Response:
        back = f"/ports/{number}"
        with wait_limit.acquire() as may_wait:
            if not may_wait:
                return leave(
                    back, Text("Too many requests wait for modems now: try again later."), failed=True
                )
            try:
                text = changes.noted(
                    "record", lambda: _text_of(changes.read("record", port=number)), port=number
                )
            except AdminError as error:
                return leave(back, error.args[0], failed=True)
        name = f"modem-of-port-{number}.json"
        answer = send_file(
            io.BytesIO(text.encode()), "application/json", as_attachment=True, download_name=name
        )
        answer.headers["Cache-Control"] = "no-store"
        return answer

    return blueprint


def _text_of(batches: Iterator[list[dict[str, Any]]]) -> str:
    """The text of the recording, which comes last. Raises AdminError."""
    text = ""
    for batch in batches:
        for told in batch:
            text = told.get("recording", "")
    return text
