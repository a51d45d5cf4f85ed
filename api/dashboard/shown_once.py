"""Secrets that are shown on one page, once: a new API key, and the secret of a webhook.

The answer to a form leads to the next page (303), so that loading that page again does not make another key. The secret travels
there in the cookie of the notice, which the next page deletes: only the browser of this person ever has it.
"""

from __future__ import annotations

from flask import Response, session

_COOKIE_VALUE = "shown_once"


def keep(about: str, secret: str) -> None:
    """Keep a secret for the next page. `about`: the thing that it belongs to, as `key 7`."""
    session[_COOKIE_VALUE] = [about, secret]


def take(about: str) -> str | None:
    """The secret of this thing, once."""
    kept = session.get(_COOKIE_VALUE)
    if kept is None:
        return None
    session.pop(_COOKIE_VALUE)
    return str(kept[1]) if kept[0] == about else None


def never_cached(response: Response) -> Response:
    """A page that no browser keeps, because it shows a secret."""
    response.headers["Cache-Control"] = "no-store"
    return response
