"""Check the configuration: it can be used, and its values have no unwanted effect."""

from __future__ import annotations

import stat
from pathlib import Path

from config.plans import GUIDE, plan_of_country, plans
from config.settings import ConfigError, Settings, load
from gatewayd.diagnostics.findings import Finding, fault, ok, warning

_ABOUT = "configuration"


def check(path: Path) -> tuple[Settings | None, list[Finding]]:
    """Return the settings, or None if they cannot be used, and the findings."""
    try:
        settings = load(path)
    except ConfigError as error:
        if isinstance(error.__cause__, PermissionError):
            text = f"You may not read {path}: run this with sudo, or as a member of the file's group."
            return None, [fault(_ABOUT, text)]
        return None, [fault(_ABOUT, line) for line in str(error).splitlines()]
    return settings, [
        ok(_ABOUT, f"{path} can be used; ports: {len(settings.ports)}."),
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
                f"api.max_body_bytes ({api.max_body_bytes}) is too small for api.bulk_max ({api.bulk_max}) long messages,"
                f" which are then refused: set it to {api.body_bytes_for_bulk}, or reduce bulk_max.",
            )
        )
    others_read = path.stat().st_mode & stat.S_IROTH
    if others_read and any(port.pin for port in settings.ports):
        found.append(
            warning(_ABOUT, f"It contains PINs, and every user of this box may read it: `chmod o= {path}`.")
        )
    return found


def _guide_plan_text(country_code: str) -> str:
    """Explain which numbers the default plan refuses, and name the plan of the country."""
    fitting = plan_of_country(country_code)
    names = [key for key, plan in plans().items() if plan is fitting]
    remedy = f'set plan = "{names[0]}" in [numbers]' if names else "there is no plan for this country"
    if country_code == plans()[GUIDE].numbering.country_code:
        refused = "mobile numbers of Mali that begin with 5, 8 or 9, and numbers written with spaces"
    else:
        refused = "numbers written with spaces"
    return f'numbers.plan is "guide", which refuses {refused}: {remedy} (docs/configuration.md).'
