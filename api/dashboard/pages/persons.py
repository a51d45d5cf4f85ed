"""The persons who use the dashboard, and their sessions."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, request, url_for
from werkzeug.wrappers import Response

from api.dashboard.changes import Changes, leave
from api.dashboard.guard import PageError, allowed, viewer
from api.dashboard.rendering import page
from config.language.text import Text
from gatewayd.accounts.persons import Role
from gatewayd.errors import AdminError

ROLES: Final = (
    (Role.OWNER.value, Text("Owner: everything")),
    (Role.OPERATOR.value, Text("Operator: everything but persons and keys")),
    (Role.COMPANY.value, Text("Company: the messages of one company")),
)

LANGUAGE_CHOICES: Final = (
    ("", Text("The browser's language")),
    ("fr", Text("French")),
    ("en", Text("English")),
)


def pages(changes: Changes) -> Blueprint:
    """The pages of persons, for owners."""
    blueprint = Blueprint("persons", __name__)

    def companies() -> list[tuple[int | None, str]]:
        return [
            (None, Text("None")),
            *((each["id"], each["name"]) for each in changes.read("company.list")),
        ]

    def show_list(status: int = 200, error: object = None) -> Response:
        return page(
            "persons.html",
            status,
            persons=changes.read("user.list"),
            companies=companies(),
            roles=ROLES,
            typed=request.form,
            error=error,
        )

    @blueprint.get("/persons")
    @allowed(Role.OWNER)
    def persons() -> Response:
        return show_list()

    @blueprint.post("/persons")
    @allowed(Role.OWNER)
    def add() -> Response:
        form = request.form
        try:
            added = changes.run(
                "user.add",
                login=form.get("login", "").strip(),
                name=form.get("name", ""),
                password=form.get("password", ""),
                role=form.get("role", ""),
                company=number_or_none(form.get("company", "")),
            )
        except AdminError as error:
            return show_list(422, error.args[0])
        return leave(
            url_for("persons.person", person_id=added["id"]),
            Text("{name} may log in now as {login}.", name=added["name"], login=added["login"]),
        )

    @blueprint.get("/persons/<int:person_id>")
    @allowed(Role.OWNER)
    def person(person_id: int) -> Response:
        found = [each for each in changes.read("user.list") if each["id"] == person_id]
        if not found:
            raise PageError(404, Text("There is no such person."))
        return page(
            "person.html",
            person=found[0],
            sessions=changes.read("user.sessions", user=person_id),
            companies=companies(),
            roles=ROLES,
            languages=LANGUAGE_CHOICES,
        )

    @blueprint.post("/persons/<int:person_id>/change")
    @allowed(Role.OWNER)
    def change(person_id: int) -> Response:
        form = request.form
        wanted = {
            "name": form.get("name", ""),
            "role": form.get("role", ""),
            "company": number_or_none(form.get("company", "")),
            "language": form.get("language") or None,
            "active": form.get("active") == "yes",
        }
        back = url_for("persons.person", person_id=person_id)
        return changes.make(
            back, Text("The change is made."), "user.set", {"user": person_id, "changes": wanted}
        )

    @blueprint.post("/persons/<int:person_id>/password")
    @allowed(Role.OWNER)
    def new_password(person_id: int) -> Response:
        return changes.make(
            url_for("persons.person", person_id=person_id),
            Text("The new password holds now, and the sessions of this person are closed."),
            "user.set",
            {
                "user": person_id,
                "changes": {"password": request.form.get("password", "")},
                "keep_session": viewer().session_id if viewer().person_id == person_id else None,
            },
        )

    @blueprint.post("/persons/<int:person_id>/sessions")
    @allowed(Role.OWNER)
    def close_sessions(person_id: int) -> Response:
        return close_sessions_of(changes, person_id, url_for("persons.person", person_id=person_id))

    @blueprint.post("/persons/<int:person_id>/remove")
    @allowed(Role.OWNER)
    def remove(person_id: int) -> Response:
        try:
            removed = changes.run("user.remove", user=person_id)
        except AdminError as error:
            return leave(url_for("persons.person", person_id=person_id), error.args[0], failed=True)
        return leave(url_for("persons.persons"), Text("{login} is removed.", login=removed["login"]))

    return blueprint


def close_sessions_of(changes: Changes, person_id: int, back: str) -> Response:
    """Close the session that the form names, or all of a person except the viewer's own."""
    return changes.make(
        back,
        Text("The session is closed.") if request.form.get("session") else Text("The sessions are closed."),
        "user.close_sessions",
        {
            "user": person_id,
            "session": number_or_none(request.form.get("session", "")),
            "keep_session": viewer().session_id,
        },
    )


def number_or_none(text: str) -> int | None:
    """An id in a form. None: the field is empty. Raises AdminError if it is something else."""
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise AdminError(Text("this choice does not exist"))
    return int(text)
