"""Reads the balance of SIMs by USSD regularly, with the codes and patterns of the configuration."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from functools import partial

from config.settings import BalanceSettings
from gatewayd.accounts import sending_windows
from gatewayd.sims.port_control import PortControl
from gatewayd.sims.port_registry import PortRegistry
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.store import Store
from gatewayd.store.tables import sims
from gatewayd.store.tables.sims import Sim
from gatewayd.timekeeping.clock import SECOND, Calendar, Clock
from gatewayd.timekeeping.timers import Timers
from modem.driver.ussd import UssdAnswer, UssdError

log = logging.getLogger(__name__)

# The time between two looks for balances that are due: half of the shortest stay on a slot.
_LOOK_S = 30.0

# The time until a retry when the network did not answer; shorter where balances are read more often.
_AGAIN_S = 3600.0

# A number in a text: with or without spaces between thousands, and with points and commas.
_NUMBER = re.compile(r"(?:[0-9]{1,3}(?: [0-9]{3})+|[0-9]+)(?:[.,][0-9]+)*(?![0-9])")
_THOUSANDS = re.compile(r"[1-9][0-9]{0,2}([.,])[0-9]{3}(?:\1[0-9]{3})*")


def amount_in(text: str, pattern: re.Pattern[str]) -> float | None:
    """The amount in the first group of `pattern` in an answer; None: no amount."""
    # French texts separate thousands by narrow and other no-break spaces; a line break ends a number.
    found = pattern.search(re.sub(r"[^\S\n]", " ", text))
    return None if found is None or found[1] is None else amount(found[1])


def amount(text: str) -> float | None:
    """An amount in French or English notation: `1 234`, `1.234,50`, `1,234.50`, `12,5`; None: no amount.

    A single point or comma before three digits separates thousands: `1.234` and `1,234` are the same. Of several numbers
    the last counts, because the currency follows it.
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
        self._asking: set[int] = set()
        self._warned_of: set[int] = set()  # SIMs for which a missing amount was logged

    def start(self, ports: Mapping[int, PortControl]) -> None:
        """Start, where the configuration has an operator."""
        if self._settings:
            self._timers.after(min(self._look_s, 1.0), partial(self._look, ports))

    def _look(self, ports: Mapping[int, PortControl]) -> None:
        try:
            for sim, settings in self._due():
                self._ask(ports[sim.port], sim, settings)
        except StoreUnavailableError as error:
            log.debug("no balance is read: %s", error)
        finally:
            self._timers.after(self._look_s, partial(self._look, ports))

    def _due(self) -> list[tuple[Sim, BalanceSettings]]:
        """The SIMs that are ready and idle, and whose balance is too old."""
        now, places = self._clock.now(), self._port_registry.sims()
        at = self._clock.moment(self._calendar)
        waiting = self._store.write(lambda db: sending_windows.waiting_now(db, at, self._calendar))
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

    def _ask(self, port: PortControl, sim: Sim, settings: BalanceSettings) -> None:
        self._asking.add(sim.id)
        future = port.ussd(settings.code, (), sim.slot)
        # The callback runs on the port's thread, which must not wait for the disk.
        future.add_done_callback(lambda done: self._timers.after(0, self._taker(sim, settings, done)))

    def _taker(self, sim: Sim, settings: BalanceSettings, done: Future[UssdAnswer]) -> Callable[[], None]:
        return partial(self._take, sim.id, sim.iccid, settings, done)

    def _take(self, sim_id: int, iccid: str, settings: BalanceSettings, done: Future[UssdAnswer]) -> None:
        """Keep the balance in an answer. The timers run it again where the store cannot keep it."""
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
            if sim_id not in self._warned_of:
                self._warned_of.add(sim_id)
                log.warning(
                    "SIM %d keeps its last balance: the pattern of [[balance]] %s finds no amount in the answer;"
                    " `gatewayd ussd %d CODE` shows the answer",
                    sim_id,
                    settings.operator,
                    answer.port,
                )
            self._rest(sim_id, settings.every_s)
            return
        now = self._clock.now()
        self._store.write(lambda db: sims.set_balance(db, sim_id, found, now))
        self._warned_of.discard(sim_id)
        self._rest(sim_id, 0)

    def _rest(self, sim_id: int, seconds: float) -> None:
        self._asking.discard(sim_id)
        self._not_before[sim_id] = self._clock.monotonic() + seconds
