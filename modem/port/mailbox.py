"""Thread-safe requests to a port's thread."""

from __future__ import annotations

import contextlib
import select
import socket
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Final

from config.language.text import Text
from config.settings import PortSettings
from modem.at.transcript import Recording, Transcript, Watcher
from modem.driver.ussd import UssdAnswer, UssdUnavailableError
from modem.port.reporter import Reporter
from modem.port.status import Answer, PortState
from modem.recording.document import Recording as ModemRecording
from modem.recording.recorder import NoModemError, Recorder

# In these states a port does not carry out an order soon.
_OUT_OF_WORK: Final = frozenset({PortState.ABSENT, PortState.SICK, PortState.PAUSED, PortState.STOPPED})


@dataclass(frozen=True, slots=True)
class UssdOrder:
    """A USSD code and the replies to its menus, for the SIM of a slot (None: the active one)."""

    codes: tuple[str, ...]
    slot: int | None
    answer: Future[UssdAnswer] = field(default_factory=Future)

    def refuse(self, why: str) -> None:
        """End the order with `why`, unless it was begun or cancelled."""
        if self.answer.set_running_or_notify_cancel():
            self.answer.set_exception(UssdUnavailableError(why))


@dataclass(frozen=True, slots=True)
class RecordOrder:
    """A recording of the modem. While `gives_way` returns true the port sends; then the recording goes on."""

    recorder: Recorder
    gives_way: Callable[[], bool]
    answer: Future[ModemRecording] = field(default_factory=Future)

    def refuse(self, why: str) -> None:
        """End the order with NoModemError, unless it was cancelled."""
        if self.answer.set_running_or_notify_cancel():
            self.answer.set_exception(NoModemError(why))

    def succeed(self, recording: ModemRecording) -> None:
        """End the order with its recording, unless it was cancelled."""
        if self.answer.set_running_or_notify_cancel():
            self.answer.set_result(recording)


class StoppingError(Exception):
    """The port was told to stop, and no submission is in progress."""


class ChangedError(Exception):
    """A change of the port waits (see `PortChange`), and no submission is in progress."""


@dataclass(frozen=True, slots=True)
class PortChange:
    """An order that ends the connection to the modem, once the part being submitted is finished."""

    paused: bool | None = None  # close the device, or open it again; None: as before
    restart: bool = False  # restart the modem
    settings: PortSettings | None = None  # work with these settings from now on; None: as before


@dataclass(frozen=True, slots=True)
class _Stop:
    """An order to end. `keep_line`: the next process continues on the open line."""

    keep_line: bool


@dataclass(frozen=True, slots=True)
class _Watching:
    """A request to begin or end passing on the transcript."""

    watcher: Watcher
    begins: bool


@dataclass(frozen=True, slots=True)
class _Recall:
    """A request for what the transcript keeps."""

    recording: Future[Recording] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class _Probe:
    """A request to show that the port's thread still takes orders."""

    answered: Callable[[], None]


_Order = Future[Answer] | UssdOrder | RecordOrder | _Watching | _Recall | _Probe | PortChange | _Stop

_WORK: Final = b"!"  # sent where there may be work
_ORDER: Final = b"?"  # sent for an order that is no work: an idle port must not ask the gateway for it


