"""The version of gatewayd."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

VERSION: Final = version("gatewayd")
"""As it was installed when this process started: the package may have been upgraded under a running daemon."""
