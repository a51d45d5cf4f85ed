"""Check the clock, and the version of the running gatewayd."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from config.language.text import Sentences, Text
from config.settings import Settings
from gatewayd.diagnostics.findings import Finding, ok, warning
from gatewayd.timekeeping.clock import SECOND, Clock, iso
from gatewayd.timekeeping.network_time import EARLIEST
from gatewayd.timekeeping.ntp import synchronised
from gatewayd.version import VERSION

_CLOCK = Text("clock")
_VERSION = Text("version")


def check_clock(settings: Settings | None, clock: Mapping[str, Any] | None) -> Finding:
    """Check that the time is trusted, by the `clock` of the daemon's status, or without a daemon by NTP and the settings."""
    if clock is not None:
        now = _readable(clock["now"])
        if clock["trusted"]:
            return ok(_CLOCK, Sentences((Text("It is {time}, trusted.", time=now), clock["detail"])))
        return warning(_CLOCK, Sentences((Text("It is {time}, NOT trusted.", time=now), clock["detail"])))
    system = Clock().now()
    now = Text("It is {time} by the system clock", time=_readable(iso(system)))
    if system < EARLIEST:
        text = Text(
            "{now}, which is impossible: it was not set since {year}. Set the time, or connect the box to the Internet with"
            " NTP on.",
            now=now,
            year=datetime.fromtimestamp(system / SECOND, UTC).year,
        )
        return warning(_CLOCK, text)
    trust = "auto" if settings is None else settings.clock.trust
    if trust == "always":
        return ok(_CLOCK, Text("{now}, which is trusted because of clock.trust.", now=now))
    if trust == "auto" and synchronised():
        return ok(_CLOCK, Text("{now}, synchronised by NTP.", now=now))
    return warning(
        _CLOCK,
        Text(
            "{now}, not synchronised by NTP: messages do not expire until the daemon gets the time from the mobile network."
            " Connect the box to the Internet with NTP on (`timedatectl set-ntp true`).",
            now=now,
        ),
    )


def _readable(moment: str) -> str:
    return f"{moment[:19]}Z"


def check_version(running: str | None, *, daemon: bool) -> Finding:
    """Check that the running daemon has this version. `running`: None for a version too old to report it."""
    this = f"gatewayd {VERSION}, Python {platform.python_version()}"
    if daemon and running != VERSION:
        other = f"gatewayd {running}" if running else Text("an older version")
        return warning(
            _VERSION,
            Text(
                "{this}; but {other} is running: restart it (`sudo systemctl restart gatewayd`).",
                this=this,
                other=other,
            ),
        )
    return ok(_VERSION, f"{this}.")
