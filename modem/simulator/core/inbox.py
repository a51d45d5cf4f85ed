"""Stores, forwards or announces messages from the network, as set by +CNMI (27.005, 3.4.1)."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Protocol

from modem.simulator.core import textmode, tpdu
from modem.simulator.core.faults import Fault, Faults
from modem.simulator.core.network import Network
from modem.simulator.core.settings import Settings
from modem.simulator.core.sim import Sim
from modem.simulator.core.storage import Status, Storage, Stored
from modem.simulator.core.timers import Timer, Timers
from modem.simulator.core.traits import Traits

BUFFERED = 64  # URCs that a modem buffers while the port is busy; the oldest are lost
ACKNOWLEDGE_S = 15.0  # 27.005, 3.4.1: without +CNMA by then, direct routing ends
REPORT_LATE_S = 60.0
MALFORMED = (b"", b"\x04", b"\xff" * 24, bytes.fromhex("040B912263000000F10000"), b"\x44\x00\x91\x00\x08\x05")
MESSAGE_INDICATOR = "+CIEV: 5,1"  # as +CIND=? has them
NO_TEXTS = tuple(
    bytes.fromhex(f"040B912263000000F1{pid_and_dcs}621181116034000161")
    for pid_and_dcs in ("4000", "00C8", "00C0", "7FF6")
)
REPEAT_S, REPEATS = 0.1, 8  # how long and how often is waited for the first of two to be deleted
OLD_SENDER = "+22379999999"
_NO_CLASS, _CLASS_0, _CLASS_2, _CLASS_3 = None, 0, 2, 3


class Host(Protocol):
    """The parts of a modem that the inbox uses."""

    traits: Traits
    timers: Timers
    network: Network
    faults: Faults
    settings: Settings
    own_memories: dict[str, Storage]
    chance: random.Random

    @property
    def card(self) -> Sim | None:
        """The card in the active slot; None where the slot is empty."""

    def later_with_card(self, delay_s: float, action: Callable[[], object]) -> None:
        """Do something later, unless another card is in use by then, or none."""

    def unsolicited(self, line: str, *, awaited: bool = False) -> None:
        """Send a line that answers no command."""


class Inbox:
    """Stores messages, forwards them to the program, or announces them."""

    def __init__(self, modem: Host) -> None:
        self._modem = modem
        self._buffer: deque[str] = deque(maxlen=BUFFERED)
        self._unacknowledged: Timer | None = None

    @property
    def awaits_acknowledgement(self) -> bool:
        """Whether +CNMA is due."""
        return self._unacknowledged is not None and self._unacknowledged.action is not None

    def clear(self) -> None:
        """Clear the buffer, as a loss of power does."""
        self._buffer.clear()
        self.acknowledged()

    def acknowledged(self) -> None:
        """The program acknowledged the forwarded message."""
        if self._unacknowledged is not None:
            self._unacknowledged.cancel()
            self._unacknowledged = None

    def routing_changed(self) -> None:
        """+CNMI was set: send the buffered URCs or clear them, as set by `<bfr>`."""
        mode, _, _, _, clear = self._modem.settings.cnmi
        if mode == 0:
            return
        buffered, self._buffer = self._buffer, deque(maxlen=BUFFERED)
        if not clear:
            for line in buffered:
                self._modem.unsolicited(line)

    def receive(self, octets: bytes, *, report: bool) -> bool:
        """Take a message; False where there is no room for it."""
        faults = self._modem.faults
        if not faults.any:
            return self._take(octets, report=report)
        if report:
            return self._take_spoiled_report(octets)
        if faults.take(Fault.MEMORY_FULL):
            self._fill()
        if faults.take(Fault.MALFORMED):
            self._take(self._modem.chance.choice(MALFORMED), report=False)
        if faults.take(Fault.NO_TEXT):
            self._take(self._modem.chance.choice(NO_TEXTS), report=False)
        taken = self._take(octets, report=False)
        if taken and faults.take(Fault.INCOMING_TWICE):
            self._modem.later_with_card(REPEAT_S, lambda: self._repeat(octets, REPEATS))
        return taken

    def _repeat(self, octets: bytes, looks: int) -> None:
        """Take a text once more when the first is read and deleted; where that lasts, announce the first again."""
        name = self._modem.settings.storage[2]
        storage = self._storage(name)
        places = [] if storage is None else [at for at, each in storage.items() if each.tpdu == octets]
        if not places:
            self._take(octets, report=False)
        elif looks:
            self._modem.later_with_card(REPEAT_S, lambda: self._repeat(octets, looks - 1))
        else:
            self._tell(f'+CMTI: "{name}",{places[0] + self._modem.traits.first_index}')

    def _take_spoiled_report(self, octets: bytes) -> bool:
        modem = self._modem
        if modem.faults.take(Fault.REPORT_LOST):
            return True
        if modem.faults.take(Fault.REPORT_ZONE):
            octets = tpdu.without_zones(octets)
        if modem.faults.take(Fault.REPORT_SHORT):
            octets = _with_short_recipient(octets)
        if modem.faults.take(Fault.REPORT_LATE):
            modem.later_with_card(REPORT_LATE_S, lambda: self._take(octets, report=True))
            return True
        if modem.faults.take(Fault.REPORT_TWICE):
            self._take(octets, report=True)
        return self._take(octets, report=True)

    def _fill(self) -> None:
        """Let the memory be full of old texts."""
        storage = self._storage(self._modem.settings.storage[2])
        if storage is None:
            return
        (old,) = tpdu.deliver_text(OLD_SENDER, "an old text", tpdu.utc(0))
        while not storage.full:
            storage.put(Stored(Status.READ, self._with_service_centre(old)))

    def overwrite(self, storage: Storage) -> None:
        """Let another text take the place of the first: a second program deleted that, and a text came."""
        places = storage.items()
        if places and self._modem.faults.take(Fault.OVERWRITTEN):
            (text,) = tpdu.deliver_text(OLD_SENDER, "another text", tpdu.utc(self._modem.network.wall()))
            storage.delete(places[0][0])
            storage.put(Stored(Status.UNREAD, self._with_service_centre(text)))

    def _take(self, octets: bytes, *, report: bool) -> bool:
        if self.awaits_acknowledgement:
            return self._store_or_refuse(octets, report=report)
        if report:
            return self._receive_report(octets)
        return self._receive_text(octets)

    def _store_or_refuse(self, octets: bytes, *, report: bool) -> bool:
        """While one message is unacknowledged no other is handed over: keep it (27.005, 3.4.4)."""
        return (
            self._store(octets, "SR" if report and "SR" in self._modem.own_memories else None, report=report)
            is not None
        )

    def _receive_text(self, octets: bytes) -> bool:
        routing = self._modem.settings.cnmi[1]
        message_class = _message_class(octets)
        if message_class == _CLASS_0 and routing:
            self._hand_over(octets, report=False)  # for the eyes alone: never stored (23.038, 4)
            return True
        if (routing == 2 and message_class != _CLASS_2) or (routing == 3 and message_class == _CLASS_3):
            self._hand_over(octets, report=False)
            return True
        place = self._store(octets, "SM" if message_class == _CLASS_2 else None, report=False)
        if place is None:
            return False
        faults = self._modem.faults
        if faults.take(Fault.UNANNOUNCED):
            return True
        if faults.take(Fault.INDICATOR):
            self._modem.unsolicited(MESSAGE_INDICATOR)
        elif routing:
            self._tell(f'+CMTI: "{place[0]}",{place[1]}')
        return True

    def _receive_report(self, octets: bytes) -> bool:
        routing = self._modem.settings.cnmi[3]
        if routing == 1:
            self._hand_over(octets, report=True)
        elif routing == 2:
            name = "SR" if "SR" in self._modem.own_memories else None
            place = self._store(octets, name, report=True)
            if place is None:
                return False
            self._tell(f'+CDSI: "{place[0]}",{place[1]}')
        return True  # without routing a report is lost

    def _store(self, octets: bytes, name: str | None, *, report: bool) -> tuple[str, int] | None:
        name = name or self._modem.settings.storage[2]
        storage = self._storage(name)
        if storage is None:
            return None
        place = storage.put(Stored(Status.UNREAD, self._with_service_centre(octets), is_report=report))
        return None if place is None else (name, place + self._modem.traits.first_index)

    def _storage(self, name: str) -> Storage | None:
        if name != "SM":
            return self._modem.own_memories[name]
        return None if self._modem.card is None else self._modem.card.storage

    def _with_service_centre(self, octets: bytes) -> bytes:
        card = self._modem.card
        return tpdu.service_centre(card.operator.service_centre if card else "") + octets

    def _hand_over(self, octets: bytes, *, report: bool) -> None:
        modem = self._modem
        if modem.settings.cmgf:
            try:
                line = (
                    textmode.report_line(octets) if report else textmode.deliver_line(modem.settings, octets)
                )
            except (IndexError, tpdu.RefusedTpduError):
                return  # without a TPDU there is no text to show
        else:
            head = modem.traits.report_prefix if report else "+CMT: ,"
            line = f"{head}{len(octets)}\r\n{self._with_service_centre(octets).hex().upper()}"
        self._tell(line)
        if modem.settings.csms == 1:
            self._unacknowledged = modem.timers.later(ACKNOWLEDGE_S, self._unroute)

    def _unroute(self) -> None:
        mode, _, broadcast, _, clear = self._modem.settings.cnmi
        self._modem.settings.cnmi = (mode, 0, broadcast, 0, clear)

    def _tell(self, line: str) -> None:
        if self._modem.settings.cnmi[0] == 0:
            self._buffer.append(line)
        else:
            self._modem.unsolicited(line)


def _message_class(octets: bytes) -> int | None:
    """The class of an SMS-DELIVER (23.038, 4); None without one, or where it cannot be read."""
    try:
        dcs = octets[2 + (octets[1] + 1) // 2 + 2]
    except IndexError:
        return _NO_CLASS
    if dcs & 0xF0 == 0xF0 or dcs & 0x90 == 0x10:
        return dcs & 0x03
    return _NO_CLASS


def _with_short_recipient(report: bytes) -> bytes:
    """A status report (23.040, 9.2.2.3) with the last eight digits of its recipient, of unknown type."""
    length = report[2]
    end = 4 + (length + 1) // 2
    digits = "".join(f"{octet & 0x0F:X}{octet >> 4:X}" for octet in report[4:end])[:length]
    return report[:2] + tpdu.address(digits[-8:]) + report[end:]
