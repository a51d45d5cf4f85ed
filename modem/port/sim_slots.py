"""The SIMs of a port: which slot is active, what its card is, and whether it works."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic
from typing import Final, TypeVar

from config.settings import PortSettings
from modem.driver.card_identity import Card
from modem.driver.modem import Modem
from modem.driver.registration import Registration
from modem.driver.sim import SimState
from modem.port.interface import WorkUnavailableError
from modem.port.mailbox import Mailbox
from modem.port.status import PortState

T = TypeVar("T")

log = logging.getLogger(__name__)

MIN_PIN_ATTEMPTS: Final = 2  # with one left, a wrong PIN locks the card
_TRIES: Final = 3  # to read a number of the card: an answer may be lost on the line
_LOOK_S: Final = 0.2  # between two looks whether the SIM is registered


class SimSlots:
    """Looks at SIMs, unlocks them and switches between them, on one connection."""

    def __init__(self, settings: PortSettings, mailbox: Mailbox, modem: Modem, register_s: float) -> None:
        self._settings = settings
        self._mailbox = mailbox
        self._modem = modem
        self._register_s = register_s
        self._slot_way: tuple[str, ...] | None = None  # what changed the slot before
        self._turned_at: float | None = None  # a slot was turned to, and its SIM is not registered yet

    def look(self) -> None:
        """Look at the SIM of every slot, and end in one that works.

        Each is given a while to find its network, so that it is known from the start which of them can send.
        A modem that restarted may have gone back to another slot: where all cards are known, the card tells which.
        """
        if self._settings.slots == 1:
            self.look_at(1)
            return
        slots = self._mailbox.status.slots
        known = {slot.iccid: slot.slot for slot in slots if slot.iccid}
        if len(known) == len(slots):
            card = Card(self._modem.sim.iccid(), self._modem.sim.imsi())
            if active := known.get(self._mailbox.identities.find(card)):
                self._mailbox.publish(active_slot=active)
                if self.look_at(active):
                    return
        for slot in range(1, self._settings.slots + 1):
            if self.enter(slot):
                self.await_network(slot)
        working = [each.slot for each in self._mailbox.status.slots if each.sim is SimState.READY]
        if working and self._mailbox.status.active_slot not in working:
            self.enter(working[0])

    def active_name(self) -> str:
        """The name of the card that the modem uses now, before it was looked at; "" where it tells neither number."""
        return self._mailbox.identities.find(Card(self._modem.sim.iccid(), self._modem.sim.imsi()))

    def enter(self, slot: int) -> bool:
        """Make a slot the active one and look at its SIM. Whether it is there and works."""
        mailbox = self._mailbox
        before = mailbox.status.active
        known = any(each.sim is not SimState.UNKNOWN for each in mailbox.status.slots)
        mailbox.publish(state=PortState.STARTING, detail=f"Slot {slot} is being made the active one.")
        began = monotonic()
        left = self._mailbox.identities.last(before.slot) if known and before.slot != slot else Card()
        if not self._turn_to(slot, left):
            mailbox.publish_slot(slot, sim=SimState.FAILURE)
            return False
        # What it was registered as is the best that is known of a SIM until its turn comes again.
        mailbox.publish(active_slot=slot, slots=mailbox.slots_with(before.slot, signal_dbm=None))
        self._turned_at = began
        works = self.look_at(slot)
        log.info("port %d: slot %d was made active in %.1f s", self._settings.port, slot, monotonic() - began)
        return works

    def _turn_to(self, slot: int, left: Card) -> bool:
        """Change the slot, until another SIM than the one that was `left` answers. Whether one does, or none."""
        port, understood = self._settings.port, False
        ways = self._modem.slot_ways
        for way in (self._slot_way, *ways) if self._slot_way in ways else ways:
            if way is None or not self._modem.switch(slot, way):
                continue
            if left == Card() or self._modem.sim.await_other(left):
                self._slot_way = way
                return True
            understood = True
        if understood:
            log.error("port %d: after the switch to slot %d the SIM is still the same", port, slot)
        else:
            log.error("port %d: the modem has no command to switch slots: set slot_command", port)
        return False

    def look_at(self, slot: int) -> bool:
        """Identify the SIM in the active slot and make it ready for texts. Whether it works."""
        modem = self._modem
        sim = modem.sim.state()
        iccid = self._iccid() if sim is not SimState.ABSENT else ""
        if sim is SimState.PIN_REQUIRED:
            sim = self._unlock(iccid)
            iccid = iccid or modem.sim.iccid()  # some modems read nothing from a card that is locked
        if sim is not SimState.READY:
            self._mailbox.publish_slot(
                slot,
                sim=sim,
                iccid=iccid,
                imsi="",
                number="",
                operator="",
                registration=Registration.UNKNOWN,
                signal_dbm=None,
                has_smsc=None,
            )
            return False
        imsi = self._imsi()
        name = self._mailbox.identities.name(slot, Card(iccid, imsi))
        if name is None:
            # Under another name its messages would wait for a SIM that never comes back.
            self._mailbox.publish_slot(
                slot, sim=SimState.UNKNOWN, iccid="", registration=Registration.UNKNOWN
            )
            return False
        imsi = imsi or self._mailbox.identities.last(slot).imsi
        modem.prepare()
        registration = modem.network.registration()
        self._mailbox.publish_slot(
            slot,
            sim=sim,
            iccid=name,
            imsi=imsi,
            number=modem.sim.own_number(),
            registration=registration,
            has_smsc=modem.has_smsc,
        )
        self.see_registration(registration)
        return True

    def _iccid(self) -> str:
        """The ICCID of the card. Asked for again where none came: another name for a SIM would hide its messages."""
        return next(filter(None, (self._modem.sim.iccid() for _ in range(_TRIES))), "")

    def _imsi(self) -> str:
        """The IMSI of the card, asked for as its ICCID."""
        return next(filter(None, (self._modem.sim.imsi() for _ in range(_TRIES))), "")

    def _read(self) -> Card:
        """Both numbers of the card; its ICCID only where the modem is known to tell one."""
        sim = self._modem.sim
        return Card(sim.iccid() if sim.tells_iccid else "", sim.imsi())

    def await_network(self, slot: int) -> None:
        """Give the active SIM a while to find its network."""
        deadline = monotonic() + self._register_s
        while not (state := self._modem.network.registration()).carries_sms and monotonic() < deadline:
            self._modem.channel.pause(_LOOK_S)
        operator = self._modem.network.operator() if state.carries_sms else ""
        self._mailbox.publish_slot(slot, registration=state, operator=operator)
        self.see_registration(state)

    def see_registration(self, state: Registration) -> None:
        """Once the SIM of the slot that was turned to is registered, the change is over: count what it cost."""
        if self._turned_at is None or not state.carries_sms:
            return
        cost_s, self._turned_at = monotonic() - self._turned_at, None
        before = self._mailbox.status
        switches = before.switches + 1
        switch_s = before.switch_s + (cost_s - before.switch_s) / switches
        self._mailbox.publish(switches=switches, switch_s=round(switch_s, 3))

    def changed(self) -> bool:
        """Whether the SIM in the active slot is not known to be the one that was looked at.

        A card that was exchanged while the modem kept its power may tell less than the one before, or nothing.
        """
        if self._modem.sim.state() is not SimState.READY:
            return True
        slot = self._mailbox.status.active_slot
        return all(self._mailbox.identities.is_another(slot, self._read()) for _ in range(_TRIES))

    def _unlock(self, iccid: str) -> SimState:
        """Try the configured PIN: at most once for this SIM, and never where a failure leaves no other attempt."""
        if self._settings.pin is None:
            return SimState.PIN_REQUIRED
        pin = self._settings.pin.get_secret_value()
        port = self._settings.port
        left = self._modem.sim.pin_attempts()
        if left is not None and left < MIN_PIN_ATTEMPTS:
            log.error("port %d: the PIN is not tried: %d attempts are left", port, left)
            return SimState.PIN_REFUSED
        if not self._insist(lambda: self._mailbox.work.try_pin(iccid, port, pin, left)):
            return SimState.PIN_REFUSED
        accepted = self._modem.sim.enter_pin(pin)
        self._insist(lambda: self._mailbox.work.pin_tried(iccid, port, pin, accepted=accepted))
        if accepted:
            self._modem.begin()  # some modems refuse all but the PIN while they are locked
            return SimState.READY
        log.error("port %d: the SIM refused the configured PIN; it is not tried again", port)
        return (
            SimState.PUK_REQUIRED
            if self._modem.sim.state() is SimState.PUK_REQUIRED
            else SimState.PIN_REFUSED
        )

    def _insist(self, call: Callable[[], T]) -> T:
        """Ask the house until it answers: no PIN is tried, and no refusal forgotten, without it."""
        while True:
            try:
                return call()
            except WorkUnavailableError as error:
                self._modem.channel.pause(self._mailbox.unavailable(error))
