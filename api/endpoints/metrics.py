"""GET /metrics, at the root: metrics for Prometheus. Labels are ports, slots and SIM ids, never phone numbers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from flask import Blueprint, Flask, Response, g, request
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from api.access.ip_access import IpAccess
from api.documentation.operation import Access, Answer, Operation, Tag, described
from gatewayd.operations import metrics_snapshot
from gatewayd.operations.health import HealthState
from gatewayd.operations.metrics_snapshot import MetricsSnapshot, SimAccount, SimPlace
from gatewayd.store.engine.histogram import Durations, Histogram
from gatewayd.store.tables.event_counts import DISCARDED
from modem.port import status_text
from modem.port.conditions import Condition
from modem.port.status import PortState, PortStatus
from modem.sms.tpdu import Signal

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway

# A send waits up to a minute for its modem. All other requests should take less than a second.
_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"  # the format of `generate_latest`

_PLACE = ("port", "slot", "sim")

_WEBHOOK_STATES = ("ok", "failing", "paused", "disabled")

# Event → name without `_total`, and help text.
COUNTERS = {
    "part_sent": ("gatewayd_parts_sent", "Parts that the network accepted"),
    "part_refused": ("gatewayd_parts_refused", "Submissions that modem or network refused, by error code"),
    "part_in_doubt": ("gatewayd_parts_in_doubt", "Submissions whose outcome was unknown"),
    "part_delivered": ("gatewayd_parts_delivered", "Parts reported delivered"),
    "part_undelivered": ("gatewayd_parts_undelivered", "Parts that the network accepted and reported as failed"),
    "message_accepted": ("gatewayd_messages_accepted", "Messages accepted from clients"),
    "message_sent": ("gatewayd_messages_sent", "Messages whose parts the network all accepted"),
    "message_delivered": ("gatewayd_messages_delivered", "Messages whose parts were all reported delivered"),
    "message_failed": ("gatewayd_messages_failed", "Messages that failed for good"),
    "message_cancelled": ("gatewayd_messages_cancelled", "Messages cancelled by their clients"),
    "text_received": ("gatewayd_texts_received", "Complete texts received"),
    "text_discarded": ("gatewayd_texts_discarded", "Received messages that are no text, by kind"),
}  # fmt: skip


PATH = "/metrics"
"""The path at the root."""


_METRICS = Operation(
    Tag.BOX,
    "Metrics for Prometheus",
    {200: Answer("The text format of Prometheus.", mime="text/plain")},
    "For this box and `api.metrics_networks` alone.",
    access=Access.NONE,
)


def endpoints(gateway: Gateway, ip_access: IpAccess, requests: Durations[tuple[str, int]]) -> Blueprint:
    """The endpoint for Prometheus. `requests`: their durations by endpoint and code."""
    blueprint = Blueprint("metrics", __name__)
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Collector(gateway, requests))

    @blueprint.get(PATH)
    @described(_METRICS)
    def metrics() -> Response:
        ip_access.admit_to_metrics()
        return Response(generate_latest(registry), content_type=_CONTENT_TYPE)

    return blueprint


def measure_requests(app: Flask) -> Durations[tuple[str, int]]:
    """Measure the duration of each request to this application from now on, by endpoint and code.

    Call it before all other `before_request` functions, so that requests refused there are measured too.
    """
    durations: Durations[tuple[str, int]] = Durations(_REQUEST_SECONDS)

    def begin() -> None:
        g.began = time.monotonic()

    def end(response: Response) -> Response:
        # A path that the client made up is never a label: there is no limit to their number.
        endpoint = f"{request.method} {request.url_rule.rule}" if request.url_rule is not None else "other"
        durations.observe((endpoint, response.status_code), time.monotonic() - g.began)
        return response

    app.before_request(begin)
    app.after_request(end)
    return durations


class _Collector(Collector):
    """Reads the gateway at each scrape."""

    def __init__(self, gateway: Gateway, requests: Durations[tuple[str, int]]) -> None:
        self._gateway = gateway
        self._requests = requests

    def describe(self) -> list[Metric]:
        """Nothing, because `collect` would measure."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every family, also those without a sample."""
        snapshot = self._gateway.measure()
        yield from _counters(snapshot)
        yield from _queues(snapshot)
        yield from _ports(snapshot.ports)
        yield from _sims(snapshot)
        yield from _accounts(snapshot)
        yield from _box(snapshot)
        yield _checks(self._gateway)
        yield _requests(self._requests)


