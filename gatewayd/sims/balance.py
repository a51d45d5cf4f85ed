"""Reads the balances and bundles of SIMs by USSD regularly, and renews bundles where a code for that is configured."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from functools import partial

from config.settings import BalanceSettings
from gatewayd.accounts import sending_windows
from gatewayd.sims import balance_readings
from gatewayd.sims.balance_sources import Source, settings_for, source_of
from gatewayd.sims.balance_text import read
from gatewayd.sims.port_control import PortControl
from gatewayd.sims.port_registry import PortRegistry
from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.store import Store
from gatewayd.store.tables import balances, sims
from gatewayd.store.tables.sims import Sim
from gatewayd.timekeeping.clock import SECOND, Calendar, Clock
from gatewayd.timekeeping.timers import Timers
from modem.driver.ussd import UssdAnswer, UssdError

log = logging.getLogger(__name__)

# The time between two looks for balances that are due: half of the shortest stay on a slot.
_LOOK_S = 30.0

# The time until a retry when the network did not answer; shorter where balances are read more often.
_AGAIN_S = 3600.0

# The time until the balance is read after a renewal: operators book it within a minute.
_BOOKED_S = 60.0

# The kept answers to renewals have this word in place of a code, which may contain a PIN.
_RENEWAL = "renewal"


@dataclass(frozen=True, slots=True)
class _Renewal:
    """A bundle to renew: the SIM, and the code with the replies to its menus."""

    sim: Sim
    code: tuple[str, ...]


class Balances:
    """Reads old balances again, of SIMs without work. Runs on the timers' thread."""

    def __init__(
        self,
        settings: Sequence[BalanceSettings],
        store: Store,
        clock: Clock,
        port_registry: PortRegistry,
        timers: Timers,
        calendar: Calendar,
    ) -> None:
        self._settings = settings
        self._calendar = calendar
        self._store = store
        self._clock = clock
        self._port_registry = port_registry
        self._timers = timers
        self._look_s = min([_LOOK_S, *(each.every_s for each in settings)])
        self._not_before: dict[int, float] = {}  # SIM id → monotonic time before which it is not asked again
        self._stale: set[int] = set()  # SIMs whose bundle was renewed since the last reading
        self._asking: set[int] = set()

    def start(self, ports: Mapping[int, PortControl]) -> None:
        """Look regularly from now on."""
        self._timers.after(min(self._look_s, 1.0), partial(self._look, ports))

    def learned(self) -> None:
        """A code was learned: SIMs whose answers could not be read are asked at the next look. Any thread may call it."""
        self._timers.after(0.0, self._not_before.clear)

    def _look(self, ports: Mapping[int, PortControl]) -> None:
        try:
            with self._store.readers.lend() as db:
                known, learned = sims.shown(db, ""), balances.learned(db)
                ending = self._ending(db, known)
            if ending:
                self._tell_endings(ending)
            sources = {sim.id: source_of(sim, self._settings, learned) for sim in known}
            if any(sources.values()):
                for sim, source in self._due(known, sources):
                    self._ask(ports, sim, source)
        except StoreUnavailableError as error:
            log.debug("no balance is read: %s", error)
        finally:
            self._timers.after(self._look_s, partial(self._look, ports))

    def _ending(self, db: Transaction, known: list[Sim]) -> list[Sim]:
        """The SIMs whose bundles end soon, which was not told yet."""
        at = self._clock.moment(self._calendar)
        return [
            sim
            for sim in known
            if balance_readings.is_ending(sim, settings_for(sim, self._settings), at)
            and not balance_readings.ending_was_told(db, sim)
        ]

    def _tell_endings(self, ending: list[Sim]) -> None:
        at = self._clock.moment(self._calendar)

        def tell(db: Transaction) -> None:
            for sim in ending:
                balance_readings.tell_ending(db, sim, at)

        self._store.write(tell)
        for sim in ending:
            log.warning("the bundle of SIM %d ends soon", sim.id)

    def _due(self, known: list[Sim], sources: Mapping[int, Source | None]) -> list[tuple[Sim, Source]]:
        """The SIMs that are ready and idle, and whose balance is too old."""
        places = self._port_registry.sims()
        at = self._clock.moment(self._calendar)
        waiting = self._store.write(lambda db: sending_windows.waiting_now(db, at, self._calendar))
        due: list[tuple[Sim, Source]] = []
        for sim in known:
            source, place = sources[sim.id], places.get(sim.id)
            if source is None or place is None or sim.id in self._asking or waiting.get(sim.id):
                continue
            idle = place.registered and place.active and not place.busy and place.port == sim.port
            fresh = sim.id not in self._stale and self._is_fresh(sim, source.settings.every_s)
            if idle and not fresh and self._clock.monotonic() >= self._not_before.get(sim.id, 0.0):
                due.append((sim, source))
        return due

    def _is_fresh(self, sim: Sim, every_s: float) -> bool:
        now, read_at = self._clock.now(), sim.balance_read_at
        if read_at is None or (sim.bundle_end is not None and read_at < sim.bundle_end <= now):
            return False
        # A clock that was set back must not keep a balance for years.
        return 0 <= (now - read_at) / SECOND < every_s

    def _ask(self, ports: Mapping[int, PortControl], sim: Sim, source: Source) -> None:
        port = ports.get(sim.port)
        if port is None:  # it was removed at this moment
            return
        self._asking.add(sim.id)
        code, *replies = source.code
        future = port.ussd(code, replies, sim.slot)
        # The callback runs on the port's thread, which must not wait for the disk.
        future.add_done_callback(
            lambda done: self._timers.after(0, partial(self._take, ports, sim, source, done))
        )

    def _take(
        self, ports: Mapping[int, PortControl], sim: Sim, source: Source, done: Future[UssdAnswer]
    ) -> None:
        """Keep the balance in an answer. The timers run it again where the store cannot keep it."""
        settings = source.settings
        try:
            answer = done.result(0)
        except (UssdError, CancelledError) as error:
            log.info("the balance of SIM %d could not be read: %s", sim.id, error)
            self._rest(sim.id, min(_AGAIN_S, settings.every_s))
            return
        if answer.iccid != sim.iccid:  # the card was changed meanwhile
            self._rest(sim.id, 0)
            return
        reading = read(answer.text, source.pattern)
        at = self._clock.moment(self._calendar)

        def keep(db: Transaction) -> _Renewal | None:
            balances.keep_answer(db, sim.id, source.name, answer.text, at.now)
            over = balance_readings.record(db, sim.id, reading, settings, at, self._calendar)
            return self._begin_renewal(db, sim, settings) if over else None

        renewal = self._store.write(keep)
        self._stale.discard(sim.id)
        if reading is None and sim.unreadable_since is None:
            log.warning(
                "SIM %d keeps its last balance: the pattern does not fit the answer to its code;"
                " `gatewayd ussd learn %d CODE` proposes another one",
                sim.id,
                answer.port,
            )
        self._rest(sim.id, settings.every_s if reading is None else 0)
        if renewal is not None:
            self._renew(ports, renewal)

    def _begin_renewal(self, db: Transaction, sim: Sim, settings: BalanceSettings) -> _Renewal | None:
        """Note the renewal of a bundle that is over, before its code is sent, so that a crash never repeats it."""
        at = self._clock.moment(self._calendar)
        row = sims.shown_one(db, sim.id, at.today)
        code = None if row is None else row.renew_code or settings.renew_code
        if row is None or code is None or not balance_readings.may_renew(row, settings, at):
            return None
        balances.begin_renewal(db, sim.id, at.now)
        return _Renewal(row, tuple(code.split()))

    def _renew(self, ports: Mapping[int, PortControl], renewal: _Renewal) -> None:
        sim, (code, *replies) = renewal.sim, renewal.code
        port = ports.get(sim.port)
        if port is None:  # it was removed at this moment
            log.warning("the bundle of SIM %d is over and not renewed: its port was removed", sim.id)
            return
        log.warning("the bundle of SIM %d is over: its renewal is sent", sim.id)
        self._asking.add(sim.id)
        future = port.ussd(code, replies, sim.slot)
        future.add_done_callback(lambda done: self._timers.after(0, partial(self._renewed, sim, done)))

    def _renewed(self, sim: Sim, done: Future[UssdAnswer]) -> None:
        """Keep the answer to a renewal. Only the next balance tells whether it worked."""
        try:
            answer = done.result(0)
        except (UssdError, CancelledError) as error:
            log.warning("the bundle of SIM %d may not be renewed: %s", sim.id, error)
        else:
            now = self._clock.now()
            self._store.write(lambda db: balances.keep_answer(db, sim.id, _RENEWAL, answer.text, now))
            log.info("the network answered the renewal of the bundle of SIM %d", sim.id)
        self._stale.add(sim.id)
        self._rest(sim.id, _BOOKED_S)

    def _rest(self, sim_id: int, seconds: float) -> None:
        self._asking.discard(sim_id)
        self._not_before[sim_id] = self._clock.monotonic() + seconds
