"""The network behind the modems: it takes short messages, carries them, and reports.

It is a service centre and a radio network in one. A text for the number of a simulated card waits until that card
is on the air and has room; every other number is a phone that always is.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from modem.simulator.core import tpdu
from modem.simulator.core.config import BankConfig
from modem.simulator.core.sim import Sim
from modem.simulator.core.timers import Timer, Timers
from modem.simulator.core.tpdu import Submit
from modem.simulator.core.witness import Accepted, Witness

DUPLICATE = 197  # TP-FCS 0xC5 (23.040, 9.2.3.22)
UNASSIGNED = 1  # 24.011 E-2
DELIVERED = 0x00  # TP-ST (9.2.3.15)
EXPIRED = 0x46
COUNTRY = "+223"


class Mobile(Protocol):
    """The network's view of a registered modem."""

    def receive(self, octets: bytes, *, report: bool) -> bool:
        """Take an SMS-DELIVER or SMS-STATUS-REPORT; False where there is no room for it."""


@dataclass(slots=True)
class _Parcel:
    octets: bytes
    report: bool
    handed_over: Callable[[], None]
    dropped: bool = False


@dataclass(slots=True, eq=False)
class _Subscriber:
    sim: Sim
    mobile: Mobile | None = None
    waiting: deque[_Parcel] = field(default_factory=deque)


@dataclass(slots=True)
class _Held:
    """A message in the service centre, from acceptance to its end."""

    sender: _Subscriber
    submit: Submit
    recipient: str
    reference: int
    accepted_at: float  # wall clock
    ended: bool = False


Answer = Callable[[int | None, int], None]
"""The result of a submission: the TP-MR, or None and a +CMS ERROR code."""


