"""`gatewayd watch`: follow the AT conversation of a port."""

from __future__ import annotations

from collections.abc import Generator

from config.language.text import Text
from gatewayd.admin.context import Context
from gatewayd.errors import AdminError
from gatewayd.sims.port_control import PortControl
from gatewayd.timekeeping.clock import SECOND, iso
from modem.at.transcript import Line, Watcher

# Between empty batches of an idle port: the control socket notices a closed connection only when it sends.
_BATCH_S = 0.5


def watch(context: Context, port: int) -> Generator[list[dict[str, object]], None, None]:
    """Yield the kept lines of a port's conversation, then the new ones, until the port stops. Batches may be empty.

    Raises AdminError if there is no such port.
    """
    ports = dict(context.running().ports.items())  # of one moment
    if port not in ports:
        known = ", ".join(map(str, sorted(ports))) or "none"
        raise AdminError(Text("there is no port {port}; the daemon has: {known}", port=port, known=known))
    return _conversation(port, ports[port])


def _conversation(number: int, port: PortControl) -> Generator[list[dict[str, object]], None, None]:
    watcher = Watcher()
    port.watch(watcher)
    try:
        more = True
        while more:
            lines, more = watcher.take(_BATCH_S)
            yield [_shown(number, line) for line in lines]
    finally:
        port.leave(watcher)


def _shown(port: int, line: Line) -> dict[str, object]:
    return {
        "port": port,
        "at": iso(int(line.at * SECOND)),
        "direction": line.direction.name.lower(),
        "text": line.text,
    }