class Mailbox:
    """One port's queue of requests, with the socket that wakes its thread (a self-pipe).

    `wake`, `ask`, `probe`, `ussd`, `record`, `watch`, `leave`, `recall`, `change`, `stop` and `refuse` are for any thread, all else for the port's own.
    Between threads pass only the queue, one byte on the socket pair, and frozen records. So a port that waits in poll(2)
    notices at once, and there is no lock to hold.
    """

    def __init__(self, reporter: Reporter, transcript: Transcript) -> None:
        self._reporter = reporter
        self._transcript = transcript
        self._woken = True
        self._stop: _Stop | None = None
        self._changes: list[PortChange] = []
        self._modem_free = False
        self._modem_ok = False  # the modem's last answer to AT
        self._asks: list[Future[Answer]] = []
        self._ussd_orders: deque[UssdOrder] = deque()
        self._record_order: RecordOrder | None = None
        self._orders: SimpleQueue[_Order] = SimpleQueue()
        self._receiver, self._sender = socket.socketpair()
        self._receiver.setblocking(False)
        self._sender.setblocking(False)

    # From any thread

    def wake(self) -> None:
        """Report that there may be work. A port that already knows is not interrupted."""
        if not self._woken:
            self._signal(_WORK)

    def ask(self) -> Future[Answer]:
        """Ask whether the modem answers AT with OK."""
        answer: Future[Answer] = Future()
        self._orders.put(answer)
        self._signal(_WORK)
        return answer

    def probe(self, answered: Callable[[], None]) -> None:
        """Have the port's thread call `answered` as soon as it takes orders; never, once it has ended."""
        self._orders.put(_Probe(answered))
        self._signal(_ORDER)

    def ussd(self, order: UssdOrder) -> None:
        """Queue an order, to be carried out between two submissions. Cancelling its future takes it back until then."""
        self._orders.put(order)
        self._signal(_WORK)

    def record(self, order: RecordOrder) -> None:
        """Queue a recording, to be carried out between two submissions. Cancelling its future ends it."""
        self._orders.put(order)
        self._signal(_WORK)

    def watch(self, watcher: Watcher) -> None:
        """Pass on the lines to and from the modem, beginning with the ones that are kept."""
        self._orders.put(_Watching(watcher, begins=True))
        self._signal(_ORDER)

    def leave(self, watcher: Watcher) -> None:
        """Pass on nothing more."""
        self._orders.put(_Watching(watcher, begins=False))
        self._signal(_ORDER)

    def recall(self) -> Future[Recording]:
        """Ask for what the transcript keeps."""
        recall = _Recall()
        self._orders.put(recall)
        self._signal(_ORDER)
        return recall.recording

    def change(self, change: PortChange) -> None:
        """Queue a change of the port."""
        self._orders.put(change)
        self._signal(_WORK)

    def stop(self, *, keep_line: bool) -> None:
        """Begin nothing new. `keep_line`: leave the line open for the next process."""
        self._orders.put(_Stop(keep_line))
        self._signal(_WORK)

    def refuse(self) -> None:
        """Answer the requests that are still queued, once the port's thread has ended."""
        if self._record_order is not None:
            self._record_order.refuse("The port was stopped.")
        while True:
            try:
                order = self._orders.get_nowait()
            except Empty:
                return
            if isinstance(order, UssdOrder | RecordOrder):
                order.refuse(Text("The port was stopped."))
            elif isinstance(order, _Watching):
                order.watcher.end()
            elif isinstance(order, _Recall):
                order.recording.cancel()
            elif isinstance(order, Future):
                self._answer(order, ok=False)

    def close(self) -> None:
        """Close the sockets."""
        self._receiver.close()
        self._sender.close()

    def _signal(self, what: bytes) -> None:
        with contextlib.suppress(OSError):  # full: the thread is woken anyway; closed: the thread has ended
            self._sender.send(what)

    # From the port's thread

    @property
    def fd(self) -> int:
        """Readable when a request waits."""
        return self._receiver.fileno()

    @property
    def woken(self) -> bool:
        """Whether there may be work. Any thread reads it."""
        return self._woken

    @property
    def stopping(self) -> bool:
        """Whether the port was told to stop."""
        return self._stop is not None

    @property
    def keeps_line(self) -> bool:
        """Whether the port was told to stop and to leave its line open for the next process."""
        return self._stop is not None and self._stop.keep_line

    @property
    def ends_for_good(self) -> bool:
        """Whether the port was told to stop and no process continues it."""
        return self._stop is not None and not self._stop.keep_line

    @property
    def has_ussd_orders(self) -> bool:
        """Whether USSD orders wait."""
        return bool(self._ussd_orders)

    @property
    def record_order(self) -> RecordOrder | None:
        """The recording that is wanted or under way."""
        return self._record_order

    def end_record_order(self) -> None:
        """The recording has ended."""
        self._record_order = None

    def begin_look_for_work(self) -> None:
        """The port looks for work now: a later `wake` counts again."""
        self._woken = False

    def modem_is_free(self) -> None:
        """The modem is between two commands: from now on it can be asked."""
        self._modem_free = True

    def modem_is_busy(self) -> None:
        """The modem cannot be asked now: questions are answered by its last answer."""
        self._modem_free = False

    def modem_answered(self, *, ok: bool) -> None:
        """Remember the modem's last answer to AT."""
        self._modem_ok = ok

    def attend(self) -> None:
        """Take the requests. Questions that cannot be put to the modem now are answered by its last answer.

        Unless a submission is in progress, raises StoppingError where the port was told to stop, and ChangedError where a
        change waits.
        """
        try:
            while signals := self._receiver.recv(64):
                self._woken = self._woken or _WORK in signals
        except BlockingIOError:
            pass
        self.take_orders()

    def take_orders(self) -> None:
        """Do the same as `attend`, without reading the socket."""
        while not self._orders.empty():
            self._take(self._orders.get_nowait())
        if self._reporter.status.state in _OUT_OF_WORK:
            self.refuse_ussd()
            self.refuse_record()
        submitting = self._reporter.submitting
        if submitting or not self._modem_free:
            for ask in self._asks:
                self._answer(ask, ok=self._modem_ok)
            self._asks.clear()
        if self._stop is not None and not submitting:
            raise StoppingError
        if self._changes and not submitting:
            raise ChangedError

    def _take(self, order: _Order) -> None:
        if isinstance(order, _Stop):
            self._stop = order
        elif isinstance(order, PortChange):
            self._changes.append(order)
        elif isinstance(order, UssdOrder):
            self._ussd_orders.append(order)
        elif isinstance(order, RecordOrder):
            if self._record_order is None:
                self._record_order = order
            else:
                order.refuse("The modem is being recorded already.")
        elif isinstance(order, _Probe):
            order.answered()
        elif isinstance(order, _Recall):
            if order.recording.set_running_or_notify_cancel():
                order.recording.set_result(self._transcript.recording())
        elif isinstance(order, _Watching):
            (self._transcript.watch if order.begins else self._transcript.leave)(order.watcher)
        else:
            self._asks.append(order)

    def take_changes(self) -> list[PortChange]:
        """Return the changes that wait, oldest first, and remove them."""
        changes, self._changes = self._changes, []
        return changes

    def take_ussd_order(self) -> UssdOrder:
        """Return the oldest USSD order and remove it. Raises IndexError where none waits."""
        return self._ussd_orders.popleft()

    def refuse_ussd(self) -> None:
        """End all USSD orders that wait with the reason that the status gives."""
        while self._ussd_orders:
            self._ussd_orders.popleft().refuse(self._reporter.status.detail)

    def refuse_record(self) -> None:
        """End the recording that waits with the reason that the status gives."""
        order, self._record_order = self._record_order, None
        if order is not None:
            order.refuse(self._reporter.status.detail)

    def answer_asks(self, says_ok: Callable[[], bool]) -> None:
        """Put the question to the modem, once for all callers that ask."""
        if not self._asks:
            return
        try:
            self._modem_ok = says_ok()
        finally:
            for ask in self._asks:
                self._answer(ask, ok=self._modem_ok)
            self._asks.clear()

    def cancel_asks(self) -> None:
        """Cancel the questions that were taken and not answered, because the port's thread ends."""
        for ask in self._asks:
            ask.cancel()

    def sleep(self, seconds: float, *, settling: bool = True) -> None:
        """Wait while there is no modem, settling an outcome as soon as the gateway can store it.

        Raises StoppingError, ChangedError.
        """
        self.take_orders()
        deadline = monotonic() + seconds
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        while (remaining := deadline - monotonic()) > 0:
            if settling and self._reporter.outcome is not None:
                again_s = self._reporter.settle()
                remaining = min(remaining, again_s or remaining)
            if poll.poll(remaining * 1000 + 1):
                self.attend()

    def _answer(self, ask: Future[Answer], *, ok: bool) -> None:
        if ask.set_running_or_notify_cancel():
            status, busy = self._reporter.status, self._reporter.submitting
            detail = Text("A message is being submitted.") if busy else status.detail
            ask.set_result(Answer(status.port, ok and status.state is not PortState.ABSENT, busy, detail))
