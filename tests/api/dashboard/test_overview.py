"""The first page: what needs a person, the queue, figures, and what a person of a company sees of them."""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient

from api.app import create_app
from api.dashboard.guard import COOKIE
from api.dashboard.overview import plots
from api.dashboard.overview.needs import needs
from api.dashboard_app import create_dashboard
from config.language.catalogue import sentence
from gatewayd.accounts.persons import Sessions
from gatewayd.admin import users
from gatewayd.admin.box_state import (
    BackupState,
    BoxState,
    PortBox,
    Quota,
    SlotState,
    Stored,
    TroubledWebhook,
)
from gatewayd.daemon.control_client import ask
from gatewayd.operations.figures import Figures
from gatewayd.records import Priority, Status
from gatewayd.sending.queue_age import QueueAge
from gatewayd.store.engine.disk import Condition, State
from gatewayd.store.tables import accounts
from gatewayd.store.tables.hourly_counts import Counts
from gatewayd.store.tables.sims import Sim
from gatewayd.timekeeping.clock import DAY, HOUR, SECOND, ClockStatus
from modem.parts import Submitted
from modem.port.conditions import REMEDIES
from modem.port.conditions import Condition as PortCondition
from modem.port.status import PortState, PortStatus, SlotStatus
from tests.conftest import Running, eventually
from tests.dashboard_visitor import DEADLINE_S, PASSWORD, Visitor, visitor
from tests.gatewayd.played_ports import A, PlayedGateway, administration_context

NAME = 'Malitel <script>alert("1")</script>'
FIRST_PAGE_BYTES = 100_000
NOW = 1_800_000_000_000_000

SIM = Sim(
    id=1,
    daily_limit=None,
    monthly_limit=None,
    daily_parts=None,
    monthly_parts=None,
    daily_recipients=None,
    monthly_recipients=None,
    reset_hour=0,
    iccid="8922301000000000001",
    name="Orange 1",
    shown_number="+22370000001",
    shown_operator="Orange ML",
    company_id=None,
    company_name=None,
    is_default=0,
    enabled=1,
    cost=25.0,
    balance=900.0,
    balance_at=NOW,
    port=1,
    slot=1,
    today_sent=12,
    today_failed=0,
    holder=None,
    registered_on=None,
    suspected_at=None,
    balance_read_at=NOW,
    bundle_units=100,
    bundle_end=NOW + 9 * DAY,
    unreadable_since=None,
    renewed_at=None,
    renew_code=None,
)
SLOT = SlotState(1, True, ("ready",), "Orange ML", -71, SIM, False, None, 0, False, False)
PORT = PortStatus(1, "/dev/ttyUSB0", PortState.UP, "Ready.", (SlotStatus(1),), 1)
STORED = Stored(QueueAge(0, None, None), (), {}, {}, 0, 0, (), {})
WELL = BoxState(
    at=NOW,
    ports=(PortBox(PORT, (SLOT,)),),
    stored=STORED,
    parts_per_s=0.25,
    condition=Condition(State.OK),
    free_bytes=10**10,
    store_bytes=10**6,
    clock=ClockStatus(True, "ntp", "The clock is right."),
    backups=BackupState(True, NOW - DAY, ""),
)


def with_slot(**changes: object) -> BoxState:
    return replace(WELL, ports=(PortBox(PORT, (replace(SLOT, **changes),)),))  # type: ignore[arg-type]


