"""Finds the code and the pattern for the balance of a SIM: learned for it, learned for its operator, or configured. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from config.settings import BalanceSettings
from gatewayd.store.tables.balances import Learned
from gatewayd.store.tables.sims import Sim

_DEFAULTS = BalanceSettings(operator="any")


@dataclass(frozen=True, slots=True)
class Source:
    """How the balance of a SIM is read. `code`: the USSD code, then the replies to its menus."""

    code: tuple[str, ...]
    pattern: re.Pattern[str]
    settings: BalanceSettings

    @property
    def name(self) -> str:
        """The code and its replies as they are kept."""
        return " ".join(self.code)


def settings_for(sim: Sim, settings: Sequence[BalanceSettings]) -> BalanceSettings:
    """The configured section for the operator of a SIM, else the defaults."""
    operator = sim.shown_operator.casefold()
    return next((each for each in settings if each.operator.casefold() in operator), _DEFAULTS)


def source_of(sim: Sim, settings: Sequence[BalanceSettings], learned: Sequence[Learned]) -> Source | None:
    """How the balance of a SIM is read; None: nothing was configured or learned for it."""
    configured = settings_for(sim, settings)
    known = next((each for each in learned if _is_for(each, sim)), None)
    if known is not None:
        return Source(tuple(known.code.split()), re.compile(known.pattern), configured)
    if configured.code is None:
        return None
    return Source(tuple(configured.code.split()), configured.pattern, configured)


def _is_for(learned: Learned, sim: Sim) -> bool:
    if learned.sim_id is not None:
        return learned.sim_id == sim.id
    return learned.operator is not None and learned.operator.casefold() == sim.shown_operator.casefold()