class Network:
    """Takes submissions, delivers, reports. Lives on the bank's thread."""

    def __init__(
        self,
        config: BankConfig,
        timers: Timers,
        random_source: random.Random,
        witness: Witness,
        wall: Callable[[], float],
    ) -> None:
        self.submit_s = config.submit_s
        self.submit_jitter_s = config.submit_jitter_s
        self.delivery_s = config.delivery_s
        self.fail_rate = config.fail_rate
        self.fail_code = config.fail_code
        self.report_fail_rate = config.report_fail_rate
        self.refusals: dict[str, int] = dict(config.refusals)
        self.report_status: dict[str, int] = dict(config.report_status)
        self.ussd_s = config.ussd_s
        self.ussd_answers: dict[str, str] = {}
        self.ussd_asked: list[str] = []
        self.wall = wall
        self._timers = timers
        self._random = random_source
        self._witness = witness
        self._subscribers: dict[str, _Subscriber] = {}
        self._held: set[tuple[str, int, str]] = set()  # sender, TP-MR, recipient: for TP-RD
        self._references = 0

    def record(self, event: str, **facts: object) -> None:
        """Record an event of a modem or a port in the log of the network."""
        self._witness.event(event, **facts)

    def add(self, sim: Sim) -> None:
        """Make a card known, wherever it is."""
        self._subscribers[sim.number] = _Subscriber(sim)

    def attach(self, sim: Sim, mobile: Mobile) -> None:
        """A card registered: deliver the messages that wait for it."""
        subscriber = self._subscribers[sim.number]
        subscriber.mobile = mobile
        self._timers.later(0.0, lambda: self._hand_over(subscriber))

    def detach(self, sim: Sim) -> None:
        """A card is no longer registered: messages for it wait."""
        self._subscribers[sim.number].mobile = None

    def memory_available(self, sim: Sim) -> None:
        """The card has memory again (23.040, 10.3.3): deliver the messages that did not fit."""
        subscriber = self._subscribers[sim.number]
        if subscriber.waiting:
            self._timers.later(0.0, lambda: self._hand_over(subscriber))

    def asked(self, sim: Sim) -> None:
        """A modem was asked to submit for this card."""
        self._witness.moment("asked", sim.iccid)

    def answered(self, sim: Sim) -> None:
        """A modem has confirmed a submission."""
        self._witness.moment("answered", sim.iccid)

    def submission_s(self) -> float:
        """How long the next submission takes."""
        jitter = self.submit_jitter_s
        return max(0.0, self.submit_s + self._random.uniform(-jitter, jitter)) if jitter else self.submit_s

    def submit(
        self, sim: Sim, octets: bytes, submit: Submit, answer: Answer, *, reference: int | None = None
    ) -> Timer:
        """Carry a submission; `answer` is called when it is over. Cancelling the timer loses it unsent.

        `reference`: the TP-MR to go out with it; None: the next one of the card.
        """
        return self._timers.later(
            self.submission_s(), lambda: self._end_submission(sim, octets, submit, answer, reference)
        )

    def _end_submission(
        self, sim: Sim, octets: bytes, submit: Submit, answer: Answer, kept: int | None
    ) -> None:
        recipient = normalised(submit.recipient)
        code = self._refusal(sim, submit, recipient)
        if code is not None:
            self._witness.event("refused", iccid=sim.iccid, recipient=recipient, code=code)
            answer(None, code)
            return
        sender = self._subscribers[sim.number]
        reference = sim.next_reference() if kept is None else kept
        held = _Held(sender, submit, recipient, reference, self.wall())
        self._held.add((sim.number, submit.reference, recipient))
        self._witness.record(
            Accepted(self._timers.now(), sim.iccid, sim.number, recipient, octets, reference, submit)
        )
        if self._witness.logs:
            self._log_accepted(held, octets)
        answer(reference, 0)
        self._timers.later(self.delivery_s, lambda: self._deliver(held))

    def _refusal(self, sim: Sim, submit: Submit, recipient: str) -> int | None:
        if recipient in self.refusals:
            return self.refusals[recipient]
        if self.fail_rate and self._random.random() < self.fail_rate:
            return self.fail_code
        if submit.reject_duplicates and (sim.number, submit.reference, recipient) in self._held:
            return DUPLICATE
        if recipient.startswith("+223") and len(recipient) != 12:
            return UNASSIGNED
        return None

    def _log_accepted(self, held: _Held, octets: bytes) -> None:
        place = held.submit.concatenation()
        self._witness.event(
            "submitted",
            iccid=held.sender.sim.iccid,
            sender=held.sender.sim.number,
            recipient=held.recipient,
            reference=held.reference,
            part=place.seq if place else 1,
            parts=place.total if place else 1,
            text=held.submit.text(),
            tpdu=octets.hex().upper(),
        )

    def _deliver(self, held: _Held) -> None:
        subscriber = self._subscribers.get(held.recipient)
        status = self.report_status.get(held.recipient)
        if status is None and self.report_fail_rate and self._random.random() < self.report_fail_rate:
            status = EXPIRED
        if status is not None:
            self._end(held, status)
            return
        if subscriber is None:
            self._end(held, DELIVERED)
            return
        submit = held.submit
        octets = tpdu.deliver(
            held.sender.sim.number,
            tpdu.utc(held.accepted_at),
            pid=submit.pid,
            dcs=submit.dcs,
            user_data_length=submit.user_data_length,
            user_data=submit.user_data,
            header=submit.header,
            reply_path=submit.reply_path,
        )
        parcel = _Parcel(octets, report=False, handed_over=lambda: self._end(held, DELIVERED))
        subscriber.waiting.append(parcel)
        self._hand_over(subscriber)
        if not held.ended and submit.validity_s is not None:
            self._timers.later(submit.validity_s, lambda: self._expire(held, parcel))

    def _expire(self, held: _Held, parcel: _Parcel) -> None:
        if not held.ended:
            parcel.dropped = True
            self._end(held, EXPIRED)

    def _end(self, held: _Held, status: int) -> None:
        held.ended = True
        sender = held.sender
        self._held.discard((sender.sim.number, held.submit.reference, held.recipient))
        self._witness.event(
            "delivered" if status == DELIVERED else "undelivered",
            recipient=held.recipient,
            sender=sender.sim.number,
            reference=held.reference,
            status=status,
        )
        if not held.submit.report:
            return
        octets = tpdu.status_report(
            held.submit, held.reference, tpdu.utc(held.accepted_at), tpdu.utc(self.wall()), status
        )
        self._send(
            sender,
            octets,
            report=True,
            what="reported",
            facts={"reference": held.reference, "status": status},
        )

    def _send(
        self, subscriber: _Subscriber, octets: bytes, *, report: bool, what: str, facts: dict[str, object]
    ) -> None:
        def handed_over() -> None:
            self._witness.event(what, iccid=subscriber.sim.iccid, **facts)

        subscriber.waiting.append(_Parcel(octets, report, handed_over))
        self._hand_over(subscriber)

    def _hand_over(self, subscriber: _Subscriber) -> None:
        waiting = subscriber.waiting
        while waiting and subscriber.mobile is not None:
            parcel = waiting[0]
            if parcel.dropped:
                waiting.popleft()
            elif subscriber.mobile.receive(parcel.octets, report=parcel.report):
                waiting.popleft()
                parcel.handed_over()
            else:
                return

    def incoming(self, sim: Sim, sender: str, text: str, *, dcs: int | None = None) -> None:
        """A text for a card from outside: a phone, or a name such as `OrangeMoney`."""
        self._references = (self._references + 1) & 0xFF
        parts = tpdu.deliver_text(sender, text, tpdu.utc(self.wall()), reference=self._references, dcs=dcs)
        for octets in parts:
            self.incoming_tpdu(sim, octets, sender=sender)

    def incoming_tpdu(self, sim: Sim, octets: bytes, *, sender: str = "") -> None:
        """A TPDU for a card, as it is: an SMS-STATUS-REPORT if its TP-MTI says so, else an SMS-DELIVER."""
        report = bool(octets) and octets[0] & 0x03 == 0x02
        self._send(
            self._subscribers[sim.number], octets, report=report, what="incoming", facts={"sender": sender}
        )

    def ussd(self, sim: Sim, code: str, answer: Callable[[int, str], None]) -> Timer:
        """Ask a service code; `answer` gets `<m>` of +CUSD and the text (27.007, 7.15)."""
        self.ussd_asked.append(code)
        return self._timers.later(self.ussd_s, lambda: answer(*self._ussd_answer(sim, code)))

    def _ussd_answer(self, sim: Sim, code: str) -> tuple[int, str]:
        if code in self.ussd_answers:
            return 0, self.ussd_answers[code]
        if code == sim.operator.balance_code:
            return 0, f"Votre solde est de {sim.balance} FCFA, valable jusqu'au 31/12/2030."
        if code == "*100#":
            return 1, "1 Solde\n2 Mon numéro"
        if code == "1":
            return 0, f"Votre solde est de {sim.balance} FCFA."
        if code == "2":
            return 0, f"Votre numéro: {sim.number}"
        return 4, ""


def normalised(number: str) -> str:
    """A dialled number as the network keeps it: Malian ones and those with 00 as E.164, short codes as they are."""
    if number.startswith("+"):
        return number
    if number.startswith("00"):
        return "+" + number[2:]
    if len(number) == 8 and number.isdecimal():
        return COUNTRY + number
    return number
