"""Where a port's thread meets the others: what they ask of it, and what it tells the house."""

from __future__ import annotations

import contextlib
import logging
import select
import socket
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, Final

from modem.at.transcript import Transcript, Watcher
from modem.driver.card_identity import CardIdentities
from modem.driver.identity import Identity
from modem.driver.ussd import UssdAnswer, UssdUnavailableError
from modem.errors import DEVICE_GONE, cause
from modem.parts import Refused, Submission, Submitted
from modem.port.conditions import Condition
from modem.port.interface import Claim, Outcome, Reported, Rest, Switch, Work, WorkUnavailableError
from modem.port.status import Answer, PortState, PortStatus, SlotStatus
from modem.port.submission_note import Noted, SubmissionNote

log = logging.getLogger(__name__)

# How long to leave a house alone that can keep nothing: long enough for a disk to be freed, short for a modem to idle.
_UNAVAILABLE_S: Final = (0.5, 1.0, 2.0, 5.0)


# In these a port does not come to an order soon.
_OUT_OF_WORK: Final = frozenset({PortState.ABSENT, PortState.SICK, PortState.STOPPED})


@dataclass(frozen=True, slots=True)
class UssdOrder:
    """Codes to be said to the network, the first and then its replies, by the SIM of a slot (None: the active one)."""

    codes: tuple[str, ...]
    slot: int | None
    answer: Future[UssdAnswer] = field(default_factory=Future)

    def refuse(self, why: str) -> None:
        """Say why there is no answer, where it was not begun yet."""
        if self.answer.set_running_or_notify_cancel():
            self.answer.set_exception(UssdUnavailableError(why))


@dataclass(slots=True)
class Loss:
    """How long one SIM has had no network, and what was done about it. It outlives the connection."""

    iccid: str
    since: float  # monotonic seconds
    stages: int = 0  # that were gone through
    last_at: float = 0.0  # of the last stage
    look_at: float = 0.0  # not before then, because at the last look something was against it


class StoppingError(Exception):
    """The port was told to stop, and nothing is in the air."""


@dataclass(frozen=True, slots=True)
class _Watching:
    """Somebody wants to see what is said to the modem, or has seen enough."""

    watcher: Watcher
    begins: bool


@dataclass(frozen=True, slots=True)
class _Probe:
    """Somebody wants to know whether the port's thread still takes orders."""

    answered: Callable[[], None]


_WORK: Final = b"!"  # rung where there may be work
_ORDER: Final = b"?"  # rung for an order that is no work: an idle port must not ask the house for it


