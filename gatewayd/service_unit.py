"""Whether the daemon of this box is a service of systemd."""

from __future__ import annotations

from pathlib import Path
from typing import Final

# The folders of install.sh and of the Debian package, see systemd.unit(5).
_UNITS: Final = (
    Path("/etc/systemd/system/gatewayd.service"),
    Path("/usr/lib/systemd/system/gatewayd.service"),
    Path("/lib/systemd/system/gatewayd.service"),
)


def is_service() -> bool:
    """True if the unit `gatewayd` is installed, so `systemctl` starts the daemon."""
    return any(unit.exists() for unit in _UNITS)
