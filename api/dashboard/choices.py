"""The companies and SIMs that a person may choose in a form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import current_app, url_for

from api.dashboard.changes import Changes
from api.dashboard.guard import roles_of, viewer
from gatewayd.records import Caller

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


def companies(changes: Changes) -> dict[int, str]:
    """The names of all companies by their ids; for a person of a company, of that one."""
    own = viewer().company_id
    return {one["id"]: one["name"] for one in changes.read("company.list") if own in (None, one["id"])}


def active_companies(changes: Changes) -> list[tuple[int, str]]:
    """The companies for which the person may send, with their names."""
    own = viewer().company_id
    return [
        (one["id"], one["name"])
        for one in changes.read("company.list")
        if one["active"] and own in (None, one["id"])
    ]


def sims(gateway: Gateway, changes: Changes) -> list[tuple[int, str]]:
    """The SIMs that the person may name, with a label."""
    own = viewer().company_id
    if own is not None:
        _, found = gateway.sims(Caller(0, own, admin=False))
        return [(sim.id, _label(sim.name, sim.number)) for sim in found]
    return [
        (one["id"], _label(one["name"] or one["operator"], one["number"]))
        for one in changes.read("sim.list")
        if one["enabled"]
    ]


def address_for(endpoint: str, **values: int | None) -> str | None:
    """The address of a page about something, if there is such a page and the person may see it. A value of None: about nothing."""
    if None in values.values() or endpoint not in current_app.view_functions:
        return None
    if viewer().role not in roles_of(current_app, endpoint):
        return None
    return url_for(endpoint, **values)  # type: ignore[arg-type]


def _label(name: str, number: str) -> str:
    return " · ".join(filter(None, (name, number)))
