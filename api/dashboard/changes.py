"""Changes that a form makes: an administration command on behalf of the viewer, and a notice on the next page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from flask import flash, redirect
from werkzeug.wrappers import Response

from api.dashboard.guard import viewer
from api.dashboard.languages import localised
from config.language.text import Text
from gatewayd.admin import audit, commands
from gatewayd.admin.audit import Actor
from gatewayd.admin.context import Context
from gatewayd.errors import AdminError

T = TypeVar("T")


class Changes:
    """Runs administration commands for the pages."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def read(self, command: str, **arguments: object) -> Any:
        """The result of a command that changes nothing. Raises AdminError."""
        return commands.run(self._context, command, arguments)

    def run(self, command: str, **arguments: object) -> Any:
        """The result of a command, which the audit log notes with the viewer's name. Raises AdminError."""
        person = viewer()
        return commands.run_as(self._context, Actor(person.person_id, person.login), command, arguments)

    def noted(self, action: str, work: Callable[[], T], **arguments: object) -> T:
        """The result of work that is no command, such as a download, but is noted in the audit log too. Raises AdminError."""
        person = viewer()
        entry = audit.begin(self._context, Actor(person.person_id, person.login), action, arguments)
        try:
            result = work()
        except AdminError as error:
            audit.end(self._context, entry, str(error))
            raise
        audit.end(self._context, entry, audit.DONE)
        return result

    def make(
        self,
        back: str,
        done: Text | Callable[[Any], Text],
        command: str,
        arguments: Mapping[str, object],
    ) -> Response:
        """Run a command, then lead the browser to the page `back`, which says `done` or the reason for the refusal."""
        try:
            result = self.run(command, **arguments)
        except AdminError as error:
            return leave(back, error.args[0] if error.args else str(error), failed=True)
        return leave(back, done if isinstance(done, Text) else done(result))


def leave(to: str, notice: object = None, *, failed: bool = False) -> Response:
    """Lead the browser to another page of the box, which shows the notice. `to`: a path."""
    if notice is not None:
        flash(localised(notice), "error" if failed else "done")
    return redirect(to, 303)
