"""`gatewayd sim set`: unknown SIMs and companies are refused, and a company has at most one default SIM."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gatewayd.admin import companies, keys, sims
from gatewayd.admin.context import Context
from gatewayd.errors import AdminError
from gatewayd.sims.numbering import Numbering
from gatewayd.store.tables import sims as tables
from gatewayd.timekeeping.clock import Calendar
from modem.parts import Submission
from modem.port.interface import Rest
from tests.gatewayd.played_ports import A, B, C, PlayedGateway


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path, ports=3)
    for port, iccid in enumerate((A, B, C), 1):
        played.up(port, iccid)
    yield played
    played.close()


@pytest.fixture
def admin(played: PlayedGateway) -> Context:
    calendar, numbering = Calendar(played.settings.numbers.zone), Numbering(played.settings.numbers)
    return Context(played.store, played.clock, calendar, numbering, played.gateway)


def defaults(admin: Context) -> dict[object, list[object]]:
    """Return the default SIMs of each company."""
    found: dict[object, list[object]] = {}
    for sim in sims.list_(admin):
        if sim["default"]:
            found.setdefault(sim["company"], []).append(sim["id"])
    return found


@pytest.mark.parametrize("changes", [{}, {"company_id": None}, {"enabled": False}, {"company_id": 1}])
@pytest.mark.parametrize("sim", [999, 0, -1])
def test_a_sim_that_does_not_exist_is_refused_and_nothing_changes(
    played: PlayedGateway, admin: Context, changes: sims.Changes, sim: int
) -> None:
    sims.set_(admin, played.sim(A), {}, default=True)
    before = sims.list_(admin)
    for default in (True, False):
        with pytest.raises(AdminError, match=f"no SIM {sim}"):
            sims.set_(admin, sim, changes, default=default)
    assert sims.list_(admin) == before


@pytest.mark.parametrize("sim", ["A", "B"])
def test_a_company_that_does_not_exist_is_refused_and_nothing_changes(
    played: PlayedGateway, admin: Context, sim: str
) -> None:
    sims.set_(admin, played.sim(A), {}, default=True)
    before = sims.list_(admin)
    with pytest.raises(AdminError, match="no company 99"):
        sims.set_(admin, played.sim({"A": A, "B": B}[sim]), {"company_id": 99}, default=True)
    assert sims.list_(admin) == before


def test_a_default_that_moves_leaves_one_default_at_most(played: PlayedGateway, admin: Context) -> None:
    a, b, c = (played.sim(iccid) for iccid in (A, B, C))
    other_company = int(str(companies.add(admin, "Other")["id"]))
    sims.set_(admin, a, {"company_id": played.company}, default=True)
    sims.set_(admin, b, {"company_id": other_company}, default=True)
    sims.set_(admin, c, {}, default=True)
    assert defaults(admin) == {played.company: [a], other_company: [b], None: [c]}
    sims.set_(admin, a, {"company_id": other_company})  # the other company keeps its default
    assert defaults(admin) == {other_company: [b], None: [c]}
    sims.set_(admin, b, {"company_id": None})
    assert defaults(admin) == {None: [c]}
    sims.set_(admin, c, {"company_id": played.company})  # it had no default
    assert defaults(admin) == {played.company: [c]}
    sims.set_(admin, c, {"company_id": played.company})  # the SIM is there already
    assert defaults(admin) == {played.company: [c]}
    sims.set_(admin, a, {"company_id": played.company}, default=True)
    assert defaults(admin) == {played.company: [a]}
    for company in (
        None,
        played.company,
        other_company,
    ):  # a SIM moves as the default where the command says so
        sims.set_(admin, c, {"company_id": company}, default=True)
        assert defaults(admin)[company] == [c]


def test_the_store_refuses_a_second_default(played: PlayedGateway) -> None:
    played.set_sim(A, is_default=1)
    with pytest.raises(sqlite3.IntegrityError):
        played.set_sim(B, is_default=1)


@pytest.mark.parametrize(
    "changes",
    [
        {"enabled": True},
        {"enabled": False},
        {"company_id": None},
        {"daily_limit": None},
        {"daily_limit": 5},
        {"monthly_limit": None},
        {"number": "+22370000099"},
        {"operator": "Orange"},
        {"cost": 1.0},
    ],
)
def test_each_change_of_a_sim_wakes_the_idle_ports(
    played: PlayedGateway, admin: Context, changes: sims.Changes
) -> None:
    before = [port.wakes for port in played.ports.values()]
    sims.set_(admin, played.sim(A), changes)
    assert all(port.wakes > old for port, old in zip(played.ports.values(), before, strict=True))


def test_each_change_of_companies_and_keys_wakes_the_idle_ports(
    played: PlayedGateway, admin: Context
) -> None:
    key = int(str(keys.add(admin, played.company)["id"]))
    changes: list[Callable[[], object]] = [
        lambda: companies.set_(admin, played.company, {"quota": 5}),
        lambda: companies.set_(admin, played.company, {"active": False}),
        lambda: keys.set_(admin, key, {"active": False}),
    ]
    for change in changes:
        before = played.ports[1].wakes
        change()
        assert played.ports[1].wakes > before


def test_a_sim_that_is_enabled_sends_its_waiting_messages_at_once(
    played: PlayedGateway, admin: Context
) -> None:
    a = played.sim(A)
    played.send("waits", sim=a)
    sims.set_(admin, a, {"enabled": False})
    assert played.next(1) == Rest()
    wakes = played.ports[1].wakes
    sims.set_(admin, a, {"enabled": True})
    assert played.ports[1].wakes > wakes
    assert isinstance(played.next(1), Submission)


def test_a_refused_change_wakes_no_port(played: PlayedGateway, admin: Context) -> None:
    wakes = played.ports[1].wakes
    with pytest.raises(AdminError):
        sims.set_(admin, 999, {"enabled": True})
    assert played.ports[1].wakes == wakes


def test_a_sim_that_is_cleared_sends_again_at_once(played: PlayedGateway, admin: Context) -> None:
    sim = played.sim(A)
    played.store.write(lambda db: tables.set_suspected(db, sim, 1))
    played.gateway.port_registry.suspect(sim)
    played.gateway.port_registry.rest(sim, played.clock.monotonic() + 3600)
    played.send(sim=sim)
    assert isinstance(played.next(1), Rest)
    assert sims.show(admin, sim)["suspected_blocked_since"] is not None
    assert sims.clear(admin, sim)["suspected_blocked_since"] is None
    assert isinstance(played.next(1), Submission)
    with pytest.raises(AdminError, match="no SIM 999"):
        sims.clear(admin, 999)


def test_the_usage_of_a_sim_is_what_it_took_against_its_limits(played: PlayedGateway, admin: Context) -> None:
    sim = played.sim(A)
    sims.set_(admin, sim, {"daily_limit": 5, "daily_recipients": 3})
    played.send("a" * 200, sim=sim)
    (used,) = [one for one in sims.usage(admin) if one["id"] == sim]
    assert (used["daily_limit"], used["daily_parts"], used["daily_recipients"]) == (1, 2, 1)
    assert (used["monthly_limit"], used["monthly_parts"]) == (1, 2)
    assert [one["daily_recipients"] for one in sims.usage(admin) if one["id"] != sim] == [None, None]
