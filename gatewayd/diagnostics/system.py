"""The clock, and which gatewayd runs."""

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


def check_clock(settings: Settings | None, told: Mapping[str, Any] | None) -> Finding:
    """Whether the time is trusted: by the word of the daemon (`told`), else as far as it can be known without it."""
    if told is not None:
        now = f"It is {told['now'][:19]}Z, "
        if told["trusted"]:
            return ok("clock", f"{now}trusted. {told['detail']}")
        return warning("clock", f"{now}NOT trusted. {told['detail']}")
    system = Clock().now()
    now = f"It is {iso(system)[:19]}Z by the system clock"
    if system < EARLIEST:
        wrong = f", which is impossible: it was never set since {datetime.fromtimestamp(system / SECOND, UTC).year}."
        return warning("clock", f"{now}{wrong} Set the time, or connect the box to the Internet with NTP on.")
    trust = "auto" if settings is None else settings.clock.trust
    if trust == "always":
        return ok("clock", f"{now}, which is trusted, as clock.trust says.")
    if trust == "auto" and synchronised():
        return ok("clock", f"{now}, kept by NTP.")
    return warning(
        "clock",
        f"{now}, not kept by NTP: messages do not expire until the mobile network tells the daemon the time. Connect the"
        " box to the Internet with NTP on (`timedatectl set-ntp true`).",
    )


def check_version(running: str | None, *, daemon: bool) -> Finding:
    """This gatewayd, and whether the one that runs is the same. `running`: None of one too old to tell."""
    this = f"gatewayd {VERSION}, Python {platform.python_version()}"
    if daemon and running != VERSION:
        other = f"gatewayd {running}" if running else "an older one"
        return warning(
            "version",
            f"{this}; but {other} is running: restart it (`sudo systemctl restart gatewayd`).",
        )
    return ok("version", f"{this}.")
