"""The checks of everything but the configuration file, in the order in which a person reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from config.settings import Settings
from gatewayd.diagnostics import accounts, backups, database, devices, sim_notices, webhooks
from gatewayd.diagnostics.findings import Finding


def by_status(settings: Settings, status: Mapping[str, Any]) -> list[Finding]:
    """The findings in the status of the running daemon: its store, ports and SIMs."""
    return [
        *database.from_status(status.get("store", {})),
        *devices.from_status(settings, status["ports"]),
        *sim_notices.check(status.get("sims", ())),  # missing in the status of an older version
    ]


def of_files(settings: Settings, *, daemon_answers: bool) -> list[Finding]:
    """The findings about database, disk, backups, accounts and webhooks. Takes up to half a minute on a slow card."""
    return [
        *database.check(settings, daemon_answers=daemon_answers),
        *backups.check(settings.store),
        *accounts.check(settings),
        *webhooks.check(settings),
    ]
