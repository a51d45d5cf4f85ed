"""The state of the whole box at one moment, as the first page of the dashboard shows it. Read at most every 2 s."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from config.settings import Settings
from gatewayd.admin.context import Context
from gatewayd.gateway import Gateway
from gatewayd.operations.metrics_snapshot import free_bytes
from gatewayd.sending.queue_age import QueueAge
from gatewayd.sims.balance_sources import settings_for
from gatewayd.store.engine.disk import Condition
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.tables import accounts, parts, sims
from gatewayd.store.tables.sims import Sim
from gatewayd.timekeeping.clock import SECOND, ClockStatus, Moment, month_of
from modem.port import status_text
from modem.port.status import PortStatus, SlotStatus

# The database answers a page within this time, or the page says that it does not.
_TIMEOUT_S: Final = 3.0

# The duration of a submission where no SIM has sent since the start.
_USUAL_SUBMISSION_S: Final = 4.0

# A time to come is shown by the minute, so that a page does not change each second.
_MINUTE: Final = 60 * SECOND


@dataclass(frozen=True, slots=True)
class SlotState:
    """A slot of a port and the SIM in it. Times are microseconds since the epoch; None: not known, or none."""

    slot: int
    active: bool  # the modem uses it
    states: tuple[str, ...]  # see `status_text.names`
    operator: str
    signal_dbm: int | None
    sim: Sim | None  # None: the gateway has not read it yet
    sending: bool
    rests_until: int | None
    waiting: int  # parts in its queue
    low_balance: bool
    bundle_ending: bool

    @property
    def is_ready(self) -> bool:
        """Whether it can send: the port works, and the SIM is registered and enabled."""
        return self.sim is not None and bool(self.sim.enabled) and {*self.states} <= _SENDING_STATES


_SENDING_STATES = frozenset({"ready", "roaming", "weak_signal"})


@dataclass(frozen=True, slots=True)
class PortBox:
    """A port with its slots."""

    status: PortStatus
    slots: tuple[SlotState, ...]


@dataclass(frozen=True, slots=True)
class QueueShare:
    """The queued parts of a company and priority. `oldest_at`: since when the first of them waits."""

    company_id: int
    company: str
    priority: int
    parts: int
    oldest_at: int | None


@dataclass(frozen=True, slots=True)
class TroubledWebhook:
    """A webhook that fails or is paused."""

    id: int
    company_id: int
    paused: bool
    since: int | None


@dataclass(frozen=True, slots=True)
class Quota:
    """The quota of a company in this month; `total` None: without limit."""

    used: int
    total: int | None


@dataclass(frozen=True, slots=True)
class Stored:
    """The data that only the store has."""

    age: QueueAge
    queue: tuple[QueueShare, ...]
    waiting: Mapping[int, int]  # SIM id → queued parts
    sims: Mapping[str, Sim]  # by ICCID
    undecided: int  # parts in doubt about which a person decides
    webhooks: int
    troubled_webhooks: tuple[TroubledWebhook, ...]
    quotas: Mapping[int, Quota]  # by company


@dataclass(frozen=True, slots=True)
class BackupState:
    """The regular backups: whether there are any, the time of the newest one, and the last failure ("": none)."""

    configured: bool
    newest_at: int | None
    failure: str


@dataclass(frozen=True, slots=True)
class BoxState:
    """The state of the box. `stored` None: the store does not answer."""

    at: int
    ports: tuple[PortBox, ...]
    stored: Stored | None
    parts_per_s: float  # that the SIMs which can send now send together
    condition: Condition
    free_bytes: int
    store_bytes: int
    clock: ClockStatus
    backups: BackupState

    def ends_at(self) -> int | None:
        """When the queue will be empty at the present rate, to the minute; None: it is empty, or nothing sends."""
        count = sum(self.stored.waiting.values()) if self.stored is not None else 0
        if not count or not self.parts_per_s:
            return None
        return _whole_minute(self.at + int(count / self.parts_per_s * SECOND))


def collect(context: Context, gateway: Gateway, settings: Settings) -> BoxState:
    """The state of this moment. Any thread may ask."""
    at = context.moment()
    stored = _stored(context, gateway, settings, at)
    rests = gateway.port_registry.rests(context.clock.monotonic())
    found = [
        PortBox(status, tuple(_slot(status, slot, stored, rests, settings, at) for slot in status.slots))
        for _, status in sorted(gateway.port_registry.ports().items())
    ]
    path = context.store.path
    return BoxState(
        at=at.now,
        ports=tuple(found),
        stored=stored,
        parts_per_s=_rate(found, gateway.submission_s()),
        condition=context.store.condition,
        free_bytes=free_bytes(path.parent),
        store_bytes=path.stat().st_size if path.exists() else 0,
        clock=context.clock.status(),
        backups=BackupState(
            settings.store.backup_dir is not None,
            gateway.backups.newest_at,
            gateway.backups.last_failure,
        ),
    )


def _stored(context: Context, gateway: Gateway, settings: Settings, at: Moment) -> Stored | None:
    dispatch = settings.dispatch
    decided_s = dispatch.in_doubt_wait_s + 2 * dispatch.submit_timeout_s
    try:
        queue_now = gateway.queue_state(_TIMEOUT_S)
        with context.shared.lists.lend() as db:
            companies = {row.id: row for row in accounts.companies(db, month_of(at.today))}
            known = {sim.iccid: sim for sim in sims.shown(db, at.today)}
            undecided = parts.undecided(db, at.now - int(decided_s * SECOND))
        hooks = gateway.webhooks.list_(None)
    except StoreUnavailableError:
        return None
    queue = [
        QueueShare(
            company_id,
            companies[company_id].name if company_id in companies else "",
            priority,
            count,
            queue_now.oldest.get((company_id, priority)),
        )
        for (company_id, priority), count in sorted(queue_now.by_company.items())
    ]
    troubled = [
        TroubledWebhook(each.id, each.company_id, each.state == "paused", each.progress.failing_since)
        for each in hooks
        if each.state in ("failing", "paused")
    ]
    return Stored(
        age=queue_now.age,
        queue=tuple(queue),
        waiting={sim_id: count for sim_id, count in queue_now.waiting.items() if count},
        sims=known,
        undecided=undecided,
        webhooks=len(hooks),
        troubled_webhooks=tuple(troubled),
        quotas={row.id: Quota(row.used, row.quota) for row in companies.values()},
    )


def _slot(
    status: PortStatus,
    slot: SlotStatus,
    stored: Stored | None,
    rests: Mapping[int, float],
    settings: Settings,
    at: Moment,
) -> SlotState:
    sim = None if stored is None else stored.sims.get(slot.iccid)
    if (
        sim is None and stored is not None
    ):  # a locked card does not tell its ICCID: it is the one that was there
        sim = next(
            (each for each in stored.sims.values() if (each.port, each.slot) == (status.port, slot.slot)),
            None,
        )
    active = slot.slot == status.active_slot
    rest_s = None if sim is None else rests.get(sim.id)
    limits = None if sim is None else settings_for(sim, settings.balance)
    return SlotState(
        slot=slot.slot,
        active=active,
        states=status_text.names(status, slot),
        operator=slot.operator or ("" if sim is None else sim.shown_operator),
        signal_dbm=slot.signal_dbm,
        sim=sim,
        sending=active and status.busy,
        rests_until=None if rest_s is None else _whole_minute(at.now + int(rest_s * SECOND)),
        waiting=0 if sim is None or stored is None else stored.waiting.get(sim.id, 0),
        low_balance=sim is not None
        and limits is not None
        and sim.balance_at is not None
        and sim.balance < limits.low,
        bundle_ending=sim is not None
        and limits is not None
        and sim.bundle_end is not None
        and sim.bundle_end < at.now + int(limits.ending_s * SECOND),
    )


def _rate(ports: list[PortBox], submission_s: Mapping[int, float]) -> float:
    """The parts a second of the SIMs that can send now. A SIM that has not sent yet counts as the others do."""
    usual = sum(submission_s.values()) / len(submission_s) if submission_s else _USUAL_SUBMISSION_S
    return sum(
        1 / max(submission_s.get(slot.sim.id, usual), 0.01)
        for port in ports
        for slot in port.slots
        if slot.active and slot.is_ready and slot.rests_until is None and slot.sim is not None
    )


def _whole_minute(moment: int) -> int:
    return math.ceil(moment / _MINUTE) * _MINUTE
