"""Reads the form of a SIM's settings: only what a person changed becomes a change. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from config.language.text import Text
from gatewayd.errors import AdminError

TEXTS: Final = ("name", "number", "operator", "holder", "registered_on", "renew_code")

LIMITS: Final = {
    "daily_limit": Text("Messages a day"),
    "monthly_limit": Text("Messages a month"),
    "daily_parts": Text("Parts a day"),
    "monthly_parts": Text("Parts a month"),
    "daily_recipients": Text("Different recipients a day"),
    "monthly_recipients": Text("Different recipients a month"),
}
"""The limits of a SIM and their names."""

_LONGEST: Final = 200
_MOST_DIGITS: Final = 15


def changes_of(form: Mapping[str, str], sim: Mapping[str, Any]) -> dict[str, object]:
    """The changes for `sim.set`: the fields of a form that differ from the SIM as `sim.show` shows it.

    An empty field takes the setting away. Raises AdminError.
    """
    wanted: dict[str, object] = {
        **{name: form[name].strip()[: _LONGEST + 1] or None for name in TEXTS if name in form},
        **{name: _whole(form[name], label) for name, label in LIMITS.items() if name in form},
    }
    if "company" in form:
        wanted["company"] = _whole(form["company"], Text("Company"))
    if "reset_hour" in form:
        wanted["reset_hour"] = _whole(form["reset_hour"], Text("Hour of the reset")) or 0
    if "cost" in form:
        wanted["cost"] = _amount(form["cost"])
    wanted["enabled"] = "enabled" in form
    changed = {name: value for name, value in wanted.items() if value != _nothing(sim[name])}
    if "company" in changed:
        changed["company_id"] = changed.pop("company")
    return changed


def _nothing(value: object) -> object:
    """A shown value that is empty, as a form has it."""
    return None if value == "" else value


def _whole(text: str, label: Text) -> int | None:
    digits = "".join(text.split())
    if not digits:
        return None
    if not (digits.isascii() and digits.isdigit()) or len(digits) > _MOST_DIGITS:
        raise AdminError(Text("“{field}” must be a whole number, or empty", field=label))
    return int(digits)


def _amount(text: str) -> float:
    """An amount with a decimal comma or point."""
    written = "".join(text.split()).replace(",", ".") or "0"
    whole, _, rest = written.partition(".")
    if not (whole + rest).isascii() or not (whole + rest).isdigit() or len(written) > _MOST_DIGITS:
        raise AdminError(Text("“{field}” must be a number, as 12.5", field=Text("Price of a part")))
    return float(written)
