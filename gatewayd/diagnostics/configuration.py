"""Check the configuration: it can be used, and its values have no unwanted effect."""

from __future__ import annotations

import stat
from pathlib import Path

from config.language.text import Text
from config.plans import GUIDE, plan_of_country, plans
from config.settings import ConfigError, Settings, load
from gatewayd.diagnostics.findings import Finding, fault, ok, warning
from gatewayd.sims.chosen_numbers import with_choices

_ABOUT = Text("configuration")


def check(path: Path) -> tuple[Settings | None, list[Finding]]:
    """Return the settings, or None if they cannot be used, and the findings."""
    try:
        settings = with_choices(load(path))
    except ConfigError as error:
        if isinstance(error.__cause__, PermissionError):
            text = Text(
                "You may not read {path}: run this with sudo, or as a member of the file's group.", path=path
            )
            return None, [fault(_ABOUT, text)]
        return None, [fault(_ABOUT, line) for line in error.faults]
    return settings, [
        ok(_ABOUT, Text("{path} can be used; ports: {count}.", path=path, count=len(settings.ports))),
        *_warnings(path, settings),
    ]


def _warnings(path: Path, settings: Settings) -> list[Finding]:
    found = []
    if settings.numbers.plan == GUIDE:
        found.append(warning(_ABOUT, _guide_plan_text(settings.numbers.country_code)))
    api = settings.api
    if api.max_body_bytes < api.body_bytes_for_bulk:
        found.append(
            warning(
                _ABOUT,
                Text(
                    "api.max_body_bytes ({bytes}) is too small for api.bulk_max ({messages}) long messages,"
                    " which are then refused: set it to {enough}, or reduce bulk_max.",
                    bytes=api.max_body_bytes,
                    messages=api.bulk_max,
                    enough=api.body_bytes_for_bulk,
                ),
            )
        )
    others_read = path.stat().st_mode & stat.S_IROTH
    if others_read and any(port.pin for port in settings.ports):
        found.append(
            warning(
                _ABOUT,
                Text(
                    "It contains PINs, and every user of this box may read it: `chmod o= {path}`.", path=path
                ),
            )
        )
    return found


def _guide_plan_text(country_code: str) -> Text:
    """Explain which numbers the default plan refuses, and name the plan of the country."""
    fitting = plan_of_country(country_code)
    names = [key for key, plan in plans().items() if plan is fitting]
    remedy = (
        Text('set plan = "{plan}" in [numbers]', plan=names[0])
        if names
        else Text("there is no plan for this country")
    )
    if country_code == plans()[GUIDE].numbering.country_code:
        refused = Text("mobile numbers of Mali that begin with 5, 8 or 9, and numbers written with spaces")
    else:
        refused = Text("numbers written with spaces")
    return Text(
        'numbers.plan is "guide", which refuses {refused}: {remedy}, or choose the country on the dashboard (docs/configuration.md).',
        refused=refused,
        remedy=remedy,
    )
