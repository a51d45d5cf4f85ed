"""Check the clock, and the version of the running gatewayd."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from config.settings import Settings
from gatewayd.diagnostics.findings import Finding, ok, warning
from gatewayd.timekeeping.clock import SECOND, Clock, iso
from gatewayd.timekeeping.network_time import EARLIEST
from gatewayd.timekeeping.ntp import synchronised
from gatewayd.version import VERSION


def check_clock(settings: Settings | None, clock: Mapping[str, Any] | None) -> Finding:
    """Check that the time is trusted, by the `clock` of the daemon's status, or without a daemon by NTP and the settings."""
    if clock is not None:
        now = f"It is {clock['now'][:19]}Z, "
        if clock["trusted"]:
            return ok("clock", f"{now}trusted. {clock['detail']}")
        return warning("clock", f"{now}NOT trusted. {clock['detail']}")
    system = Clock().now()
    now = f"It is {iso(system)[:19]}Z by the system clock"
    if system < EARLIEST:
        wrong = f", which is impossible: it was not set since {datetime.fromtimestamp(system / SECOND, UTC).year}."
        return warning("clock", f"{now}{wrong} Set the time, or connect the box to the Internet with NTP on.")
    trust = "auto" if settings is None else settings.clock.trust
    if trust == "always":
        return ok("clock", f"{now}, which is trusted because of clock.trust.")
    if trust == "auto" and synchronised():
        return ok("clock", f"{now}, synchronised by NTP.")
    return warning(
        "clock",
        f"{now}, not synchronised by NTP: messages do not expire until the daemon gets the time from the mobile network. Connect the"
        " box to the Internet with NTP on (`timedatectl set-ntp true`).",
    )


def check_version(running: str | None, *, daemon: bool) -> Finding:
    """Check that the running daemon has this version. `running`: None for a version too old to report it."""
    this = f"gatewayd {VERSION}, Python {platform.python_version()}"
    if daemon and running != VERSION:
        other = f"gatewayd {running}" if running else "an older version"
        return warning(
            "version",
            f"{this}; but {other} is running: restart it (`sudo systemctl restart gatewayd`).",
        )
    return ok("version", f"{this}.")
