"""`gatewayd record`: record the modem of a running port."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from concurrent.futures import CancelledError
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import Final

from config.language.text import Text
from gatewayd.admin.context import Context
from gatewayd.errors import AdminError
from gatewayd.gateway import Gateway
from gatewayd.records import Priority
from gatewayd.sims.numbering import Numbering
from gatewayd.store.tables import send_queue
from gatewayd.timekeeping.clock import SECOND
from gatewayd.version import VERSION
from modem.port.mailbox import RecordOrder
from modem.port.port import Port
from modem.recording import document
from modem.recording.recorder import NoModemError, Recorder, Wishes

_LONGEST_S: Final = 600.0  # a part may take three minutes before it, and codes may come in between
_LOOK_S: Final = 0.2

Progress = dict[str, object]


def record(
    context: Context, port: int, restart: bool = False, send_to: str | None = None
) -> Iterator[list[Progress]]:
    """Record the modem of a port. Yields `done`, `of` and `command`, then `recording`: the text of the file.

    The port sends nothing meanwhile, for a minute at most, but one-time codes pass: the recording goes on after them.
    """
    gateway, ports = context.running(), context.running_ports
    if ports is None or port not in ports:
        raise AdminError(Text("There is no port {port}.", port=port))
    told: queue.SimpleQueue[Progress] = queue.SimpleQueue()
    number = None if send_to is None else _number(context.numbering, send_to)
    recorder = Recorder(
        Wishes(restart, number, ports[port].settings.slots),
        by=f"gatewayd {VERSION}",
        today=datetime.fromtimestamp(context.moment().now / SECOND, UTC).date(),
        on_progress=lambda done, of, command: told.put({"done": done, "of": of, "command": command}),
    )
    order = RecordOrder(recorder, partial(_code_waits, gateway, context, port))
    return _followed(ports[port], order, told)


def _followed(port: Port, order: RecordOrder, told: queue.SimpleQueue[Progress]) -> Iterator[list[Progress]]:
    """Give the order to the port, and yield its progress and its result. A reader that leaves ends the recording."""
    port.record(order)
    deadline = monotonic() + _LONGEST_S
    try:
        while not order.answer.done() and monotonic() < deadline:
            try:
                yield [told.get(timeout=_LOOK_S)]
            except queue.Empty:
                continue
        if not order.answer.done():
            raise AdminError(Text("The port is busy: try again later."))
        yield [{"recording": document.text_of(order.answer.result())}]
    except NoModemError as error:
        raise AdminError(error.args[0]) from error
    except CancelledError as error:
        raise AdminError(Text("The recording was stopped.")) from error
    finally:
        order.answer.cancel()


def _code_waits(gateway: Gateway, context: Context, port: int) -> bool:
    """Whether a one-time code waits for a SIM of the port."""
    sims = [sim_id for sim_id, seen in gateway.port_registry.sims().items() if seen.port == port]
    with context.store.readers.lend() as db:
        return any(send_queue.waits(db, sim_id, Priority.OTP) for sim_id in sims)


def _number(numbering: Numbering, text: str) -> str:
    try:
        return numbering.e164(text)
    except ValueError as error:
        raise AdminError(Text("{number} is no number of a mobile phone.", number=text)) from error
