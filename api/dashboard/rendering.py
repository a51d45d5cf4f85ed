"""Templates become answers: the Jinja environment with its filters, and the headers of a page."""

from __future__ import annotations

import gzip
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from flask import Flask, Response, render_template, request
from markupsafe import Markup

from api.dashboard import guard
from api.dashboard.browser_names import browser_name
from api.dashboard.languages import gettext, language, localised, ngettext
from api.dashboard.navigation import menu
from api.dashboard.static_files import address_of
from gatewayd.version import VERSION

# Nothing is inline and nothing comes from elsewhere. Forms go to the box only, and no other site may frame a page.
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

HEADERS: Final = {
    # The browser keeps a page and asks each time whether it is still true: a page must not be shown after the log-out.
    "Cache-Control": "private, no-cache",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
}

_COMPRESSED_FROM = 1024  # bytes
_NARROW_SPACE = "\u202f"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def register(app: Flask, zone: ZoneInfo) -> None:
    """Add filters and functions for templates, and the headers of every answer."""
    environment = app.jinja_env
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.add_extension("jinja2.ext.i18n")
    environment.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.filters |= {
        "say": localised,
        "number": number,
        "money": money,
        "time": lambda moment, *form: local_time(moment, zone, *form),
        "exact": lambda moment: local_time(moment, zone, "%d/%m/%Y %H:%M:%S"),
        "day": lambda moment: local_time(moment, zone, "%d/%m/%Y"),
        "time_to_type": lambda moment: local_time(moment, zone, "%Y-%m-%d %H:%M:%S"),
        "moment": lambda moment: local_time(moment, zone, "%d/%m %H:%M:%S"),
        "clock": lambda moment: local_time(moment, zone, "%H:%M"),
        "seconds": lambda moment: local_time(moment, zone, "%H:%M:%S"),
        "duration": duration,
        "browser": browser_name,
        "bytes": readable_bytes,
    }
    environment.globals |= {
        "csrf": _csrf_field,
        "csrf_token": guard.csrf_token,
        "language": language,
        "menu": menu,
        "static": address_of,
        "version": VERSION,
        "viewer": guard.known_viewer,
    }
    app.after_request(_finish)


def page(template: str, status: int = 200, /, **values: object) -> Response:
    """The answer that shows a template, or 304 where the browser has the same already."""
    response = Response(render_template(template, **values), status, mimetype="text/html")
    if status == 200:
        response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:32], weak=True)
        response.make_conditional(request)
    return response


def number(value: float) -> str:
    """A number with a narrow space between thousands, in both languages, and the language's decimal sign."""
    text = f"{value:,}".replace(",", _NARROW_SPACE)
    return text.replace(".", ",") if language() == "fr" else text


def money(value: float) -> str:
    """An amount, without decimals where there are none."""
    return number(round(value) if value == round(value) else round(value, 2))


def local_time(moment: float | str | None, zone: ZoneInfo, form: str = "%d/%m/%Y %H:%M") -> str:
    """A time (microseconds since the epoch, or ISO 8601) in the time zone of the box; "–" for None."""
    if moment is None:
        return "–"
    if isinstance(moment, str):
        at = datetime.fromisoformat(moment)
    else:
        at = _EPOCH + timedelta(microseconds=moment)
    return at.astimezone(zone).strftime(form)


def duration(seconds: float | None) -> str:
    """A duration in its two largest units, as "2 h 5 min"."""
    if seconds is None:
        return "–"
    whole = max(0, round(seconds))
    parts = []
    for unit, size in ((gettext("d"), 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, whole = divmod(whole, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def readable_bytes(size: float) -> str:
    """A size in bytes with its unit: B, kB, MB, GB; French writes o for octet."""
    unit = "o" if language() == "fr" else "B"
    for prefix in ("", "k", "M", "G"):
        if size < 1000 or prefix == "G":
            return f"{number(round(size) if size >= 10 or not prefix else round(size, 1))} {prefix}{unit}"
        size /= 1000
    raise AssertionError("unreachable")


def _csrf_field() -> Markup:
    return Markup('<input type="hidden" name="{}" value="{}">').format(guard.CSRF_FIELD, guard.csrf_token())


def _finish(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if (
        request.accept_encodings.quality("gzip") > 0
        and not response.is_streamed
        and "Content-Encoding" not in response.headers
        and (response.mimetype or "").startswith("text/")
        and response.status_code != 304
        and len(response.get_data()) >= _COMPRESSED_FROM
    ):
        # The lowest level: the others save little here, and cost a small board milliseconds.
        response.set_data(gzip.compress(response.get_data(), 1, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
    response.headers.add("Vary", "Accept-Encoding, Cookie, Accept-Language")
    return response
