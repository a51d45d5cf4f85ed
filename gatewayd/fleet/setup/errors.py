"""The error of set-up."""

from __future__ import annotations

from gatewayd.errors import AdminError


class SetupError(AdminError):
    """A step of the set-up was refused. The text says why, and what to do; nothing was changed."""
