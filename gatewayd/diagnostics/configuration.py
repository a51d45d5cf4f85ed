"""The configuration: whether it can be used, and what in it works against its owner."""

from __future__ import annotations

import stat
from pathlib import Path

from config.plans import GUIDE, plan_of_country, plans
from config.settings import ConfigError, Settings, load
from gatewayd.diagnostics.findings import Finding, fault, ok, warning

_ABOUT = "configuration"


def check(path: Path) -> tuple[Settings | None, list[Finding]]:
    """The settings, None where they cannot be used; and what there is to say of them."""
    try:
        settings = load(path)
    except ConfigError as error:
        if isinstance(error.__cause__, PermissionError):
            text = f"You may not read {path}: run this with sudo, or as a member of the file's group."
            return None, [fault(_ABOUT, text)]
        return None, [fault(_ABOUT, line) for line in str(error).splitlines()]
    return settings, [
        ok(_ABOUT, f"{path} can be used; ports: {len(settings.ports)}."),
        *_remarks(path, settings),
    ]


def _remarks(path: Path, settings: Settings) -> list[Finding]:
    found = []
    if not settings.ports:
        found.append(
            fault(_ABOUT, "It has no [[ports]], so nothing can be sent: `gatewayd ports` finds the modems.")
        )
    if settings.numbers.plan == GUIDE:
        found.append(warning(_ABOUT, _guide(settings.numbers.country_code)))
    api = settings.api
    if api.max_body_bytes < api.body_bytes_for_bulk:
        found.append(
            warning(
                _ABOUT,
                f"api.max_body_bytes ({api.max_body_bytes}) is too little for api.bulk_max ({api.bulk_max}) long messages,"
                f" which are refused then: set it to {api.body_bytes_for_bulk}, or bulk_max lower.",
            )
        )
    others_read = path.stat().st_mode & stat.S_IROTH
    if others_read and any(port.pin for port in settings.ports):
        found.append(
            warning(_ABOUT, f"It holds PINs, and every user of this box may read it: `chmod o= {path}`.")
        )
    return found


def _guide(country_code: str) -> str:
    """What the default plan refuses, and which plan is the country's."""
    fitting = plan_of_country(country_code)
    names = [key for key, plan in plans().items() if plan is fitting]
    said = f'set plan = "{names[0]}" in [numbers]' if names else "there is no plan of this country"
    if country_code == plans()[GUIDE].numbering.country_code:
        refused = "mobile numbers of Mali that begin with 5, 8 or 9, and numbers written with blanks"
    else:
        refused = "numbers written with blanks"
    return f'numbers.plan is "guide", which refuses {refused}: {said} (docs/configuration.md).'
