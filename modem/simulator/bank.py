"""A bank of simulated modems on pseudo-terminals, and the thread that runs it."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from modem.recording import document
from modem.simulator import recorded
from modem.simulator.control import Control
from modem.simulator.core.config import BankConfig
from modem.simulator.core.faults import Fault, Faults, Rule
from modem.simulator.core.modem import Modem
from modem.simulator.core.network import Network
from modem.simulator.core.radio import Cure
from modem.simulator.core.sim import OPERATORS, Sim, card, imei
from modem.simulator.core.timers import Timers
from modem.simulator.core.witness import Accepted, Text, Witness
from modem.simulator.personality import PERSONALITIES, Personality
from modem.simulator.port import Port, remove_stale
from modem.simulator.reactor import Reactor

__all__ = ["Accepted", "Bank", "BankConfig", "Fault", "Rule", "Text"]

T = TypeVar("T")

FIRST_SPARE = 900_000  # the number after which cards are counted that are put in while it runs
LOOK_AGAIN_S = 0.002  # how often `wait_for` asks: short beside any wait that a test has


class Bank:
    """Simulated modems on real pseudo-terminals: `with Bank(config) as bank: open(bank.device(1))`.

    One thread runs all of it. What is said of modems, cards and network while it runs is said through
    these methods, or through `call`, from any thread.
    """

    def __init__(self, config: BankConfig) -> None:
        self.config = config
        self.timers = Timers(time.monotonic, config.time_scale)
        self.witness = Witness(config.kept, config.log, time.time)
        self.network = Network(
            config,
            self.timers,
            random.Random(config.seed),  # noqa: S311 - repeatable chance is what is wanted
            self.witness,
            time.time,
        )
        self._reactor = Reactor(self.timers)
        self._thread: threading.Thread | None = None
        self._sim_slots = _sim_slots(config)
        self._recordings: dict[Path, Personality] = {}  # each file is read once
        self._exchanged = 0  # cards that were put in while it ran
        self._ports = {number: self._port(number, cards) for number, cards in self._sim_slots.items()}
        for rule in config.faults:
            self.chance(rule)
        self._control = Control(self, config.directory / "control", self._reactor)

    def _port(self, number: int, cards: list[Sim]) -> Port:
        config = self.config
        port = Port(number, config.directory / f"port{number}", self._reactor, self.timers, config.baud)
        personality = self._personality(number)
        for sim in cards:
            self.network.add(sim)
        port.put(
            Modem(
                traits=personality.traits,
                commands=personality.commands(),
                cards=cards,
                network=self.network,
                timers=self.timers,
                faults=Faults(random.Random(f"{config.seed}/{number}")),  # noqa: S311
                imei=imei(number),
                write=port.write,
                boot_s=config.boot_s,
                registration_s=config.registration_s,
                playback=personality.playback,
            )
        )
        return port

    def _personality(self, number: int) -> Personality:
        """The make of a port's modem. Raises RecordingError."""
        path = self.config.recording_of.get(number)
        if path is None:
            return PERSONALITIES[self.config.personality_of.get(number, self.config.personality)]
        if path not in self._recordings:
            self._recordings[path] = recorded.personality(document.read(path))
        return self._recordings[path]

    def start(self) -> None:
        """Open the terminals, make the links, and answer from now on. Raises `OSError`."""
        config = self.config
        config.directory.mkdir(parents=True, exist_ok=True)
        for number in self._ports:
            remove_stale(self.device(number))
        self.witness.open()
        self._reactor.open()
        self._control.open()
        for port in self._ports.values():
            port.plug(warm=True)
        self._thread = threading.Thread(target=self._reactor.run, name="simulated-bank", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the thread and remove the links. Safe to call twice. Raises `TimeoutError` past the time."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._reactor.stop()
        thread.join(timeout_s)
        if thread.is_alive():
            raise TimeoutError(f"the simulated bank did not stop within {timeout_s} s")
        for port in self._ports.values():
            port.unplug()
        self._control.close()
        self._reactor.close()
        self.witness.close()

    @property
    def running(self) -> bool:
        """Whether its thread is alive: between `start` and `stop`, unless an error of its own ended it."""
        return self._thread is not None and self._thread.is_alive()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # --- contents ---------------------------------------------------------------------------------

    @property
    def ports(self) -> tuple[int, ...]:
        """The numbers of the ports."""
        return tuple(self._ports)

    def device(self, port: int) -> Path:
        """The link to a port's terminal (it stays the same when the terminal changes)."""
        return self.config.directory / f"port{port}"

    @property
    def control(self) -> Path:
        """The Unix socket that takes orders as lines of JSON: see `modem.simulator.control`."""
        return self.config.directory / "control"

    def slots(self, port: int) -> tuple[Sim, ...]:
        """The cards of a port at the start. Change them only within `call`."""
        return tuple(self._sim_slots[port])

    def number(self, port: int, slot: int = 1) -> str:
        """The MSISDN of the card in a slot, E.164."""
        return self._sim_slots[port][slot - 1].number

    def iccid(self, port: int, slot: int = 1) -> str:
        """The ICCID of the card in a slot."""
        return self._sim_slots[port][slot - 1].iccid

    def modem(self, port: int) -> Modem:
        """The modem at a port: only for functions given to `call`. Raises `KeyError`."""
        return self._ports[port].modem

    # --- events -----------------------------------------------------------------------------------

    def accepted(self) -> tuple[Accepted, ...]:
        """A snapshot of accepted submissions, oldest first."""
        return self.call(self.witness.accepted)

    def texts(self) -> tuple[Text, ...]:
        """Texts whose parts are all there, in the order of completion."""
        return self.call(self.witness.texts)

    def moments(self, most: int = 1000) -> list[tuple[str, float, str]]:
        """The moments at which modems were asked to submit and answered, each returned once: see `Witness.moment`."""
        return self.call(lambda: self.witness.take_moments(most))

    def wait_for(self, condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
        """Return once `condition`, evaluated on the bank's thread, holds. Raises `TimeoutError`."""
        deadline = time.monotonic() + timeout_s
        pause = threading.Event()
        while not self.call(condition):
            if time.monotonic() > deadline:
                raise TimeoutError("the simulated bank did not come to what was waited for")
            pause.wait(LOOK_AGAIN_S)

    # --- orders -----------------------------------------------------------------------------------

    def incoming(self, port: int, sender: str, text: str, slot: int = 1) -> None:
        """A text from outside for a card: it arrives in as many parts as it takes."""
        sim = self._sim_slots[port][slot - 1]
        self.call(lambda: self.network.incoming(sim, sender, text))

    def incoming_pdu(self, port: int, tpdu_hex: str, slot: int = 1) -> None:
        """An SMS-DELIVER or SMS-STATUS-REPORT, without service centre address, as it is."""
        sim = self._sim_slots[port][slot - 1]
        octets = bytes.fromhex(tpdu_hex)
        self.call(lambda: self.network.incoming_tpdu(sim, octets))

    def set_registration(self, port: int, stat: int) -> None:
        """The network's answer to this port: 27.007 7.2 `<stat>` (1 home, 0 lost, 3 denied, 5 roaming)."""
        self.call(lambda: self.modem(port).radio.cover(stat))

    def stop_searching(self, port: int, cure: Cure) -> None:
        """Let a modem lose its network and not search again until `cure` or a harsher action."""
        self.call(lambda: self.modem(port).radio.stop_searching(cure))

    def exchange_card(self, port: int) -> str:
        """Put a new card into the active slot of a modem, without a URC. Returns its ICCID."""

        def exchange() -> str:
            self._exchanged += 1
            fresh = card(FIRST_SPARE + self._exchanged, OPERATORS[0], self.config.storage, None)
            self.network.add(fresh)
            self.modem(port).exchange_card(fresh)
            return fresh.iccid

        return self.call(exchange)

    def fault(self, port: int, fault: Fault, times: int = 1, *, code: int | None = None) -> None:
        """Let a modem misbehave at its next occasions; `code` is the +CMS ERROR of `Fault.REFUSED`."""

        def arm() -> None:
            faults = self.modem(port).faults
            faults.arm(fault, times)
            if code is not None:
                faults.code = code

        self.call(arm)

    def answer_ussd(self, code: str, answer: str) -> None:
        """Have the network answer a service code, or a reply to a menu, with this text from now on."""
        self.call(lambda: self.network.ussd_answers.update({code: answer}))

    def ussd_asked(self) -> list[str]:
        """The service codes and replies that the network got, oldest first."""
        return self.call(lambda: list(self.network.ussd_asked))

    def chance(self, rule: Rule) -> None:
        """Let modems misbehave by chance from now on; the seed repeats it. Raises `KeyError` for no such port."""
        ports = self.ports if rule.port is None else (rule.port,)

        def apply() -> None:
            for port in ports:
                self.modem(port).faults.apply(rule)

        self.call(apply)

    def calm(self) -> None:
        """Switch all faults off. A fault that has begun still ends in its own time."""

        def calm() -> None:
            for port in self.ports:
                self.modem(port).faults.calm()

        self.call(calm)

    def happened(self) -> dict[str, int]:
        """How often each fault has happened, on all ports together."""

        def count() -> dict[str, int]:
            total: Counter[Fault] = Counter()
            for port in self.ports:
                total.update(self.modem(port).faults.happened)
            return {fault.value: total[fault] for fault in Fault if total[fault]}

        return self.call(count)

    def hold(self, port: int, command: str, *, answer: bool = False) -> None:
        """Let a modem hold the next such command until `release`: the whole command, or only its answer."""
        self.call(lambda: self.modem(port).hold(command, answer=answer))

    def release(self, port: int, *, forget: bool = False) -> None:
        """Continue the held command of a modem, or drop it."""
        self.call(lambda: self.modem(port).release(forget=forget))

    def is_holding(self, port: int) -> bool:
        """Whether a modem holds a command now."""
        return self.call(lambda: self.modem(port).is_holding)

    def stored(self, port: int) -> list[int]:
        """The <stat> of all messages in the memories of a modem and its active card."""

        def look() -> list[int]:
            modem = self.modem(port)
            storage = [*modem.own_memories.values(), *([modem.card.storage] if modem.card else [])]
            return [int(message.status) for memory in storage for _, message in memory.items()]

        return self.call(look)

    def unplug(self, port: int) -> None:
        """Take the modem away: its terminal hangs up and its link goes."""
        self.call(self._ports[port].unplug)

    def replug(self, port: int) -> None:
        """Put it back, on another terminal, under the same link; it boots."""
        self.call(self._ports[port].replug)

    def call(self, function: Callable[[], T], timeout_s: float = 5.0) -> T:
        """Run a function on the bank's thread and return what it returns (or raise what it raises).

        Raises `TimeoutError` if the thread does not come to it in time. Without a running thread it runs here.
        """
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return function()
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(function())
            except BaseException as error:  # noqa: BLE001 - it is the caller's, and raised there
                future.set_exception(error)

        self._reactor.post(run)
        return future.result(timeout_s)


def _sim_slots(config: BankConfig) -> Mapping[int, list[Sim]]:
    """Cards for all slots, the operators in turn, each operator's numbers counted from `first_card`."""
    cards: dict[int, list[Sim]] = {}
    count = 0
    for number in range(1, config.ports + 1):
        cards[number] = []
        for _ in range(config.slots_of.get(number, config.slots)):
            operator = OPERATORS[count % len(OPERATORS)]
            sim = card(config.first_card + count // len(OPERATORS), operator, config.storage, config.pin)
            if config.pin is not None and not config.locked_at_start:
                sim.verify(config.pin)
            cards[number].append(sim)
            count += 1
    return cards