class Mailbox:
    """One port's queue of orders with its wake-up socket, and its standing with the house.

    `wake`, `ask`, `probe`, `watch`, `leave`, `stop` and `refuse` are for any thread, all else for the port's own. Between threads pass only the
    queue, one byte on the socket pair, and frozen records: so a port that waits in poll(2) notices at once, and there
    is no lock to hold (a self-pipe).
    """

    def __init__(self, status: PortStatus, work: Work, transcript_lines: int) -> None:
        self.status = status
        self.work = work
        self.transcript = Transcript(transcript_lines)
        self.outcome: Outcome | None = (
            None  # what became of the last submission, until the house has settled it
        )
        self.reports: list[Reported] = []  # that came meanwhile, and are told with it
        self.woken = True  # there may be work; set to False before that is looked for. Any thread reads it
        self.stopping = False
        self.in_the_air = False  # a submission is
        self.listens = False  # the modem is between two commands: an ask can be put to it
        self.answering = False  # the modem's last word
        self.asks: list[Future[Answer]] = []
        self.ussd_orders: deque[UssdOrder] = deque()
        self.tells_references = False  # the modem of `identity` does (see `Channel`)
        self.owed = 0  # parts whose answer its modem owes (see `Channel`)
        self.identity = Identity()  # of the modem that this is remembered of
        self.identities = CardIdentities(status.port)  # of the SIMs that this port has seen
        self.note: SubmissionNote | None = None  # of the part in the air, for the next process
        self.left: Noted | None = (
            None  # the part that an older process handed over, whose answer it did not read
        )
        self._recovered: tuple[Claim, Submitted | Refused] | None = None  # to be told to the house
        self.loss: Loss | None = None  # of the network, by the active SIM
        self._orders: SimpleQueue[Future[Answer] | UssdOrder | _Watching | _Probe | None] = SimpleQueue()
        self._bell, self._ringer = socket.socketpair()
        self._bell.setblocking(False)
        self._ringer.setblocking(False)
        self.back_at = 0.0  # until then the house is left alone: it can keep nothing
        self._told: PortStatus | None = None
        self._refusals = 0

    # From any thread

    def wake(self) -> None:
        """There may be work. A port that knows as much looks for it anyhow, and need not be rung out of its wait."""
        if not self.woken:
            self._ring(_WORK)

    def ask(self) -> Future[Answer]:
        """Put the question whether the modem says OK."""
        answer: Future[Answer] = Future()
        self._orders.put(answer)
        self._ring(_WORK)
        return answer

    def probe(self, answered: Callable[[], None]) -> None:
        """Have `answered` called by the port's thread as soon as it takes orders; never, once it has ended."""
        self._orders.put(_Probe(answered))
        self._ring(_ORDER)

    def ussd(self, order: UssdOrder) -> None:
        """Leave an order to be carried out between two submissions. Cancelling its future takes it back until then."""
        self._orders.put(order)
        self._ring(_WORK)

    def watch(self, watcher: Watcher) -> None:
        """Pass on what is said to and by the modem, beginning with what is kept."""
        self._orders.put(_Watching(watcher, begins=True))
        self._ring(_WORK)

    def leave(self, watcher: Watcher) -> None:
        """Pass on nothing more."""
        self._orders.put(_Watching(watcher, begins=False))
        self._ring(_WORK)

    def stop(self) -> None:
        """Begin nothing new."""
        self._orders.put(None)
        self._ring(_WORK)

    def refuse(self) -> None:
        """Answer what is still asked, once the port's thread has ended."""
        while True:
            try:
                order = self._orders.get_nowait()
            except Empty:
                return
            if isinstance(order, UssdOrder):
                order.refuse("The port was stopped.")
            elif isinstance(order, _Watching):
                order.watcher.end()
            elif isinstance(order, Future):
                self._answer(order, ok=False)

    def close(self) -> None:
        """Give the sockets back."""
        self._bell.close()
        self._ringer.close()

    def _ring(self, what: bytes) -> None:
        with contextlib.suppress(OSError):  # full: it rings already; closed: nobody is there to be woken
            self._ringer.send(what)

    # From the port's thread

    @property
    def fd(self) -> int:
        """Readable when there is something to attend to."""
        return self._bell.fileno()

    def attend(self) -> None:
        """Take what others want. Asks that cannot be put to the modem now are answered by its last word.

        Raises StoppingError where the port was told to stop, unless a submission is in the air.
        """
        try:
            while rung := self._bell.recv(64):
                self.woken = self.woken or _WORK in rung
        except BlockingIOError:
            pass
        self.take_orders()

    def take_orders(self) -> None:
        """As `attend`, without a look at the bell."""
        while not self._orders.empty():
            order = self._orders.get_nowait()
            if order is None:
                self.stopping = True
            elif isinstance(order, UssdOrder):
                self.ussd_orders.append(order)
            elif isinstance(order, _Probe):
                order.answered()
            elif isinstance(order, _Watching):
                (self.transcript.watch if order.begins else self.transcript.leave)(order.watcher)
            else:
                self.asks.append(order)
        if self.status.state in _OUT_OF_WORK:
            self.refuse_ussd()
        if self.in_the_air or not self.listens:
            for ask in self.asks:
                self._answer(ask, ok=self.answering)
            self.asks.clear()
        if self.stopping and not self.in_the_air:
            raise StoppingError

    def refuse_ussd(self) -> None:
        """Say to all who wait for the network why it cannot be asked."""
        while self.ussd_orders:
            self.ussd_orders.popleft().refuse(self.status.detail)

    def answer_asks(self, says_ok: Callable[[], bool]) -> None:
        """Put what is asked to the modem, once for all who ask."""
        if not self.asks:
            return
        try:
            self.answering = says_ok()
        finally:
            for ask in self.asks:
                self._answer(ask, ok=self.answering)
            self.asks.clear()

    def sleep(self, seconds: float, *, settling: bool = True) -> None:
        """Wait with no modem to listen to, settling an outcome as soon as the house can. Raises StoppingError."""
        self.take_orders()
        deadline = monotonic() + seconds
        bell = select.poll()
        bell.register(self.fd, select.POLLIN)
        while (remaining := deadline - monotonic()) > 0:
            if settling and self.outcome is not None:
                again_s = self.settle()
                remaining = min(remaining, again_s or remaining)
            if bell.poll(remaining * 1000 + 1):
                self.attend()

    def settle(self) -> float:
        """Settle the outcome on a port that takes no work. Seconds until to be tried again, 0 once it is settled."""
        order = self.next(claims=False)
        if self.outcome is not None and isinstance(order, Rest):
            return order.seconds or 0.0
        if isinstance(order, Submission):
            log.error("port %d: claimed for a port that takes no work; given back", self.status.port)
            now = monotonic()
            self.outcome = Outcome(order, Refused(cause("LOCAL", DEVICE_GONE)), now, now)
            return _UNAVAILABLE_S[0]
        return 0.0

    def busy_s(self) -> float:
        """For how many seconds the modem may be busy with what an older connection handed to it; 0 where nobody knows."""
        try:
            return self.work.busy_s(self.status.port)
        except WorkUnavailableError:
            return 0.0

    def tell_late(self, reference: int | None) -> None:
        """Tell the house the TP-MR that a part in doubt got. What it cannot keep now, its report will tell."""
        try:
            self.work.told_late(self.status, reference)
        except WorkUnavailableError as error:
            self.unavailable(error)

    def recover(self, claim: Claim, result: Submitted | Refused) -> None:
        """Tell the house what became of the part that an older process had in the air; again until it is kept."""
        self.left, self._recovered = None, (claim, result)
        if self.note is not None:
            self.note.end(claim, result)  # for the next process, should this one end before it is kept
        try:
            self._tell_recovered()
        except WorkUnavailableError as error:
            self.unavailable(error)

    def _tell_recovered(self) -> None:
        if self._recovered is not None:
            self.work.recovered(self.status, *self._recovered)
            self._recovered = None
            self._clear_note()

    def _clear_note(self) -> None:
        if self.note is not None:
            self.note.clear()

    def settle_alone(self) -> bool:
        """Settle the outcome and claim nothing, because the port has something else to do first. Whether it is settled."""
        if self.outcome is not None:
            self.settle()
        return self.outcome is None

    def publish(self, **changes: Any) -> None:
        """Tell the house what is new of the port."""
        status = replace(self.status, **changes)
        if (status.state, status.detail) != (self.status.state, self.status.detail):
            log.info("port %d is %s: %s", status.port, status.state.value, status.detail)
            self.transcript.note(f"port {status.port} is {status.state.value}: {status.detail}")
        self.status = status
        if status != self._told:
            try:
                self.work.status(status)
            except WorkUnavailableError:
                return  # told with the next change, or before the next claim
            self._told = status

    def recognise(self, identity: Identity) -> None:
        """Forget what was learned of the modem where this may be another one."""
        if not identity.is_same(self.identity):
            self.tells_references = False
        self.identity = identity

    def set_condition(self, condition: Condition, *, present: bool) -> None:
        """Publish that `condition` holds, or that it no longer does. Cheap where nothing changes."""
        held = self.status.conditions
        if present == (condition in held):
            return
        log.log(
            logging.WARNING if present else logging.INFO,
            "port %d: condition %s %s",
            self.status.port,
            condition.value,
            "begins" if present else "ends",
        )
        self.publish(conditions=tuple(each for each in Condition if (each in held) != (each is condition)))

    def publish_slot(self, slot: int, **changes: Any) -> None:
        """Tell the house what is new of a slot."""
        self.publish(slots=self.slots_with(slot, **changes))

    def slots_with(self, slot: int, **changes: Any) -> tuple[SlotStatus, ...]:
        """The slots, one of them changed."""
        return tuple(replace(each, **changes) if each.slot == slot else each for each in self.status.slots)

    def next(self, *, claims: bool = True) -> Submission | Switch | Rest:
        """Settle the outcome and ask what to do. A house that can keep nothing is asked again after a rest."""
        if self.status != self._told:
            self.publish()
        try:
            # The house gives nothing to a port that is starting.
            status = self.status if claims else replace(self.status, state=PortState.STARTING)
            self._tell_recovered()
            order = self.work.next(status, self.outcome, tuple(self.reports))
        except WorkUnavailableError as error:
            return Rest(self.unavailable(error))
        self._refusals = 0
        if self.outcome is not None:
            self._clear_note()
        self.outcome = None
        self.reports.clear()
        return order

    def unavailable(self, error: WorkUnavailableError) -> float:
        """The house can keep nothing: leave it alone for the seconds returned, until `back_at`."""
        rest_s = _UNAVAILABLE_S[min(self._refusals, len(_UNAVAILABLE_S) - 1)]
        self._refusals += 1
        self.back_at = monotonic() + rest_s
        log.log(
            logging.WARNING if self._refusals == 1 else logging.DEBUG,
            "port %d: nothing can be kept now (%s); tried again and again",
            self.status.port,
            error,
        )
        return rest_s

    def _answer(self, ask: Future[Answer], *, ok: bool) -> None:
        if ask.set_running_or_notify_cancel():
            busy = self.in_the_air
            detail = "A message is in the air." if busy else self.status.detail
            ask.set_result(
                Answer(self.status.port, ok and self.status.state is not PortState.ABSENT, busy, detail)
            )
