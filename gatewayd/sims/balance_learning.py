"""Learns how balances are read: tries a pattern on the answers of a SIM, and keeps it with its code."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from config.language.text import Text
from config.settings import BalanceSettings
from gatewayd.sims import balance_readings
from gatewayd.sims.balance import Balances
from gatewayd.sims.balance_proposal import propose
from gatewayd.sims.balance_sources import settings_for
from gatewayd.sims.balance_text import Reading, read
from gatewayd.store import Transaction
from gatewayd.store.store import Store
from gatewayd.store.tables import balances, sims
from gatewayd.store.tables.balances import Learned
from gatewayd.store.tables.sims import Sim
from gatewayd.timekeeping.clock import Calendar, Clock

_LONGEST_PATTERN = 2000


class LearningError(ValueError):
    """Nothing was learned; the text gives the reason."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A kept answer and what a pattern reads in it; None: it does not fit."""

    answer: str
    read_at: int
    reading: Reading | None


@dataclass(frozen=True, slots=True)
class Lesson:
    """A pattern for the answers of a SIM to a code, and what it reads in them, the newest first."""

    sim_id: int
    operator: str  # "": not known
    pattern: str | None  # None: none was given, and none can be proposed
    trials: list[Trial]


class BalanceLearning:
    """Tries and keeps patterns. Any thread may call any method. The methods raise StoreUnavailableError too."""

    def __init__(
        self,
        settings: Sequence[BalanceSettings],
        store: Store,
        clock: Clock,
        calendar: Calendar,
        readings: Balances,
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._calendar = calendar
        self._readings = readings

    def learn(self, iccid: str, code: str, answer: str, pattern: str | None) -> Lesson:
        """Keep the answer of a SIM to a code, and try a pattern on it and the answers before; None: propose one.

        Raises LearningError: the pattern is no regular expression for a balance, or the SIM is not known.
        """
        if pattern is None:
            proposal = propose(answer)
            pattern = None if proposal is None else proposal.pattern
        compiled = None if pattern is None else _compiled(pattern)
        at = self._clock.moment(self._calendar)

        def keep(db: Transaction) -> tuple[Sim | None, list[balances.Answer]]:
            sim_id = sims.id_of(db, iccid)
            if sim_id is None:
                return None, []
            balances.keep_answer(db, sim_id, code, answer, at.now)
            return sims.shown_one(db, sim_id, at.today), balances.answers(db, sim_id, code)

        sim, kept = self._store.write(keep)
        if sim is None:
            raise LearningError(Text("the SIM that answered is not known"))
        trials = [
            Trial(each.text, each.read_at, None if compiled is None else read(each.text, compiled))
            for each in kept
        ]
        return Lesson(sim.id, sim.shown_operator, pattern, trials)

    def keep(self, sim_id: int, code: str, pattern: str, *, for_sim: bool) -> Learned:
        """Keep a code and a pattern that reads the newest answer: for the SIM's operator, or for the SIM alone.

        It takes effect at once. Raises LearningError: the pattern does not read that answer.
        """
        compiled = _compiled(pattern)
        at = self._clock.moment(self._calendar)

        def keep(db: Transaction) -> Learned:
            sim = sims.shown_one(db, sim_id, at.today)
            newest = next(iter(balances.answers(db, sim_id, code)), None)
            if sim is None or newest is None:
                raise LearningError(Text("SIM {sim_id} has no answer to this code", sim_id=sim_id))
            reading = read(newest.text, compiled)
            if reading is None:
                raise LearningError(Text("the pattern does not read the newest answer to this code"))
            operator = None if for_sim else sim.shown_operator or None
            only = sim_id if operator is None else None
            balances.learn(db, only, operator, code, pattern, at.now)
            settings = settings_for(sim, self._settings)
            balance_readings.record(db, sim_id, reading, settings, at, self._calendar)
            return next(
                each for each in balances.learned(db) if (each.sim_id, each.operator) == (only, operator)
            )

        kept = self._store.write(keep)
        self._readings.learned()
        return kept


def _compiled(pattern: str) -> re.Pattern[str]:
    if len(pattern) > _LONGEST_PATTERN:
        raise LearningError(Text("the pattern must have {most} characters at most", most=_LONGEST_PATTERN))
    try:
        compiled = BalanceSettings(operator="any", pattern=pattern).pattern  # type: ignore[arg-type]  # compiled there
    except ValueError as error:
        raise LearningError(
            Text(
                "the pattern must be a regular expression with a group `amount` or `units`, or with parentheses around the amount"
            )
        ) from error
    return compiled