def with_port(**changes: object) -> BoxState:
    return replace(WELL, ports=(PortBox(replace(PORT, **changes), (SLOT,)),))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "about", "endpoint", "number"),
    [
        (replace(WELL, ports=()), "No port", "ports.ports", None),
        (with_port(state=PortState.ABSENT, detail="It is not there."), "Port 1: Not connected", "ports.port", 1),
        (with_port(state=PortState.SICK, detail="No answer."), "Port 1: Does not answer", "ports.port", 1),
        (with_port(conditions=(PortCondition.MEMORY_FULL,)), "Port 1", "ports.port", 1),
        (with_slot(states=("pin_required",)), "Orange 1 (port 1): PIN needed", "ports.port", 1),
        (with_slot(states=("puk_required",)), "Orange 1 (port 1): PUK needed", "ports.port", 1),
        (with_slot(states=("no_sim",), sim=None), "Port 1, slot 1: No SIM card", "ports.port", 1),
        (with_slot(states=("denied",)), "Orange 1 (port 1): Network refuses it", "ports.port", 1),
        (with_slot(sim=replace(SIM, suspected_at=NOW)), "Orange 1 (port 1): perhaps blocked", "sims.sim", 1),
        (with_slot(low_balance=True), "Orange 1 (port 1): low balance", "sims.sim", 1),
        (with_slot(bundle_ending=True), "Orange 1 (port 1): the bundle ends soon", "sims.sim", 1),
        (with_slot(sim=replace(SIM, unreadable_since=NOW)), "Orange 1 (port 1): balance not known", "sims.sim", 1),
        (replace(WELL, condition=Condition(State.SPARING, "full")), "Disk", "check.check", None),
        (replace(WELL, free_bytes=10**8), "Disk", "check.check", None),
        (replace(WELL, stored=None), "Database", "check.check", None),
        (replace(WELL, stored=replace(STORED, undecided=3)), "Messages in doubt wait for a decision: 3", "messages.search", None),
        (replace(WELL, clock=ClockStatus(False, None, "Set it.")), "The clock may be wrong", "check.check", None),
        (replace(WELL, stored=replace(STORED, troubled_webhooks=(TroubledWebhook(7, 1, True, None),))), "Webhook 7 fails", "webhooks.webhook", 7),
        (replace(WELL, backups=BackupState(True, None, "no room")), "Backups", "backups.backups", None),
        (replace(WELL, backups=BackupState(True, NOW - 9 * DAY, "")), "Backups", "backups.backups", None),
    ],
)  # fmt: skip
def test_each_fault_is_named_with_its_remedy_and_the_page_that_helps(
    state: BoxState, about: str, endpoint: str, number: int | None
) -> None:
    (need,) = needs(state)
    assert (need.about, need.endpoint, need.number) == (about, endpoint, number)
    assert len(need.remedy) > 5
    assert sentence(need.about, "fr")
    assert sentence(need.button, "fr") != need.button


def test_a_box_without_faults_needs_nobody() -> None:
    assert needs(WELL) == []
    assert needs(with_slot(active=False, states=("no_sim",))) == []  # an empty slot that nobody uses


def test_many_absent_modems_are_one_need() -> None:
    absent = replace(PORT, state=PortState.ABSENT)
    ports = tuple(PortBox(replace(absent, port=number), ()) for number in range(1, 5))
    (need,) = needs(replace(WELL, ports=ports))
    assert need.about == "Ports 1, 2, 3, 4: not connected"


def test_the_gravest_comes_first() -> None:
    state = with_port(conditions=(PortCondition.MEMORY_NEARLY_FULL,))
    found = needs(replace(state, condition=Condition(State.STUCK, "")))
    assert [need.tone for need in found] == ["bad", "warn"]
    assert found[1].remedy == REMEDIES[PortCondition.MEMORY_NEARLY_FULL]


def test_the_end_of_the_queue_follows_from_what_the_sims_send() -> None:
    waiting = replace(WELL, stored=replace(STORED, waiting={1: 100}, quotas={1: Quota(0, None)}))
    end = waiting.ends_at()
    assert end is not None
    assert 0 <= end - (NOW + 400 * SECOND) < 60 * SECOND
    assert replace(waiting, parts_per_s=0.0).ends_at() is None
    assert WELL.ends_at() is None


def test_few_sims_have_a_line_of_their_own_and_the_others_are_drawn_together() -> None:
    by_sim = {sim_id: Counts(sent=100 - sim_id) for sim_id in range(1, 21)}
    figures = Figures([(0, {}), (HOUR, by_sim)], [(0, by_sim)])
    found = plots.document(figures, {1: "First"}, str, str, str)
    assert found["day"]["labels"] == ["0", str(HOUR)]
    names = [series["name"] for series in found["day"]["sim"]]
    assert (names[0], names[1], names[-1], len(names)) == ("First", "SIM 2", "Others", 8)
    assert sum(series["values"][1] for series in found["day"]["sim"]) == sum(
        counts.sent for counts in by_sim.values()
    )
    assert "sim" not in plots.document(figures, None, str, str, str)["day"]


@pytest.fixture(scope="module")
def named(running: Running) -> Running:
    """The shared gateway with a SIM whose name would be a script in a careless page."""
    ask(running.settings.store.path, "sim.set", {"sim": 2, "changes": {"name": NAME}}, DEADLINE_S)
    return running


