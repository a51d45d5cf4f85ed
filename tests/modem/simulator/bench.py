"""A simulated modem without terminal and thread, on a clock that the test sets."""

from __future__ import annotations

import random
from typing import Any, Protocol

from modem.simulator.core.config import BankConfig
from modem.simulator.core.faults import Faults
from modem.simulator.core.modem import Modem
from modem.simulator.core.network import Network
from modem.simulator.core.sim import OPERATORS, Sim, card, imei
from modem.simulator.core.timers import Timers
from modem.simulator.core.witness import Witness
from modem.simulator.personality import PERSONALITIES

WALL = 1_795_000_000.0  # 2026-11-18: what the network's clock shows at the beginning


class Bench:
    """Modems side by side on one network. `say` writes to a modem and returns what it answered."""

    def __init__(self, config: BankConfig, modems: int, slots: int) -> None:
        self.time = 0.0
        self.config = config
        self.timers = Timers(lambda: self.time)
        self.witness = Witness(1000, None, self.wall)
        chance = random.Random(1)  # noqa: S311 - repeatable
        self.network = Network(config, self.timers, chance, self.witness, self.wall)
        self.said: list[bytearray] = []
        self.modems = [self._modem(number, slots) for number in range(1, modems + 1)]

    def wall(self) -> float:
        return WALL + self.time

    def _modem(self, number: int, slots: int) -> Modem:
        cards = [self._card((number - 1) * slots + slot) for slot in range(slots)]
        said = bytearray()
        self.said.append(said)
        personality = PERSONALITIES[self.config.personality]
        modem = Modem(
            traits=personality.traits,
            commands=personality.commands(),
            cards=cards,
            network=self.network,
            timers=self.timers,
            faults=Faults(random.Random(number)),  # noqa: S311
            imei=imei(number),
            write=said.extend,
            boot_s=self.config.boot_s,
            registration_s=self.config.registration_s,
        )
        modem.power_on(warm=True)
        return modem

    def _card(self, index: int) -> Sim:
        sim = card(index // 2 + 1, OPERATORS[index % 2], self.config.storage, self.config.pin)
        self.network.add(sim)
        return sim

    def sim(self, modem: int = 1) -> Sim:
        sim = self.modems[modem - 1].card
        assert sim is not None
        return sim

    def pass_time(self, seconds: float) -> None:
        """Advance the simulated time; timers run at their moments."""
        end = self.time + seconds
        while (wait := self.timers.wait_s()) is not None and self.time + wait <= end:
            self.time += wait
            self.timers.run_due()
        self.time = end

    def hear(self, modem: int = 1) -> bytes:
        """The modem's output since the last call."""
        said = bytes(self.said[modem - 1])
        self.said[modem - 1].clear()
        return said

    def write(self, octets: bytes, modem: int = 1) -> bytes:
        self.modems[modem - 1].feed(octets)
        self.timers.run_due()
        return self.hear(modem)

    def say(self, command: str, modem: int = 1) -> str:
        """Send a command. Returns its answer without empty lines."""
        answer = self.write(command.encode("latin-1") + b"\r", modem).decode("latin-1")
        return "|".join([line for line in answer.split("\r\n") if line])

    def submit(self, pdu: str, modem: int = 1, length: int | None = None, seconds: float = 10.0) -> str:
        """Submit a PDU (with its service centre's address). Returns the output within the time, without the echo."""
        octets = len(pdu) // 2 - 1 - int(pdu[:2], 16) if length is None else length
        asked = self.say(f"AT+CMGS={octets}", modem)
        if not asked.endswith("> "):
            return asked
        self.modems[modem - 1].feed(pdu.encode() + b"\x1a")
        self.pass_time(seconds)
        answer = self.hear(modem).decode("latin-1")
        return "|".join([line for line in answer.split("\r\n") if line])


class MakeBench(Protocol):
    """Makes benches; other keywords are those of `BankConfig`. `quiet`: echo is off, errors are numbers."""

    def __call__(self, *, modems: int = 2, slots: int = 1, quiet: bool = True, **choices: Any) -> Bench: ...