# Events with one more label than their place.
_CAUSES = {"part_refused": "cause", "text_discarded": "kind"}


def _counters(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    for event, (name, help_text) in COUNTERS.items():
        caused = event in _CAUSES
        known = [signal.value for signal in Signal] if event == DISCARDED else [] if caused else [""]
        # Counters begin at 0: Prometheus misses the first count of one that begins at 1.
        counts = {(queue.place, cause): 0 for queue in snapshot.queues for cause in known}
        counts |= {
            (count.place, count.cause): count.count for count in snapshot.counts if count.event == event
        }
        family = CounterMetricFamily(name, help_text, labels=(*_PLACE, _CAUSES[event]) if caused else _PLACE)
        for (place, cause), count in counts.items():
            family.add_metric([*_labels(place), cause] if caused else list(_labels(place)), count)
        yield family
    seconds = HistogramMetricFamily(
        "gatewayd_submission_seconds", "Seconds from submitting a part to the network's answer", labels=_PLACE
    )
    for place, histogram in snapshot.submission_s.items():
        seconds.add_metric(list(_labels(place)), _buckets(histogram), histogram.total_s)
    yield seconds


def _queues(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    gauges: tuple[tuple[str, str, Callable[[metrics_snapshot.Queue], float]], ...] = (
        ("gatewayd_parts_waiting", "Parts that wait in the queue", lambda queue: queue.waiting),
        ("gatewayd_parts_deferred", "Parts that wait for their next attempt", lambda queue: queue.deferred),
        (
            "gatewayd_parts_doubtful",
            "Parts in doubt: it is not known yet whether they were sent",
            lambda queue: queue.in_doubt,
        ),
        ("gatewayd_oldest_waiting_seconds", "Age of the oldest waiting message", lambda queue: queue.oldest_s),
    )  # fmt: skip
    for name, help_text, value in gauges:
        family = GaugeMetricFamily(name, help_text, labels=_PLACE)
        for queue in snapshot.queues:
            family.add_metric(list(_labels(queue.place)), value(queue))
        yield family


def _ports(ports: list[PortStatus]) -> Iterator[Metric]:
    state = GaugeMetricFamily("gatewayd_port_state", "1 for the state of a port", labels=("port", "state"))
    busy = GaugeMetricFamily("gatewayd_port_busy", "1 while the port submits a part", labels=("port",))
    switches = CounterMetricFamily(
        "gatewayd_port_slot_switches", "Switches to another slot", labels=("port",)
    )
    condition = GaugeMetricFamily(
        "gatewayd_port_condition",
        "1 for each condition of a port that needs an operator, as in `gatewayd status`",
        labels=("port", "condition"),
    )
    for port in ports:
        for held in Condition:
            condition.add_metric([str(port.port), held.value], held in port.conditions)
        for each in PortState:
            state.add_metric([str(port.port), each.value], port.state is each)
        busy.add_metric([str(port.port)], port.busy)
        switches.add_metric([str(port.port)], port.switches)
    yield from (state, condition, busy, switches)


def _sims(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    registered = GaugeMetricFamily(
        "gatewayd_sim_registered", "1 while the SIM is registered in a network", labels=_PLACE
    )
    state = GaugeMetricFamily(
        "gatewayd_sim_state",
        "1 for each state of a SIM, as in `gatewayd status`",
        labels=(*_PLACE, "state"),
    )
    signal = GaugeMetricFamily("gatewayd_sim_signal_dbm", "Signal strength, where it is known", labels=_PLACE)
    ports = {port.port: port for port in snapshot.ports}
    for sim_id, sim in sorted(snapshot.sims.items()):
        labels = list(_labels((sim.port, sim.slot, sim_id)))
        registered.add_metric(labels, sim.registered)
        port = ports.get(sim.port)
        if port is None or sim.slot > len(port.slots):
            continue
        slot = port.slots[sim.slot - 1]
        for name in status_text.names(port, slot):
            state.add_metric([*labels, name], 1)
        if slot.signal_dbm is not None:
            signal.add_metric(labels, slot.signal_dbm)
    yield from (registered, state, signal)


def _accounts(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    gauges: tuple[tuple[str, str, Callable[[SimAccount], float | None]], ...] = (
        ("gatewayd_sim_balance", "The last balance that was read", lambda sim: sim.balance),
        ("gatewayd_sim_bundle_units", "Texts left in the bundle", lambda sim: sim.bundle_units),
        ("gatewayd_sim_bundle_end_seconds", "End of the bundle, Unix time", lambda sim: sim.bundle_end_s),
        (
            "gatewayd_sim_balance_unreadable",
            "1 while the answers about the balance cannot be read",
            lambda sim: sim.unreadable,
        ),
        (
            "gatewayd_sim_suspected_blocked",
            "1 while the operator is suspected of blocking the SIM",
            lambda sim: sim.suspected,
        ),
    )
    for name, help_text, value in gauges:
        family = GaugeMetricFamily(name, help_text, labels=_PLACE)
        for sim in snapshot.accounts:
            known = value(sim)
            if known is not None:
                family.add_metric(list(_labels(sim.place)), known)
        yield family


def _box(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    commits = HistogramMetricFamily("gatewayd_commit_seconds", "Seconds that the disk took to sync a commit")
    if snapshot.commit_s is not None:
        commits.add_metric([], _buckets(snapshot.commit_s), snapshot.commit_s.total_s)
    yield commits
    yield GaugeMetricFamily(
        "gatewayd_store_bytes", "Size of the database and its journal", value=snapshot.store_bytes
    )
    yield GaugeMetricFamily("gatewayd_events", "Events that are kept", value=snapshot.events)
    webhooks = GaugeMetricFamily("gatewayd_webhooks", "Webhooks in each state", labels=("state",))
    for state in _WEBHOOK_STATES:
        webhooks.add_metric([state], snapshot.webhooks.get(state, 0))
    yield webhooks
    yield GaugeMetricFamily(
        "gatewayd_disk_free_bytes",
        "Free space on the file system of the database",
        value=snapshot.disk_free_bytes,
    )
    yield GaugeMetricFamily(
        "gatewayd_store_answers",
        "1 if the store answered in time; else the counts are those of the last scrape",
        value=snapshot.store_answers,
    )


def _checks(gateway: Gateway) -> Metric:
    family = GaugeMetricFamily(
        "gatewayd_check", "The checks of /api/health: 0 pass, 1 warn, 2 fail", labels=("check",)
    )
    values = {HealthState.PASS: 0, HealthState.WARN: 1, HealthState.FAIL: 2}
    for check in gateway.checks():
        family.add_metric([check.name], values[check.state])
    family.add_metric(["ready"], 0 if gateway.ready() else 2)
    return family


def _requests(durations: Durations[tuple[str, int]]) -> Metric:
    family = HistogramMetricFamily(
        "gatewayd_http_request_seconds",
        "Seconds from the complete request to the response; a send waits for its modem",
        labels=("endpoint", "code"),
    )
    for (endpoint, code), histogram in sorted(durations.histograms().items()):
        family.add_metric([endpoint, str(code)], _buckets(histogram), histogram.total_s)
    return family


def _labels(place: SimPlace) -> tuple[str, str, str]:
    port, slot, sim = place
    return str(port), str(slot), str(sim)


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    return [("+Inf" if bound == float("inf") else str(bound), count) for bound, count in histogram.buckets]
