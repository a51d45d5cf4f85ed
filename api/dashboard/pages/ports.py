"""Ports: the list, the search for modems, and one port with its conversation, history and settings."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Final

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from api.dashboard import port_words
from api.dashboard.changes import Changes, leave
from api.dashboard.guard import PageError, allowed
from api.dashboard.languages import localised
from api.dashboard.rendering import page
from config.language.text import Text
from gatewayd.accounts.persons import Role
from gatewayd.errors import AdminError
from gatewayd.escaping import printable

_STAFF: Final = (Role.OWNER, Role.OPERATOR)
_LINES_SHOWN: Final = 100
_CHANGES_SHOWN: Final = 20
# A transcript shows line ends as codes; a person reads a line without them.
_LINE_ENDS: Final = re.compile(r"^(?:\\[rn])+|(?:\\[rn])+$")


def pages(changes: Changes) -> Blueprint:
    """The pages of ports."""
    blueprint = Blueprint("ports", __name__)

    @blueprint.get("/ports")
    @allowed(*_STAFF)
    def ports() -> Response:
        rows = _rows(changes)
        return page("ports.html", ports=rows, seen=_fingerprint(rows), words=port_words)

    @blueprint.get("/ports/table")
    @allowed(*_STAFF)
    def table() -> Response:
        rows = _rows(changes)
        seen = _fingerprint(rows)
        if request.args.get("seen") == seen:
            return Response(status=204)  # htmx leaves the page as it is, and no template is filled in
        return page("ports_table.html", ports=rows, seen=seen, words=port_words)

    @blueprint.get("/ports/search")
    @allowed(*_STAFF)
    def search() -> Response:
        return page("ports_search.html", found=changes.read("port.found"), words=port_words)

    @blueprint.get("/ports/search/found")
    @allowed(*_STAFF)
    def found() -> Response:
        return page("ports_found.html", found=changes.read("port.found"), words=port_words)

    @blueprint.post("/ports/search")
    @allowed(*_STAFF)
    def begin_search() -> AnyResponse:
        try:
            changes.run("port.search")
        except AdminError as error:
            return leave("/ports", error.args[0], failed=True)
        return leave("/ports/search")

    @blueprint.get("/ports/new")
    @allowed(*_STAFF)
    def new() -> Response:
        values = {"port": changes.read("port.found")["next_port"], **request.args.to_dict()}
        return page("ports_new.html", values=values)

    @blueprint.post("/ports/new")
    @allowed(*_STAFF)
    def add() -> AnyResponse:
        try:
            number = _whole("port", request.form.get("port", ""))
            device = request.form.get("device", "").strip()
            changes.run("port.add", port=number, device=device, settings=_settings())
        except AdminError as error:
            values = {name: value for name, value in request.form.items() if name != "pin"}
            return page("ports_new.html", 422, values=values, fault=localised(error.args[0]))
        return leave(f"/ports/{number}", Text("Port {port} was added and is starting.", port=number))

    _add_pages_of_one(blueprint, changes)
    return blueprint


def _add_pages_of_one(blueprint: Blueprint, changes: Changes) -> None:
    """The pages of one port."""

    @blueprint.get("/ports/<int:number>")
    @allowed(*_STAFF)
    def port(number: int) -> Response:
        return page(
            "ports_one.html",
            port=_one(changes, number),
            history=changes.read("port.history", port=number)[:_CHANGES_SHOWN],
            conversation=_conversation(changes, number),
            words=port_words,
        )

    @blueprint.get("/ports/<int:number>/state")
    @allowed(*_STAFF)
    def state(number: int) -> Response:
        return page(
            "ports_state.html",
            port=_one(changes, number),
            history=changes.read("port.history", port=number)[:_CHANGES_SHOWN],
            words=port_words,
        )

    @blueprint.get("/ports/<int:number>/conversation")
    @allowed(*_STAFF)
    def conversation(number: int) -> Response:
        found = _conversation(changes, number, request.args.get("last", 0.0, float))
        if found is None:
            return Response(status=204)  # htmx leaves the page as it is
        return page("ports_conversation.html", number=number, conversation=found, words=port_words)

    @blueprint.post("/ports/<int:number>/pause")
    @allowed(*_STAFF)
    def pause(number: int) -> AnyResponse:
        done = Text("Port {port} finishes its message and pauses.", port=number)
        return changes.make(f"/ports/{number}", done, "port.pause", {"port": number})

    @blueprint.post("/ports/<int:number>/resume")
    @allowed(*_STAFF)
    def resume(number: int) -> AnyResponse:
        done = Text("Port {port} is starting again.", port=number)
        return changes.make(f"/ports/{number}", done, "port.resume", {"port": number})

    @blueprint.post("/ports/<int:number>/restart")
    @allowed(*_STAFF)
    def restart(number: int) -> AnyResponse:
        done = Text("The modem of port {port} restarts. That takes about half a minute.", port=number)
        return changes.make(f"/ports/{number}", done, "port.restart", {"port": number})

    @blueprint.post("/ports/<int:number>/remove")
    @allowed(*_STAFF)
    def remove(number: int) -> AnyResponse:
        done = Text("Port {port} was removed.", port=number)
        return changes.make("/ports", done, "port.remove", {"port": number})

    @blueprint.post("/ports/<int:number>/settings")
    @allowed(*_STAFF)
    def change(number: int) -> AnyResponse:
        back = f"/ports/{number}"
        try:
            wanted = {
                "device": request.form.get("device", "").strip(),
                "smsc": None,
                **_settings(),
            }
        except AdminError as error:
            return leave(back, error.args[0], failed=True)
        if request.form.get("remove_pin"):
            wanted["pin"] = None
        done = Text("The settings of port {port} were changed.", port=number)
        return changes.make(back, done, "port.set", {"port": number, "changes": wanted})


def _rows(changes: Changes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = changes.read("port.list")
    return found


def _fingerprint(rows: list[dict[str, Any]]) -> str:
    """A text that changes with the rows."""
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


def _one(changes: Changes, number: int) -> dict[str, Any]:
    """The port that runs or is paused under this number. Raises PageError."""
    for port in _rows(changes):
        if port["port"] == number and port["replaced_by"] is None:
            return port
    raise PageError(404, Text("There is no port {port}.", port=number))


def _conversation(changes: Changes, number: int, last: float = 0.0) -> dict[str, Any] | None:
    """The newest lines of a conversation, oldest first; None: there is nothing newer than `last`.

    `fault`: why there are none.
    """
    try:
        found = changes.read("port.conversation", port=number, after=last)
    except AdminError as error:
        return {"lines": [], "last": 0.0, "fault": error.args[0]}
    if found["lines"] is None:
        return None
    shown = [
        {**line, "text": _LINE_ENDS.sub("", printable(line["text"]))}
        for line in found["lines"][-_LINES_SHOWN:]
    ]
    return {"lines": [line for line in shown if line["text"]], "last": found["until"], "fault": ""}


def _settings() -> dict[str, Any]:
    """The settings in the form, without the empty ones. Raises AdminError."""
    form = request.form
    settings: dict[str, Any] = {
        name: _whole(name, form[name]) for name in ("baud", "slots") if form.get(name, "").strip()
    }
    settings |= {name: form[name].strip() for name in ("pin", "smsc") if form.get(name, "").strip()}
    settings["rtscts"] = form.get("rtscts") == "yes"
    return settings


def _whole(name: str, typed: str) -> int:
    """A whole number that a person typed. Raises AdminError."""
    digits = typed.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 9):
        raise AdminError(Text("{field}: must be a whole number", field=name))
    return int(digits)
