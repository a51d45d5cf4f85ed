"""The needs of the box for a person: each fault with its remedy, and the page that helps. The gravest come first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from api.dashboard.overview.words import SIM_REMEDIES, port_word, sim_word
from config.language.text import Sentences, Text
from gatewayd.admin.box_state import BoxState, PortBox, SlotState
from gatewayd.store.engine.disk import LITTLE_BYTES, State
from gatewayd.timekeeping.clock import DAY
from modem.port.conditions import REMEDIES
from modem.port.status import PortState

# A box that makes backups each day has none for so long only where something is wrong.
_OLD_BACKUP = 7 * DAY

# So many modems are rarely unplugged one by one: their hub is off.
_MANY = 3


@dataclass(frozen=True, slots=True)
class Need:
    """Something that needs a person. `tone`: `bad` where messages are not sent or not kept, else `warn`."""

    tone: str
    about: Text
    remedy: str
    endpoint: str  # of the page that helps
    button: Text
    number: int | None = None  # of the port, SIM or webhook that the page shows


_DISK: Final = {
    State.SPARING: Text(
        "The disk is full. No new message is accepted; waiting ones are still sent. Delete files, for instance old backups:"
        " service returns by itself."
    ),
    State.STUCK: Text(
        "The database cannot be written, so no message is accepted or sent. Is the disk full, read-only or failing? Service"
        " returns by itself."
    ),
    State.DAMAGED: Text(
        "The database is damaged, so no message is accepted or sent. Stop the service, put a backup in its place, and start it"
        " again."
    ),
}


def needs(state: BoxState) -> list[Need]:
    """The needs of this moment."""
    found = [*_of_store(state), *_of_ports(state), *_of_sims(state), *_of_messages(state), *_of_box(state)]
    return sorted(found, key=lambda need: need.tone != "bad")


def _of_store(state: BoxState) -> Iterator[Need]:
    check = Text("Check the box")
    if state.condition.state is not State.OK:
        yield Need("bad", Text("Disk"), _DISK[state.condition.state], "check.check", check)
    elif state.stored is None:
        text = Text("The database does not answer. Does the disk hang, or does another program lock it?")
        yield Need("bad", Text("Database"), text, "check.check", check)
    elif state.free_bytes < LITTLE_BYTES:
        text = Text(
            "Only {free} MB are free on the disk: delete old files before it is full.",
            free=state.free_bytes // 1_000_000,
        )
        yield Need("warn", Text("Disk"), text, "check.check", check)


def _of_ports(state: BoxState) -> Iterator[Need]:
    if not state.ports:
        text = Text("No modem is set up yet, so no message can be sent.")
        yield Need("bad", Text("No port"), text, "ports.ports", Text("Add a modem"))
    absent = [port.status.port for port in state.ports if port.status.state is PortState.ABSENT]
    together = len(absent) >= _MANY
    if together:
        about = Text("Ports {ports}: not connected", ports=", ".join(map(str, absent)))
        text = Text("Is the hub with these modems plugged in, and its power supply strong enough?")
        yield Need("bad", about, text, "ports.ports", Text("Show the ports"))
    for port in state.ports:
        if not (together and port.status.state is PortState.ABSENT):
            yield from _of_port(port)


def _of_port(port: PortBox) -> Iterator[Need]:
    status, show = port.status, Text("Show the port")
    if status.state in (PortState.ABSENT, PortState.SICK):
        about = Text("Port {port}: {state}", port=status.port, state=port_word(status.state.value).text)
        yield Need("bad", about, status.detail, "ports.port", show, status.port)
        return
    about = Text("Port {port}", port=status.port)
    for condition in status.conditions:
        yield Need("warn", about, REMEDIES[condition], "ports.port", show, status.port)


def _of_sims(state: BoxState) -> Iterator[Need]:
    for port in state.ports:
        for slot in port.slots:
            if port.status.state is not PortState.ABSENT:
                yield from _of_slot(port, slot)
            if slot.sim is not None:
                yield from _of_balance(slot, _name(port, slot), slot.sim.id)


def _of_slot(port: PortBox, slot: SlotState) -> Iterator[Need]:
    remedy = SIM_REMEDIES.get(slot.states[-1])
    if remedy is not None and (slot.active or slot.states[-1] != "no_sim"):
        about = Text("{sim}: {state}", sim=_name(port, slot), state=sim_word(slot.states).text)
        yield Need("bad", about, remedy, "ports.port", Text("Show the port"), port.status.port)
    if slot.sim is not None and slot.sim.suspected_at is not None:
        text = Text(
            "The network refuses what this SIM card sends, while other SIM cards of the operator send. Has it credit, and is it"
            " registered in somebody's name? Ask the operator. It is tried with one message now and then."
        )
        about = Text("{sim}: perhaps blocked", sim=_name(port, slot))
        yield Need("bad", about, text, "sims.sim", Text("Show the SIM card"), slot.sim.id)


def _of_balance(slot: SlotState, name: Text, sim_id: int) -> Iterator[Need]:
    show = Text("Show the SIM card")
    if slot.low_balance:
        text = Text("Add credit before this SIM card stops sending.")
        yield Need("warn", Text("{sim}: low balance", sim=name), text, "sims.sim", show, sim_id)
    if slot.bundle_ending:
        text = Text("Renew the bundle, or messages will cost more than planned.")
        yield Need("warn", Text("{sim}: the bundle ends soon", sim=name), text, "sims.sim", show, sim_id)
    if slot.sim is not None and slot.sim.unreadable_since is not None:
        text = Text("The operator's answers about the balance cannot be read: teach the gateway their form.")
        about = Text("{sim}: balance not known", sim=name)
        yield Need("warn", about, text, "sims.sim", show, sim_id)


def _of_messages(state: BoxState) -> Iterator[Need]:
    count = 0 if state.stored is None else state.stored.undecided
    if count:
        text = Text(
            "The network may or may not have taken them. Ask the recipients or the operator, and decide for each message: sent,"
            " failed, or send it again."
        )
        about = Text("Messages in doubt wait for a decision: {count}", count=count)
        yield Need("warn", about, text, "messages.search", Text("Show the messages"))


def _of_box(state: BoxState) -> Iterator[Need]:
    if not state.clock.trusted:
        yield Need("warn", Text("The clock may be wrong"), state.clock.detail, "check.check", Text("Check the box"))  # fmt: skip
    for hook in () if state.stored is None else state.stored.troubled_webhooks:
        yield webhook_need(hook.id, paused=hook.paused)
    show = Text("Show the backups")
    if state.backups.failure:
        remedy = Sentences((Text("The last backup failed:"), state.backups.failure))
        yield Need("warn", Text("Backups"), remedy, "backups.backups", show)
    elif state.backups.newest_at is not None and state.at - state.backups.newest_at > _OLD_BACKUP:
        text = Text("The newest backup is more than a week old.")
        yield Need("warn", Text("Backups"), text, "backups.backups", show)


def webhook_need(webhook_id: int, *, paused: bool) -> Need:
    """A webhook whose receiver fails."""
    text = Text("Its receiver does not take the events; they are tried again. Is its server running?")
    if paused:
        text = Text(
            "Its receiver failed for so long that the webhook is paused. Repair the receiver, then switch the webhook on: it sends"
            " what was missed."
        )
    about = Text("Webhook {id} fails", id=webhook_id)
    return Need("warn", about, text, "webhooks.webhook", Text("Show the webhook"), webhook_id)


def _name(port: PortBox, slot: SlotState) -> Text:
    name = "" if slot.sim is None else slot.sim.shown_name
    if not name:
        return Text("Port {port}, slot {slot}", port=port.status.port, slot=slot.slot)
    return Text("{name} (port {port})", name=name, port=port.status.port)
