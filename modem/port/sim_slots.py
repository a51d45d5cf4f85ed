"""The SIM slots of a port: which is active, which SIM it holds, and whether that works."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic
from typing import Final

from config.language.text import Text
from modem.driver.card_identity import Card
from modem.driver.registration import Registration
from modem.driver.sim import SimState
from modem.port.connection import Connection
from modem.port.pin_entry import PinEntry
from modem.port.status import PortState

log = logging.getLogger(__name__)

_TRIES: Final = 3  # to read a number of the SIM: an answer may be lost on the line
_LOOK_S: Final = 0.2  # between two readings of the registration


class SimSlots:
    """Identifies the SIMs of one connection, unlocks them and switches between them."""

    def __init__(self, connection: Connection, pass_on: Callable[[bool], None]) -> None:
        """`pass_on`: passes on the URCs that came for the active SIM: all (True), or those before a registration."""
        self._pass_on = pass_on
        self._settings = connection.settings
        self._reporter = connection.reporter
        self._identities = connection.record.identities
        self._modem = connection.modem
        self._pin_entry = PinEntry(connection)
        self._register_s = connection.timing.register_s
        self._slot_way: tuple[str, ...] | None = None  # the commands that changed the slot before
        self._switched_at: float | None = None  # when the last switch began; None once its SIM is registered

    def look(self) -> None:
        """Look at the SIM of every slot, and make one active that works.

        Each SIM gets some time to find its network, so that the port knows from the start which of them can send.
        A modem that restarted may have gone back to another slot. Where all SIMs are known, the SIM tells the slot.
        """
        if self._settings.slots == 1:
            self.look_at(1)
            return
        slots = self._reporter.status.slots
        known = {slot.iccid: slot.slot for slot in slots if slot.iccid}
        if len(known) == len(slots):
            card = Card(self._modem.sim.iccid(), self._modem.sim.imsi())
            if active := known.get(self._identities.find(card)):
                self._reporter.publish(active_slot=active)
                if self.look_at(active):
                    return
        for slot in range(1, self._settings.slots + 1):
            if self.enter(slot):
                self.await_network(slot)
        working = [each.slot for each in self._reporter.status.slots if each.sim is SimState.READY]
        if working and self._reporter.status.active_slot not in working:
            self.enter(working[0])

    def active_name(self) -> str:
        """Return the name of the SIM that the modem uses now, before it is looked at; "" where it tells neither number."""
        return self._identities.find(Card(self._modem.sim.iccid(), self._modem.sim.imsi()))

    def enter(self, slot: int) -> bool:
        """Make a slot the active one and look at its SIM. Return whether it is there and works.

        The SIM before gets everything that came until the new SIM was identified, or until the modem reported a
        registration after the first command of the switch. Modems hold URCs back while a command runs and send them
        after its OK, and no SIM gets a text before it is registered.
        """
        reporter = self._reporter
        before = reporter.status.active
        known = any(each.sim is not SimState.UNKNOWN for each in reporter.status.slots)
        reporter.publish(
            state=PortState.STARTING, detail=Text("Slot {slot} is being made the active one.", slot=slot)
        )
        began = monotonic()
        left = self._identities.last(before.slot) if known and before.slot != slot else Card()
        if not self._switch_to(slot, left):
            reporter.publish_slot(slot, sim=SimState.FAILURE)
            return False
        self._pass_on_urcs(until_registered=True)
        # The old SIM keeps its registration in the status: nothing newer is known until its slot is active again.
        reporter.publish(active_slot=slot, slots=reporter.slots_with(before.slot, signal_dbm=None))
        self._switched_at = began
        works = self.look_at(slot)
        log.info("port %d: slot %d was made active in %.1f s", self._settings.port, slot, monotonic() - began)
        return works

    def _switch_to(self, slot: int, left: Card) -> bool:
        """Change the slot until the SIM is no longer `left`. Return whether it is another one, or none."""
        port, understood = self._settings.port, False
        ways = self._modem.slot_ways
        for way in (self._slot_way, *ways) if self._slot_way in ways else ways:
            if way is None:
                continue
            self._modem.channel.drop_stale()
            self._pass_on_urcs(until_registered=False)  # also a registration among them is this SIM's
            if not self._modem.switch(slot, way):
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

    def _pass_on_urcs(self, *, until_registered: bool) -> None:
        """Pass on what came for the active SIM. A SIM that was not identified gets nothing: the next one that is gets it."""
        if self._reporter.status.active.iccid:
            self._pass_on(not until_registered)

    def look_at(self, slot: int) -> bool:
        """Identify the SIM in the active slot and make it ready for texts. Return whether it works."""
        modem = self._modem
        sim = modem.sim.state()
        iccid = self._iccid() if sim is not SimState.ABSENT else ""
        if sim is SimState.PIN_REQUIRED:
            sim = self._pin_entry.unlock(iccid)
            iccid = iccid or modem.sim.iccid()  # some modems read nothing from a locked SIM
        if sim is not SimState.READY:
            self._reporter.publish_slot(
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
        name = self._identities.name(slot, Card(iccid, imsi))
        if name is None:
            # Under another name, its messages would wait for a SIM that never comes back.
            self._reporter.publish_slot(
                slot, sim=SimState.UNKNOWN, iccid="", registration=Registration.UNKNOWN
            )
            return False
        imsi = imsi or self._identities.last(slot).imsi
        modem.prepare()
        registration = modem.network.registration()
        self._reporter.publish_slot(
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
        """Return the ICCID. Asked for again where none came: under another name for the SIM, its messages are not found."""
        return next(filter(None, (self._modem.sim.iccid() for _ in range(_TRIES))), "")

    def _imsi(self) -> str:
        """Return the IMSI, read in the same way as the ICCID."""
        return next(filter(None, (self._modem.sim.imsi() for _ in range(_TRIES))), "")

    def _read(self) -> Card:
        """Return both numbers of the SIM; its ICCID only where the modem is known to tell one."""
        sim = self._modem.sim
        return Card(sim.iccid() if sim.tells_iccid else "", sim.imsi())

    def await_network(self, slot: int) -> None:
        """Wait up to `register_s` until the active SIM is registered."""
        deadline = monotonic() + self._register_s
        while not (state := self._modem.network.registration()).carries_sms and monotonic() < deadline:
            self._modem.channel.pause(_LOOK_S)
        operator = self._modem.network.operator() if state.carries_sms else ""
        self._reporter.publish_slot(slot, registration=state, operator=operator)
        self.see_registration(state)

    def see_registration(self, state: Registration) -> None:
        """Note a registration. It ends a switch of slots: publish how long the switch took."""
        if self._switched_at is None or not state.carries_sms:
            return
        cost_s, self._switched_at = monotonic() - self._switched_at, None
        before = self._reporter.status
        switches = before.switches + 1
        switch_s = before.switch_s + (cost_s - before.switch_s) / switches
        self._reporter.publish(switches=switches, switch_s=round(switch_s, 3))

    def changed(self) -> bool:
        """Return whether the SIM in the active slot may be another one than was identified.

        A SIM that was exchanged while the modem kept its power may tell fewer numbers than the one before, or none.
        """
        if self._modem.sim.state() is not SimState.READY:
            return True
        slot = self._reporter.status.active_slot
        return all(self._identities.is_another(slot, self._read()) for _ in range(_TRIES))
