"""The frame of the first steps: what is done, and the page of a step."""

from __future__ import annotations

from typing import Any, Final

from werkzeug.wrappers import Response

from api.dashboard.changes import Changes
from api.dashboard.rendering import page
from api.dashboard.start_steps import NAMES, Facts, Step, after, done
from config.plans import GUIDE
from config.settings import Settings
from gatewayd.admin.context import Context
from modem.driver.sim import SimState

_NEWEST: Final = 20
_NEEDS_PIN: Final = frozenset({SimState.PIN_REQUIRED, SimState.PIN_REFUSED})


class StartFrame:
    """The data and the frame that the pages of the first steps share."""

    def __init__(self, context: Context, changes: Changes, settings: Settings) -> None:
        self.context = context
        self.changes = changes
        self.settings = settings

    @property
    def example(self) -> str:
        """A number of the numbering plan, as E.164."""
        numbers = self.settings.numbers
        return f"+{numbers.country_code}{numbers.chosen.numbering.example}"

    def sims_in_ports(self) -> list[dict[str, Any]]:
        """The SIMs that are in a port now."""
        places = self.context.running().port_registry.sims()
        return [
            sim for sim in self.changes.read("sim.list") if sim["id"] in places and places[sim["id"]].there
        ]

    def locked_ports(self) -> list[dict[str, Any]]:
        """The ports whose SIM asks for a PIN, or refused the one that is configured."""
        statuses = self.context.running().port_registry.ports()
        return [
            port
            for port in self.changes.read("port.list")
            if port["port"] in statuses and statuses[port["port"]].active.sim in _NEEDS_PIN
        ]

    def facts(self) -> Facts:
        """The things that the box has already."""
        sims, read = self.sims_in_ports(), self.changes.read
        return Facts(
            clock_trusted=self.context.clock.status().trusted,
            plan_chosen=self.settings.numbers.plan != GUIDE,
            ports=bool(read("port.list")),
            sims_named=bool(sims) and all(sim["number"] for sim in sims),
            company=any(each["active"] for each in read("company.list")),
            sent=any(each["status"] in ("sent", "delivered") for each in read("message.list", limit=_NEWEST)),
            key=any(each["active"] for each in read("key.list")),
        )

    def show(self, step: Step | None, status: int = 200, /, **values: object) -> Response:
        """The page of a step; None: of the end."""
        return page(
            f"start_{step or 'finished'}.html",
            status,
            steps=[(each, NAMES[each], is_done) for each, is_done in done(self.facts()).items()],
            step=step,
            following=None if step is None else after(step),
            **values,
        )
