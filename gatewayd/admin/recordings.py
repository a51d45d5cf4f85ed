"""`gatewayd record`: record the modem of a running port."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from time import monotonic
from typing import Final

from config.language.text import Text
from config.settings import PortSettings
from gatewayd.admin.context import Context
from gatewayd.errors import AdminError, GatewayError
from gatewayd.records import Priority
from gatewayd.sims.numbering import Numbering
from gatewayd.store.tables import send_queue
from gatewayd.timekeeping.clock import SECOND
from gatewayd.version import VERSION
from modem.hardware.device_path import DeviceUnavailableError
from modem.port.status import PortState
from modem.recording import document
from modem.recording.device import record_device
from modem.recording.line import GivenUpError, LineLostError
from modem.recording.recorder import NoModemError, Recorder, Wishes

_PAUSE_S: Final = 200.0  # a part that is being submitted may take three minutes
_LOOK_S: Final = 0.1
_CODES_S: Final = 120.0  # for the one-time codes that a recording gave way to
_MOST_BREAKS: Final = 5

Progress = dict[str, object]


def record(
    context: Context, port: int, restart: bool = False, send_to: str | None = None
) -> Iterator[list[Progress]]:
    """Record the modem of a port. Yields `done`, `of` and `command`, then `recording`: the text of the file.

    The port closes its device meanwhile, and gives way to one-time codes: then the recording goes on after them.
    """
    context.running()
    try:
        settings = context.ports.one(port).settings
    except GatewayError as error:
        raise AdminError(error.args[0]) from error
    number = None if send_to is None else _number(context.numbering, send_to)
    return _Recording(context, settings, Wishes(restart, number, settings.slots)).run()


class _Recording:
    """One recording of one port, on a thread of its own so that the progress can be passed on."""

    def __init__(self, context: Context, settings: PortSettings, wishes: Wishes) -> None:
        self._context = context
        self._settings = settings
        self._registry = context.running().port_registry
        self._told: queue.SimpleQueue[Progress | None] = queue.SimpleQueue()
        self._ended = threading.Event()  # the reader is gone: stop soon
        self._recorder = Recorder(
            wishes,
            by=f"gatewayd {VERSION}",
            today=datetime.fromtimestamp(context.moment().now / SECOND, UTC).date(),
            on_progress=lambda done, of, command: self._told.put(
                {"done": done, "of": of, "command": command}
            ),
        )
        self._failure: AdminError | None = None

    def run(self) -> Iterator[list[Progress]]:
        """Yield the progress, then the recording. The port works again at the end, whatever happened."""
        worker = threading.Thread(target=self._work, name=f"record-{self._settings.port}", daemon=True)
        worker.start()
        try:
            while (told := self._told.get()) is not None:
                yield [told]
        finally:
            self._ended.set()
            worker.join()
        if self._failure is not None:
            raise self._failure

    def _work(self) -> None:
        try:
            self._told.put({"recording": document.text_of(self._in_turns())})
        except GivenUpError:
            self._failure = AdminError(Text("The recording was stopped."))
        except GatewayError as error:
            self._failure = AdminError(error.args[0])
        except (DeviceUnavailableError, NoModemError, LineLostError) as error:
            self._failure = AdminError(error.args[0])
        except AdminError as error:
            self._failure = error
        finally:
            self._context.ports.give_back(self._settings.port)
            self._told.put(None)

    def _in_turns(self) -> document.Recording:
        """Record; where a one-time code waits, let the port send it first."""
        for breaks in range(_MOST_BREAKS + 1):
            self._borrow()
            stop = self._ended.is_set if breaks == _MOST_BREAKS else self._should_stop
            settings = self._settings
            try:
                return record_device(
                    settings.device, settings.baud, self._recorder, rtscts=settings.rtscts, stop=stop
                )
            except GivenUpError:
                if self._ended.is_set():
                    raise
            self._context.ports.give_back(settings.port)
            self._wait(lambda: not self._code_waits(), _CODES_S)
        raise GivenUpError

    def _borrow(self) -> None:
        self._context.ports.borrow(self._settings.port)
        if not self._wait(lambda: self._state() is PortState.PAUSED, _PAUSE_S):
            raise AdminError(Text("The port still sends: try again in a minute."))

    def _wait(self, condition: Callable[[], bool], limit_s: float) -> bool:
        """Wait until the condition is true, but not longer than `limit_s`. Whether it is."""
        deadline = monotonic() + limit_s
        while not (true := condition()) and monotonic() < deadline and not self._ended.wait(_LOOK_S):
            pass
        return true

    def _should_stop(self) -> bool:
        return self._ended.is_set() or self._code_waits()

    def _state(self) -> PortState:
        return self._registry.ports()[self._settings.port].state

    def _code_waits(self) -> bool:
        sims = [sim for sim, seen in self._registry.sims().items() if seen.port == self._settings.port]
        with self._context.store.readers.lend() as db:
            return any(send_queue.waits(db, sim_id, Priority.OTP) for sim_id in sims)


def _number(numbering: Numbering, text: str) -> str:
    try:
        return numbering.e164(text)
    except ValueError as error:
        raise AdminError(Text("{number} is no number of a mobile phone.", number=text)) from error
