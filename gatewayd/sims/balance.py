"""What SIMs have left: asked of the network now and then, by codes and patterns of the configuration."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from functools import partial

from config.settings import BalanceSettings
from gatewayd.sims.port_registry import PortRegistry
from gatewayd.sims.ussd import UssdPort
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.store import Store
from gatewayd.store.tables import queue_counts, sims
from gatewayd.store.tables.sims import Sim
from gatewayd.timekeeping.clock import SECOND, Clock
from gatewayd.timekeeping.timers import Timers
from modem.driver.ussd import UssdAnswer, UssdError

log = logging.getLogger(__name__)

# How often is looked whether a balance is due whose SIM has nothing to send: twice in the shortest stay on a slot.
_LOOK_S = 30.0

# When the network did not answer, it is asked again after this, or earlier where balances are read more often.
_AGAIN_S = 3600.0

# A number in a text: with spaces between thousands or without, and what follows a point or a comma.
_NUMBER = re.compile(r"(?:[0-9]{1,3}(?: [0-9]{3})+|[0-9]+)(?:[.,][0-9]+)*(?![0-9])")
_THOUSANDS = re.compile(r"[1-9][0-9]{0,2}([.,])[0-9]{3}(?:\1[0-9]{3})*")


def amount_in(text: str, pattern: re.Pattern[str]) -> float | None:
    """The amount that `pattern` finds in an answer, in its first group; None where there is none."""
    # Narrow and other no-break spaces part thousands in French; a line break parts one thing from another.
    found = pattern.search(re.sub(r"[^\S\n]", " ", text))
    return None if found is None or found[1] is None else amount(found[1])


def amount(text: str) -> float | None:
    """An amount as it is written in French or English: `1 234`, `1.234,50`, `1,234.50`, `12,5`; None where it is none.

    A single point or comma before three digits parts thousands: `1.234` and `1,234` are the same. Of several numbers
    the last counts, as the currency is behind it.
    """
    numbers = _NUMBER.findall(text)
    if not numbers:
        return None
    digits = numbers[-1].replace(" ", "")
    if _THOUSANDS.fullmatch(digits):
        return float(re.sub("[.,]", "", digits))
    whole, mark, fraction = digits.rpartition("," if digits.rfind(",") > digits.rfind(".") else ".")
    if not mark:
        return float(digits)
    if re.search("[.,]", whole) and not _THOUSANDS.fullmatch(whole):
        return None
    return float(re.sub("[.,]", "", whole) + "." + fraction)


class Balances:
    """Reads balances of SIMs that have nothing to send, as old ones come of age. Runs on the timers' thread."""

    def __init__(
        self,
        settings: Sequence[BalanceSettings],
        store: Store,
        clock: Clock,
        port_registry: PortRegistry,
        timers: Timers,
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._port_registry = port_registry
        self._timers = timers
        self._look_s = min([_LOOK_S, *(each.every_s for each in settings)])
        self._not_before: dict[int, float] = {}  # SIM id → monotonic, where it was asked and did not tell
        self._asking: set[int] = set()
        self._told: set[int] = set()  # SIMs of which the log has said that their answer holds no amount

    def start(self, ports: Mapping[int, UssdPort]) -> None:
        """Begin, where the configuration names an operator."""
        if self._settings:
            self._timers.after(min(self._look_s, 1.0), partial(self._look, ports))

    def _look(self, ports: Mapping[int, UssdPort]) -> None:
        try:
            for sim, settings in self._due():
                self._ask(ports[sim.port], sim, settings)
        except StoreUnavailableError as error:
            log.debug("no balance is read: %s", error)
        finally:
            self._timers.after(self._look_s, partial(self._look, ports))

    def _due(self) -> list[tuple[Sim, BalanceSettings]]:
        """SIMs that are ready and idle, and whose balance is too old."""
        now, places = self._clock.now(), self._port_registry.sims()
        waiting = self._store.write(queue_counts.waiting)
        with self._store.readers.lend() as db:
            known = sims.shown(db, "")
        due: list[tuple[Sim, BalanceSettings]] = []
        for sim in known:
            settings = self._settings_of(sim.shown_operator)
            place = places.get(sim.id)
            if settings is None or place is None or sim.id in self._asking or waiting.get(sim.id):
                continue
            idle = place.registered and place.active and not place.busy and place.port == sim.port
            # A clock that was set back must not keep a balance for years.
            age_s = None if sim.balance_at is None else (now - sim.balance_at) / SECOND
            fresh = age_s is not None and 0 <= age_s < settings.every_s
            if idle and not fresh and self._clock.monotonic() >= self._not_before.get(sim.id, 0.0):
                due.append((sim, settings))
        return due

    def _settings_of(self, operator: str) -> BalanceSettings | None:
        name = operator.casefold()
        return next((each for each in self._settings if each.operator.casefold() in name), None)

    def _ask(self, port: UssdPort, sim: Sim, settings: BalanceSettings) -> None:
        self._asking.add(sim.id)
        future = port.ussd(settings.code, (), sim.slot)
        # The port's thread has no time for the disk.
        future.add_done_callback(lambda done: self._timers.after(0, self._taker(sim, settings, done)))

    def _taker(self, sim: Sim, settings: BalanceSettings, done: Future[UssdAnswer]) -> Callable[[], None]:
        return partial(self._take, sim.id, sim.iccid, settings, done)

    def _take(self, sim_id: int, iccid: str, settings: BalanceSettings, done: Future[UssdAnswer]) -> None:
        """Keep what a SIM was told. Runs again where the store cannot keep it now."""
        try:
            answer = done.result(0)
        except (UssdError, CancelledError) as error:
            log.info("the balance of SIM %d could not be read: %s", sim_id, error)
            self._rest(sim_id, min(_AGAIN_S, settings.every_s))
            return
        if answer.iccid != iccid:  # the card was changed meanwhile
            self._rest(sim_id, 0)
            return
        found = amount_in(answer.text, settings.pattern)
        if found is None:
            if sim_id not in self._told:
                self._told.add(sim_id)
                log.warning(
                    "SIM %d keeps its last balance: the pattern of [[balance]] %s finds no amount in the answer;"
                    " see what that is with `gatewayd ussd %d CODE`",
                    sim_id,
                    settings.operator,
                    answer.port,
                )
            self._rest(sim_id, settings.every_s)
            return
        now = self._clock.now()
        self._store.write(lambda db: sims.set_balance(db, sim_id, found, now))
        self._told.discard(sim_id)
        self._rest(sim_id, 0)

    def _rest(self, sim_id: int, seconds: float) -> None:
        self._asking.discard(sim_id)
        self._not_before[sim_id] = self._clock.monotonic() + seconds
