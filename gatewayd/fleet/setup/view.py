"""The fleet as the daemon shows it to people: what is wrong, at once; and all boxes, by asking PostgreSQL."""

from __future__ import annotations

from typing import Any

from config.language.text import Text, text_of
from config.settings import FleetSettings
from gatewayd.diagnostics.findings import Finding
from gatewayd.fleet.fleet import Fleet
from gatewayd.fleet.setup.findings import of_document
from gatewayd.fleet.setup.observing import observed
from gatewayd.fleet.trouble import trouble_of
from gatewayd.store.engine.errors import StoreUnavailableError


class FleetView:
    """Any thread may ask."""

    def __init__(self, settings: FleetSettings, fleet: Fleet) -> None:
        self._settings = settings
        self._fleet = fleet

    @property
    def name(self) -> str:
        """The name of this box."""
        return self._settings.name

    def trouble(self) -> Text | None:
        """The reason why messages of the whole fleet stop at this box; None: they do not. Never waits for PostgreSQL."""
        return trouble_of(self._fleet)

    def document(self) -> dict[str, Any]:
        """All boxes (see `observing`). Waits some seconds where PostgreSQL does not answer."""
        try:
            status = self._fleet.status()
        except StoreUnavailableError as error:
            return {"name": self._settings.name, "untold": None, "away": text_of(error), "refused": False}
        return observed(self._settings, status.untold)

    def findings(self) -> list[Finding]:
        """The findings of the check. Waits like `document`."""
        return of_document(self.document())
