"""Keeps a port's view of its network fresh: registration, signal, operator and network time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

from modem.port import status_text
from modem.port.conditions import Condition
from modem.port.connection import Connection
from modem.port.modem_settings import STEPS, ModemSettings
from modem.port.sim_check import SimCheck
from modem.port.sim_slots import SimSlots
from modem.port.status import SlotStatus

# Multiples of it, modulo 1, spread evenly however many there are (the golden ratio).
_SPREAD: Final = 0.618034

_REFRESHED: Final = ("registration", "signal", "operator", "time", "sim", *STEPS)


class Health:
    """Refreshes what one connection knows, one step at a time, so that sending waits for one command at most."""

    def __init__(
        self,
        connection: Connection,
        sim_slots: SimSlots,
        sim_check: SimCheck,
        modem_settings: ModemSettings,
        on_network: Callable[[], None],
    ) -> None:
        """`on_network`: called when the active SIM found its network."""
        self._connection = connection
        self._sim_slots = sim_slots
        self._sim_check = sim_check
        self._modem_settings = modem_settings
        self._on_network = on_network
        self._steps: deque[str] = deque()
        self._refresh_at = 0.0
        self._registration_wanted = False
        self._registration_seen_at = 0.0  # finite, because it goes into a deadline

    @property
    def has_steps(self) -> bool:
        """Whether steps of a refresh are left to be done."""
        return bool(self._steps)

    @property
    def due_at(self) -> float:
        """When the next refresh or look is due, in monotonic seconds."""
        due = self._refresh_at
        if self._registration_wanted:
            due = min(due, self._next_registration_look_at)
        return min(due, self._sim_check.due_at)

    @property
    def _next_registration_look_at(self) -> float:
        return self._registration_seen_at + self._connection.timing.registration_look_s

    def begin(self) -> None:
        """The port came up: read signal, operator and time now, the rest later."""
        timing = self._connection.timing
        registered = self._connection.reporter.status.active.registration.carries_sms
        self._refresh_at = monotonic() + (self._first_refresh_s() if registered else timing.search_s)
        self._steps.extend(("signal", "operator", "time"))
        self._sim_check.clear()

    def _first_refresh_s(self) -> float:
        """Return half of the usual interval to all of it, by the port's number.

        So ports that came up together do not refresh together again and again and delay each other.
        """
        return self._connection.timing.refresh_s * (1 - self._connection.port * _SPREAD % 1 / 2)

    def want_registration(self) -> None:
        """Ask for a look at the registration: the modem or a refusal spoke of it."""
        self._registration_wanted = True

    def refresh(self) -> bool:
        """Do one step of what is due. Return whether the SIM changed: the port must come up again then."""
        now = monotonic()
        if now >= self._refresh_at:
            timing = self._connection.timing
            searching = not self._connection.reporter.status.active.registration.carries_sms
            self._refresh_at = now + (timing.search_s if searching else timing.refresh_s)
            steps = ("registration",) if searching else _REFRESHED
            self._steps.extend(step for step in steps if step not in self._steps)
        return bool(self._steps) and self._do(self._steps.popleft())

    def _do(self, step: str) -> bool:
        """Do one step. Return whether the SIM changed."""
        reporter, network = self._connection.reporter, self._connection.modem.network
        slot = reporter.status.active_slot
        if step == "sim":
            return self._sim_check.check()
        if step in STEPS:
            self._modem_settings.check(step)
        elif step == "signal":
            self._publish_slot(slot, signal_dbm=network.signal_dbm())
        elif step == "operator":
            reporter.publish_slot(slot, operator=network.operator())
        elif step == "time":
            self._read_time()
        else:
            self._read_registration(slot)
        return False

    def look_at_changes(self) -> bool:
        """Look at SIM and registration where the modem spoke of them, but not too often. Return whether the SIM changed."""
        now = monotonic()
        changed = now >= self._sim_check.due_at and self._sim_check.check()
        if (
            self._registration_wanted
            and now >= self._next_registration_look_at
            and "registration" not in self._steps
        ):
            self._steps.append("registration")
        return changed

    def sentence(self) -> str:
        """Return the registration and signal of the active SIM as one sentence for the operator."""
        return self._sentence(self._connection.reporter.status.active)

    def _read_registration(self, slot: int) -> None:
        reporter = self._connection.reporter
        before = reporter.status.active.registration
        self._registration_wanted = False
        self._registration_seen_at = monotonic()
        state = self._connection.modem.network.registration()
        self._sim_slots.see_registration(state)
        self._publish_slot(slot, registration=state)
        if state.carries_sms and not before.carries_sms:
            # The SIM may have been exchanged without a URC, and the new one has found its network.
            self._sim_check.doubt()
            self._on_network()
            self._steps.extend(("signal", "operator", "time"))
        elif before.carries_sms and not state.carries_sms:
            self._refresh_at = monotonic() + self._connection.timing.search_s

    def _read_time(self) -> None:
        """Publish the network's time. While the modem is not registered, its clock may be wrong."""
        reporter = self._connection.reporter
        registered = reporter.status.active.registration.carries_sms
        told = self._connection.modem.network_time() if registered else None
        reporter.publish(network_time=None if told is None else (told, monotonic()))

    def _publish_slot(self, slot: int, **changes: Any) -> None:
        """Publish changes of the active slot together with the sentence that they make."""
        slots = self._connection.reporter.slots_with(slot, **changes)
        self._connection.reporter.publish(slots=slots, detail=self._sentence(slots[slot - 1]))

    def _sentence(self, slot: SlotStatus) -> str:
        restarted = Condition.REGISTRATION_RESTARTED in self._connection.reporter.status.conditions
        return status_text.sentence(slot, search_restarted=restarted)