def test_the_page_shows_ports_names_as_text_and_figures_as_tables(named: Running) -> None:
    client = visitor(named)
    # Pages of the last seconds share what was read: the name may be in the next one.
    eventually(lambda: "Malitel &lt;script&gt;" in client.text("/"))
    page = client.text("/")
    assert "Port 1" in page
    assert "<script>alert" not in page
    assert "Last 24 hours" in page


def test_sent_messages_are_in_the_figures(running: Running) -> None:
    client = visitor(running)

    def sent() -> int:
        document = client.get("/overview/figures.json").json()
        (series,) = (each for each in document["day"]["outcome"] if each["key"] == "sent")
        return int(sum(series["values"]))

    before = sent()
    body = {"recipient": "+22370123456", "message": "for the figures"}
    requests.post(f"{running.url}/sms/send", json=body, headers={"X-API-Key": running.key}, timeout=60)
    eventually(lambda: sent() > before)


def test_the_refreshed_part_is_not_sent_again_while_nothing_changes(running: Running) -> None:
    client = visitor(running)

    def unchanged_at(path: str) -> bool:
        tag = client.get(path).headers["ETag"]
        return client.get(path, headers={"If-None-Match": tag}).status_code == 304

    eventually(lambda: unchanged_at("/overview/live"))
    eventually(lambda: unchanged_at("/overview/figures.json"))


def test_a_company_sees_its_own_figures_and_nothing_of_the_box(named: Running) -> None:
    other: Any = ask(named.settings.store.path, "company.add", {"name": "Other"}, DEADLINE_S)
    client = visitor(named, "company", other["id"])
    for page in (client.text("/"), client.text("/overview/live")):
        assert "Sent today" in page
        for word in ("Malitel", "Port 1", "Disk", "Pending", "Demo"):
            assert word not in page, word
    assert "sim" not in client.get("/overview/figures.json").json()["day"]


def test_a_company_sees_its_own_queue_and_figures_and_not_those_of_another(tmp_path: Path) -> None:
    played = PlayedGateway(tmp_path, ports=1)
    played.up(1, A)
    sent = played.send()
    played.settle(1, played.claim(1), Submitted(1))
    assert played.view(sent).status is Status.SENT
    waiting = [played.send(priority=Priority.OTP) for _ in range(7)]
    other = played.store.write(lambda db: accounts.add_company(db, "Other", None, 0))
    for company, parts, figures in ((played.company, len(waiting), 1), (other, 0, 0)):
        client = _client(played, company)
        page = client.get("/overview/live").text
        found = re.search(r"SMS waiting</dt><dd>(\d+)", page)
        assert found is not None
        assert found[1] == str(parts)
        assert ("One-time codes" in page) == bool(parts)
        series = client.get("/overview/figures.json").json["month"]["outcome"][0]  # type: ignore[index]
        assert sum(series["values"]) == figures
    played.close()


def _client(played: PlayedGateway, company: int) -> FlaskClient:
    """A person of a company at the dashboard of a gateway without a server."""
    context = administration_context(played)
    sessions = Sessions(played.store, played.clock)
    api = create_app(played.gateway, played.settings)
    app = create_dashboard(played.gateway, context, played.settings, api.ip_access, sessions, api.wait_limit)
    login = f"company{company}"
    users.add(context, login=login, password=PASSWORD, role="company", company=company)
    client = app.test_client()
    client.set_cookie(COOKIE, sessions.log_in(login, PASSWORD, "127.0.0.1", "") or "")
    return client


def test_the_parts_need_a_session(running: Running) -> None:
    client = Visitor(running.url.removesuffix("/api"))
    for path in ("/overview/live", "/overview/figures.json"):
        assert client.get(path).url.endswith("/login?next=" + path.replace("/", "%2F"))


def test_the_first_page_is_small(running: Running) -> None:
    """With its style sheets, scripts and figures, as they go over the line."""
    client = visitor(running)
    page = client.text("/")
    files = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert len(files) >= 6
    total = len(gzip.compress(page.encode(), 1))
    for address in {*files, "/overview/figures.json"}:
        answer = requests.get(client.url + address, stream=True, cookies=client.session.cookies, timeout=60)
        total += len(answer.raw.read(decode_content=False))
    assert total < FIRST_PAGE_BYTES
