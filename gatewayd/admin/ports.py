"""`gatewayd port …`: manage the ports, and search for modems."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Annotated, Final

from pydantic import Field, with_config
from typing_extensions import TypedDict

from config.language.text import Sentences, Text
from gatewayd.admin.context import ONLY_THESE, Context
from gatewayd.diagnostics import sim as sim_check
from gatewayd.diagnostics.findings import Grade
from gatewayd.errors import AdminError, GatewayError, InvalidRequestError, WrongUseError
from gatewayd.sims.known_ports import KnownPort, Source
from gatewayd.timekeeping.clock import SECOND, iso
from modem import discovery
from modem.discovery import Finding, ProbeResult
from modem.port import status_text
from modem.port.status import PortStatus

SEARCH_TIMEOUT_S: Final = 120.0
"""The longest time of a search for modems: a few dozen devices, of which each takes half a minute at most."""

# A port hands over its lines between two reads of its modem.
_RECALL_S: Final = 2.0

_SPEAKS: Final = {
    ProbeResult.AT: Text(
        "It answers AT commands but cannot send texts: use another interface of the same modem."
    ),
    ProbeResult.SILENT: Text("Nothing answers AT commands here: is a modem behind it, and powered?"),
}


Devices = Annotated[list[str], Field(max_length=64)]
"""Devices in which a search looks too, in the form of `device` in the configuration."""


@with_config(ONLY_THESE)
class Changes(TypedDict, total=False):
    """The settings of a port that `set_` may change; None: the default."""

    device: str
    baud: int | None
    slots: int | None
    pin: str | None
    smsc: str | None
    rtscts: bool | None


@with_config(ONLY_THESE)
class More(TypedDict, total=False):
    """The settings of a new port beside its number and device."""

    baud: int
    slots: int
    pin: str
    smsc: str
    rtscts: bool


def list_(context: Context) -> list[dict[str, object]]:
    """List the ports of the configuration file and of the database, with the state of each."""
    return [_one(context, port) for port in context.ports.known()]


def add(context: Context, port: int, device: str, settings: More | None = None) -> dict[str, object]:
    """Keep a port in the database, and start it where the daemon runs. Its PIN is not shown again."""
    with _admin_errors():
        made = context.ports.add({"port": port, "device": device, **(settings or {})}, context.clock.now())
    return _one(context, made)


def set_(context: Context, port: int, changes: Changes) -> dict[str, object]:
    """Change settings of a port of the database."""
    if not changes:
        raise WrongUseError(Text("Name at least one change."))
    with _admin_errors():
        return _one(context, context.ports.set(port, changes, context.clock.now()))


def remove(context: Context, port: int) -> dict[str, object]:
    """Remove a port of the database. `ended` false: it still finishes a message, and ends then."""
    with _admin_errors():
        return {"port": port, "ended": context.ports.remove(port)}


def pause(context: Context, port: int) -> dict[str, object]:
    """Pause a port: it finishes its message and closes its device until `resume`, also over a restart."""
    with _admin_errors():
        return _one(context, context.ports.pause(port, context.clock.now()))


def resume(context: Context, port: int) -> dict[str, object]:
    """Have a paused port work again."""
    with _admin_errors():
        return _one(context, context.ports.resume(port))


def restart(context: Context, port: int) -> dict[str, object]:
    """Restart the modem of a port, once its message is finished."""
    context.running()
    with _admin_errors():
        context.ports.restart(port)
    return _one(context, context.ports.one(port))


def history(context: Context, port: int) -> list[dict[str, object]]:
    """List the losses, recoveries, restarts and pauses of a port since the start of the daemon, newest first."""
    registry = context.running().port_registry
    with _admin_errors():
        context.ports.one(port)
    now, monotonic = context.clock.now(), context.clock.monotonic()
    return [
        {
            "at": iso(now - round((monotonic - change.at) * SECOND)),
            "state": change.state.value,
            "detail": change.detail,
        }
        for change in reversed(registry.changes(port))
    ]


def conversation(context: Context, port: int, after: float = 0.0) -> dict[str, object]:
    """Return the kept lines between the gateway and the modem of a port, secrets masked, oldest first.

    `until` is the time of the last one; `lines` None: there is nothing newer than `after`, an earlier `until`.
    """
    found = context.running().ports.get(port)
    if found is None:
        raise AdminError(Text("There is no port {port}.", port=port))
    try:
        recording = found.recall().result(_RECALL_S)
    except (TimeoutError, CancelledError) as error:
        raise AdminError(Text("The port does not answer now: try again later.")) from error
    if recording.until and recording.until == after:
        return {"until": after, "lines": None}
    lines = [
        {"at": iso(int(line.at * SECOND)), "direction": line.direction.name.lower(), "text": line.text}
        for line in recording.lines()
    ]
    return {"until": recording.until, "lines": lines}


def discover(context: Context, devices: Devices | None = None) -> dict[str, object]:
    """Search the serial devices that no port uses for modems; `devices` are further ones. The running ports go on."""
    search(context, devices)
    if context.modem_search.wait(SEARCH_TIMEOUT_S) is None:
        raise AdminError(Text("The search for modems did not end in time: try again later."))
    return found(context)


def search(context: Context, devices: Devices | None = None) -> dict[str, object]:
    """Begin such a search, unless one runs, and return without waiting for its end."""
    context.running()
    with _admin_errors():
        context.modem_search.begin([port.settings.device for port in context.ports.known()], devices or ())
    return found(context)


def found(context: Context) -> dict[str, object]:
    """The search that runs or ran last, without devices that have become ports since.

    `devices` None: it still runs, or there was none.
    """
    state, known = context.modem_search.state, context.ports.known()
    used = {port.settings.device for port in known}
    free = [each for each in state.findings or () if used.isdisjoint((each.device.name, each.device.path))]
    return {
        "running": state.running,
        "devices": None if state.findings is None else found_devices(free),
        "next_port": max((port.number for port in known), default=0) + 1,
    }


def found_devices(findings: Sequence[Finding]) -> list[dict[str, object]]:
    """The devices of a search: first one for each modem that can send, then those that cannot."""
    modems = discovery.modems(findings)
    used = {discovery.modem_of(modem.device) for modem in modems}
    others = [each for each in findings if discovery.modem_of(each.device) not in used]
    return [_found(each) for each in (*modems, *others)]


def _found(finding: Finding) -> dict[str, object]:
    return {
        "device": finding.device.name,
        "path": finding.device.path,
        "modem": finding.result is ProbeResult.SMS,
        "speaks": finding.result.value,
        "can_send": finding.can_send,
        "baud": finding.baud,
        "model": finding.model,
        "imei": f"…{finding.imei[-4:]}" if finding.imei else "",
        "iccid": f"…{finding.iccid[-4:]}" if finding.iccid else "",
        "operator": finding.operator,
        "signal_dbm": finding.signal_dbm,
        "sim": finding.sim.value,
        "registration": finding.registration.name.lower(),
        "has_smsc": finding.has_smsc,
        "missing": _missing(finding),
    }


def _missing(finding: Finding) -> list[str]:
    """What a person must do before this device can send, as sentences."""
    if finding.result is not ProbeResult.SMS:
        return [_SPEAKS.get(finding.result) or finding.detail]
    status = sim_check.SimStatus(
        finding.sim,
        finding.operator,
        finding.registration,
        finding.signal_dbm,
        finding.has_smsc,
        finding.iccid,
    )
    checks = sim_check.check("", status, has_pin=False)
    return [*filter(None, [finding.detail]), *(each.text for each in checks if each.grade is not Grade.OK)]


def _one(context: Context, port: KnownPort) -> dict[str, object]:
    if context.gateway is None:
        return _shown(port, None, "not_running")
    return _shown(port, context.gateway.port_registry.ports().get(port.number), "starting")


def _shown(port: KnownPort, status: PortStatus | None, without_status: str) -> dict[str, object]:
    """A port with its settings and its state. The PIN is never shown. `without_status`: its state where there is no status."""
    settings = port.settings
    runs = status is not None and port.replaced_by is None
    slot = status.active if status is not None and runs else None
    return {
        "port": port.number,
        "device": settings.device,
        "source": port.source.value,
        "state": _state(port, status, without_status),
        "detail": _detail(port, status),
        "paused_since": None if port.paused_since is None else iso(port.paused_since),
        "replaced_by": port.replaced_by,
        "baud": settings.baud,
        "slots": settings.slots,
        "has_pin": settings.pin is not None,
        "smsc": settings.smsc,
        "rtscts": settings.rtscts,
        "may_change": port.source is Source.DATABASE,
        "model": status.model if status is not None and runs else "",
        "sim": [] if status is None or slot is None else list(status_text.names(status, slot)),
        "number": "" if slot is None else slot.number,
        "operator": "" if slot is None else slot.operator,
        "signal_dbm": None if slot is None else slot.signal_dbm,
        "busy": status is not None and runs and status.busy,
    }


def _state(port: KnownPort, status: PortStatus | None, without_status: str) -> str:
    if port.replaced_by is not None:
        return "replaced"
    if status is not None:
        return status.state.value
    return "paused" if port.paused_since is not None else without_status


def _detail(port: KnownPort, status: PortStatus | None) -> str:
    if port.replaced_by is not None:
        return Text(
            "Port {port} of the configuration file has this number or device, and runs in its place.",
            port=port.replaced_by,
        )
    return "" if status is None else status.detail


@contextmanager
def _admin_errors() -> Iterator[None]:
    """Raise AdminError, with the faults of each field, where the gateway refuses."""
    try:
        yield
    except InvalidRequestError as error:
        faults = [Text("{field}: {fault}", field=each.field, fault=each.message) for each in error.faults]
        raise AdminError(Sentences(faults, "; ")) from error
    except GatewayError as error:
        raise AdminError(*error.args) from error
