"""`gatewayd status`: the state of the daemon, ports, SIMs and queue."""

from __future__ import annotations

import os
import threading

from config.language.text import Sentences
from gatewayd.admin import companies, fleet, sims
from gatewayd.admin.context import Context
from gatewayd.admin.loop_test import shown
from gatewayd.gateway import Gateway
from gatewayd.sending.queue_age import QueueAge, duration
from gatewayd.sending.queue_state import QueueState
from gatewayd.sims.known_ports import KnownPort
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.tables import parts
from gatewayd.timekeeping.clock import iso
from gatewayd.version import VERSION
from modem.port import status_text
from modem.port.conditions import REMEDIES
from modem.port.status import PortStatus


def _counted(gateway: Gateway) -> QueueState:
    """The waiting parts by SIM and the pending messages. Only the writer has the counts, so it is asked for them."""
    try:
        return gateway.queue_state()
    except StoreUnavailableError:
        return gateway.queue_state()  # its first commit failed because of another change in the same commit


def status(context: Context) -> dict[str, object]:
    """Return the state of daemon, ports, SIMs, queue, quotas, disk, clock, and the threads with their ids in /proc."""
    gateway = context.running()
    queue_now = _counted(gateway)
    parts_waiting, pending = queue_now.waiting, queue_now.age
    port_registry, storage = gateway.port_registry.ports(), gateway.dispatcher.modem_memory
    with context.store.readers.lend() as db:
        awaited = parts.awaited_reports(db)
        ways = {
            number: (storage.via(db, port)[0].value, storage.why_direct(db, port))
            for number, port in port_registry.items()
        }
    old = [sim_id for sim_id in gateway.dispatcher.outage_backlog.queues() if parts_waiting.get(sim_id)]
    known = {port.number: port for port in context.ports.known() if port.replaced_by is None}
    ports = [_port(port, *ways[number], known.get(number)) for number, port in sorted(port_registry.items())]
    return {
        "version": VERSION,
        "process": os.getpid(),
        "up_s": round(gateway.up_s),
        "up": duration(gateway.up_s),
        "clock": _clock(context),
        "ports": ports,
        "messages": _messages(pending, awaited),
        "companies": companies.list_(context),
        "sims": sims.state(context),
        "fleet": fleet.brief(context),
        "webhooks": [  # those that need a person
            {
                "id": webhook.id,
                "company": webhook.company_id,
                "state": webhook.state,
                "reason": webhook.paused_for,
                "failing_since": None
                if webhook.progress.failing_since is None
                else iso(webhook.progress.failing_since),
            }
            for webhook in gateway.webhooks.list_(None)
            if webhook.state in ("failing", "paused")
        ],
        "loop_tests": [shown(test) for test in gateway.loop_tests.last()],
        "backlog_sims": old,  # SIMs whose queues hold messages from before an outage
        "threads": [{"name": thread.name, "id": thread.native_id} for thread in threading.enumerate()],
        "store": _store(context),
        "parts_waiting": {str(sim_id): count for sim_id, count in sorted(parts_waiting.items()) if count},
    }


def _port(port: PortStatus, submit_via: str, why_direct: str, known: KnownPort | None) -> dict[str, object]:
    """The state of a port and of its slots.

    `why_direct`: why it does not send from memory although it should, or "". `known`: its settings; None once it was removed.
    """
    paused_since = None if known is None else known.paused_since
    return {
        "port": port.port,
        "device": port.device,
        "source": None if known is None else known.source.value,
        "paused_since": None if paused_since is None else iso(paused_since),
        "state": port.state.value,
        "detail": Sentences((port.detail, why_direct)),
        "submit_via": submit_via,
        "model": port.model,
        "imei": port.imei,
        "busy": port.busy,
        "slot_switches": port.switches,
        "slot_switch_s": port.switch_s,
        "active_slot": port.active_slot,
        "conditions": [
            {"condition": condition.value, "remedy": REMEDIES[condition]} for condition in port.conditions
        ],
        "slots": [
            {
                "slot": slot.slot,
                "state": list(status_text.names(port, slot)),
                "sim": slot.sim.value,
                "iccid": slot.iccid,
                "number": slot.number,
                "operator": slot.operator,
                "registration": slot.registration.name.lower(),
                "signal_dbm": slot.signal_dbm,
                "has_smsc": slot.has_smsc,
            }
            for slot in port.slots
        ],
    }


def _clock(context: Context) -> dict[str, object]:
    """The time, and whether it is trusted."""
    clock = context.clock.status()
    return {
        "now": iso(context.clock.now()),
        "trusted": clock.trusted,
        "by": clock.by,
        "detail": clock.detail,
    }


def _messages(pending: QueueAge, awaited: int) -> dict[str, object]:
    """The pending messages. `awaited`: messages with outstanding delivery reports."""
    return {
        "pending": pending.messages,
        "oldest_pending_at": None if pending.oldest_at is None else iso(pending.oldest_at),
        "oldest_pending_s": pending.oldest_s,
        "oldest_pending": pending.age,
        "sent": awaited,
    }


def _store(context: Context) -> dict[str, object]:
    """The state of the database and its disk. Sizes are in bytes."""
    store = context.store
    disk = os.statvfs(store.path.parent)
    condition = store.condition
    return {
        "state": condition.state.value,
        "detail": condition.detail,
        "bytes": store.path.stat().st_size,
        "log_bytes": store.log_bytes,
        "free_bytes": disk.f_bavail * disk.f_frsize,
        "backup_failure": context.running().backups.last_failure,
    }
