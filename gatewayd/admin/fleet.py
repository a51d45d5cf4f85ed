"""`gatewayd fleet status`, asked of the daemon: a person who may use the daemon needs no password of PostgreSQL."""

from __future__ import annotations

from typing import Any

from config.language.text import Text
from gatewayd.admin.context import Context
from gatewayd.errors import AdminError


def status(context: Context) -> dict[str, Any]:
    """Return the boxes, what they have of the queue, and what this box has not told."""
    if context.fleet is None:
        raise AdminError(
            Text("this box belongs to no fleet: the configuration has no [fleet] dsn (`gatewayd fleet join`)")
        )
    return context.fleet.document()


def brief(context: Context) -> dict[str, Any] | None:
    """The lines of `gatewayd status` about the fleet; None: the box is alone."""
    if context.fleet is None:
        return None
    return {"name": context.fleet.name, "trouble": context.fleet.trouble()}
