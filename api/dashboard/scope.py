"""The company whose rows a page shows, and values of a request that may be anything."""

from __future__ import annotations

from typing import TypeVar

from flask import request

from api.dashboard.changes import Changes
from api.dashboard.guard import viewer

D = TypeVar("D")

_LARGEST = 2**63 - 1


def chosen_company() -> int | None:
    """The viewer's company; for other persons the one that the address names as `company`. None: all."""
    own = viewer().company_id
    return own if own is not None else id_of(request.args.get("company"))


def company_names(changes: Changes) -> dict[int, str]:
    """The names of all companies, by id; for a person of one company only that one."""
    own = viewer().company_id
    return {one["id"]: one["name"] for one in changes.read("company.list") if own in (None, one["id"])}


def id_of(text: str | None) -> int | None:
    """The id of a row; None where the text is no id."""
    return whole(text, None)


def whole(text: str | None, otherwise: D) -> int | D:
    """A whole number from 0 to the largest id; `otherwise` where the text is none."""
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > len(str(_LARGEST)):
        return otherwise
    return min(int(text), _LARGEST)
