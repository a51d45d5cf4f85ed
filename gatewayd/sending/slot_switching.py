"""Decides when a port with several slots switches to another SIM. One switch takes 10 to 40 s until the SIM is registered."""

from __future__ import annotations

from collections.abc import Mapping

from config.settings import DispatchSettings
from gatewayd.sending.port_history import Turn
from gatewayd.sims.port_registry import PortRegistry
from gatewayd.store import Transaction
from gatewayd.store.tables import loop_tests, parts
from gatewayd.timekeeping.clock import SECOND, Clock, Moment
from modem.port.interface import Rest, Switch

# The longest time a slot waits for the reports on its last submissions before the port leaves it: reports come within
# seconds, and to turn back for one costs half a minute.
REPORTS_S = 10.0

# The port does not turn back for a report that is later than this.
_REPORTS_HOPED_FOR = 3600 * SECOND


class SlotSwitching:
    """The policy for switching to another slot. Its methods with a connection run within a transaction."""

    def __init__(self, settings: DispatchSettings, clock: Clock, port_registry: PortRegistry) -> None:
        self._settings = settings
        self._clock = clock
        self._port_registry = port_registry

    def stay_s(self, turn: Turn) -> float:
        """How long the active slot may still stay while another slot has work; 0 or less: not any longer."""
        return turn.active_since + self._settings.slot_dwell_s - self._clock.monotonic()

    def when_blocked(
        self, turn: Turn, waiting: Mapping[int, int], wanted: int | None, left_s: float
    ) -> Switch | Rest | None:
        """The step of a port whose active SIM cannot claim a part now; None where it can."""
        if not turn.status.active.registration.carries_sms:
            # A SIM may take half a minute to find its network after the port switched to it for its work.
            if wanted is None or waiting.get(turn.sim_id):
                return Rest(None if wanted is None else left_s)
            return Switch(wanted)
        rest_s = self._port_registry.rests(self._clock.monotonic()).get(turn.sim_id)
        if rest_s is None:
            return None
        return Rest(rest_s) if wanted is None else Switch(wanted)

    def reports_s(self, db: Transaction, turn: Turn, at: Moment) -> float:
        """How long to wait for the reports on the last submissions of this slot; 0 where none is awaited."""
        left_s = turn.last_submission + REPORTS_S - self._clock.monotonic()
        since = at.now - int(REPORTS_S * SECOND)
        return left_s if left_s > 0 and parts.awaits_report(db, turn.sim_id, since, at.now) else 0.0

    def visit(self, db: Transaction, turn: Turn, at: Moment) -> Switch | Rest:
        """The step of a port without work: it visits each slot regularly to fetch reports and texts."""
        now = self._clock.monotonic()
        due: dict[int, float] = {}
        for slot, left_at in turn.left_at.items():
            sim_id = turn.slot_sims[slot]
            hoped_for = parts.awaits_report(db, sim_id, at.now - _REPORTS_HOPED_FOR, at.now)
            hoped_for = hoped_for or loop_tests.expected(db, sim_id)
            due[slot] = left_at + (self._settings.slot_dwell_s if hoped_for else self._settings.slot_visit_s)
        if not due:
            return Rest()
        first = min(due, key=lambda slot: due[slot])
        wait_s = max(due[first] - now, self.reports_s(db, turn, at))
        return Rest(wait_s) if wait_s > 0 else Switch(first)


def busiest_other_slot(turn: Turn, waiting: Mapping[int, int]) -> int | None:
    """The other slot with the longest queue; None where the others have no work. `waiting`: parts by SIM id."""
    others = {
        slot: waiting.get(sim_id, 0) for slot, sim_id in turn.slot_sims.items() if sim_id != turn.sim_id
    }
    busiest = max(others, key=lambda slot: others[slot], default=None)
    return busiest if busiest is not None and others[busiest] else None


def at_most(step: Switch | Rest, seconds: float | None) -> Switch | Rest:
    """The step, where a rest is no longer than this. None: without limit."""
    if seconds is None or isinstance(step, Switch) or (step.seconds is not None and step.seconds <= seconds):
        return step
    return Rest(seconds)
