"""A SIM card: its identity, its locks, its memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from modem.simulator.core.storage import Storage
from modem.sms.check_digit import luhn

PIN_TRIES = 3  # 51.011: then the card asks for the PUK
PUK_TRIES = 10  # then it is dead


@dataclass(frozen=True, slots=True)
class Operator:
    """A network as its cards and its cell towers name it."""

    name: str
    short_name: str
    plmn: str  # MCC and MNC
    issuer: str  # the issuer digits in its ICCIDs
    prefix: str  # how its subscribers' numbers begin, E.164
    service_centre: str
    balance_code: str


ORANGE = Operator("Orange ML", "Orange", "61002", "02", "+2237", "+22370009999", "#123#")
MOOV = Operator("MALITEL", "MALITEL", "61001", "01", "+2236", "+22360009999", "*101#")
OPERATORS = (ORANGE, MOOV)


class Lock(Enum):
    """The answers to +CPIN? (27.007, 8.3)."""

    READY = "READY"
    PIN = "SIM PIN"
    PUK = "SIM PUK"
    DEAD = "SIM FAILURE"  # no tries left for the PUK: answered as +CME ERROR: 13


@dataclass(slots=True, eq=False)
class Sim:
    """A card. Its lock state lasts until power is lost; tries left and messages outlive that."""

    iccid: str
    imsi: str
    number: str  # E.164
    operator: Operator
    storage: Storage
    pin: str = "0000"
    puk: str = "12345678"
    pin_enabled: bool = False
    pin_tries: int = PIN_TRIES
    puk_tries: int = PUK_TRIES
    reference: int = 255  # the last TP-MR that was used (EF-SMSS); the first one sent is 0
    service_centre: str = ""
    balance: int = 1250  # in francs, answered to the balance code
    unlocked: bool = field(default=False)

    def power_up(self) -> None:
        """The card has power again: it asks for its PIN if it has one."""
        self.unlocked = not self.pin_enabled

    @property
    def lock(self) -> Lock:
        """The lock that keeps the card from working."""
        if self.puk_tries == 0:
            return Lock.DEAD
        if self.pin_tries == 0:
            return Lock.PUK
        return Lock.READY if self.unlocked else Lock.PIN

    def verify(self, pin: str) -> bool:
        """Try a PIN; a wrong one costs one of three tries."""
        if self.pin_tries == 0:
            return False
        if pin != self.pin:
            self.pin_tries -= 1
            if self.pin_tries == 0:
                self.unlocked = False
            return False
        self.pin_tries = PIN_TRIES
        self.unlocked = True
        return True

    def unblock(self, puk: str, new_pin: str) -> bool:
        """Try a PUK with a new PIN; a wrong one costs one of ten tries."""
        if self.puk_tries == 0:
            return False
        if puk != self.puk:
            self.puk_tries -= 1
            return False
        self.pin, self.pin_tries, self.puk_tries = new_pin, PIN_TRIES, PUK_TRIES
        self.unlocked = True
        return True

    def next_reference(self) -> int:
        """The TP-MR of the next submission: 0 to 255, then 0 again (23.040, 9.2.3.6)."""
        self.reference = (self.reference + 1) & 0xFF
        return self.reference


def card(index: int, operator: Operator, storage: int, pin: str | None) -> Sim:
    """The card number `index` (from 1) of an operator: always the same for the same number."""
    body = f"89223{operator.issuer}{index:011}"
    sim = Sim(
        iccid=body + luhn(body),
        imsi=f"{operator.plmn}{index:010}",
        number=f"{operator.prefix}{index:07}",
        operator=operator,
        storage=Storage(storage),
        service_centre=operator.service_centre,
    )
    if pin is not None:
        sim.pin, sim.pin_enabled = pin, True
    sim.power_up()
    return sim


def imei(index: int) -> str:
    """The IMEI of modem number `index`, with its check digit (23.003, 6.2)."""
    body = f"35209900{index:06}"
    return body + luhn(body)
