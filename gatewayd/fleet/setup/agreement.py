"""The settings that all boxes of a fleet must agree on: each would otherwise count, read and delete what the others keep in another way."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from config.language.text import Text
from config.settings import Settings
from gatewayd.fleet.setup.errors import SetupError
from gatewayd.store import Transaction

_NUMBERING: Final = ("plan", "country_code", "pattern", "operators", "networks")


@dataclass(frozen=True, slots=True)
class Agreement:
    """The settings that are the same at every box."""

    time_zone: str
    numbering: dict[str, Any]  # the values of [numbers], by key
    retention_days: int
    in_doubt: str
    in_doubt_wait_s: float
    max_pending: int  # counted over all boxes; that of the first box holds

    @property
    def numbering_text(self) -> str:
        """The numbering as the fleet keeps it."""
        return json.dumps(self.numbering, sort_keys=True, ensure_ascii=False)


def of_settings(settings: Settings) -> Agreement:
    """The settings by the configuration of a box, with the choices of its dashboard."""
    numbers = settings.numbers
    numbering = {
        "plan": numbers.plan,
        "country_code": numbers.country_code,
        "pattern": None if numbers.pattern is None else numbers.pattern.pattern,
        "operators": {name: sorted(begin) for name, begin in numbers.operators.items()},
        "networks": {name: sorted(begin) for name, begin in numbers.networks.items()},
    }
    return Agreement(
        numbers.time_zone,
        numbering,
        settings.store.retention_days,
        settings.dispatch.in_doubt,
        settings.dispatch.in_doubt_wait_s,
        settings.dispatch.max_pending,
    )


def of_fleet(db: Transaction) -> Agreement:
    """The settings that the fleet agreed on. Raises SetupError where there is no fleet."""
    row = db.execute(
        "SELECT time_zone, numbering, retention_days, in_doubt, in_doubt_wait_s, max_pending FROM fleet"
    ).fetchone()
    if row is None:
        raise SetupError(Text("there is no fleet in this database: `gatewayd fleet init` makes one"))
    return Agreement(row[0], json.loads(row[1]), *row[2:])


def differences(fleet: Agreement, box: Agreement) -> list[Text]:
    """One sentence for each setting in which a box differs from the fleet."""
    pairs: list[tuple[str, object, object]] = [
        ("numbers.time_zone", fleet.time_zone, box.time_zone),
        *((f"numbers.{key}", fleet.numbering.get(key), box.numbering[key]) for key in _NUMBERING),
        ("store.retention_days", fleet.retention_days, box.retention_days),
        ("dispatch.in_doubt", fleet.in_doubt, box.in_doubt),
        ("dispatch.in_doubt_wait_s", float(fleet.in_doubt_wait_s), float(box.in_doubt_wait_s)),
    ]
    return [
        Text(
            "{key} is {here} here and {there} in the fleet",
            key=key,
            here=_shown(here),
            there=_shown(there),
        )
        for key, there, here in pairs
        if there != here
    ]


def _shown(value: object) -> str:
    """A value as the configuration writes it, or nearly so: tables may be long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "…"
