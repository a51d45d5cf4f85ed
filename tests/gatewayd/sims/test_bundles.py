"""Bundles and low balances are told, unreadable answers change nothing, and a bundle is renewed once in a time at most."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from config.settings import BalanceSettings
from gatewayd.admin import sims as admin_sims
from gatewayd.operations.health import HealthState
from gatewayd.records import Audience
from gatewayd.sims.balance_text import DATE
from gatewayd.store.tables import events
from modem.driver.ussd import Reply, Session, UssdAnswer
from tests.conftest import eventually
from tests.gatewayd.box import Box
from tests.gatewayd.played_ports import PlayedGateway, PlayedPort, administration_context

PATTERN = BalanceSettings(operator="x", code="#1#").pattern
ICCID = "8922302000000000010"


class AnsweringPort(PlayedPort):
    """A port that answers every USSD code with the text that the test sets."""

    def __init__(self) -> None:
        super().__init__()
        self.codes: list[str] = []
        self.replies: list[tuple[str, ...]] = []
        self.answer_text = ""

    def ussd(self, code: str, replies: Sequence[str] = (), slot: int | None = None) -> Future[UssdAnswer]:
        del slot
        self.codes.append(code)
        if replies:
            self.replies.append(tuple(replies))
        future: Future[UssdAnswer] = Future()
        future.set_result(UssdAnswer(1, 1, ICCID, (Reply(Session.DONE, self.answer_text),), 0))
        return future


def balance(played: PlayedGateway) -> tuple[float, int | None]:
    row = played.row("SELECT balance, balance_at FROM sims")
    return row[0], row[1]


def pass_a_second(played: PlayedGateway) -> bool:
    """Advance the time by a second: the gateway may count from a moment after the last step."""
    played.clock.passed += 1
    return True


def state(played: PlayedGateway) -> tuple[int | None, str | None, bool]:
    """The texts left and the end of the bundle of the SIM, and whether its answers cannot be read."""
    sim = admin_sims.list_(administration_context(played))[0]
    return sim["bundle_units"], sim["bundle_end"], sim["unreadable_since"] is not None  # type: ignore[return-value]


def told(played: PlayedGateway) -> list[tuple[str, dict[str, object]]]:
    """The types and data of the events of the box."""
    audience = Audience(0, box=True, sandbox=False)
    with played.store.readers.lend() as db:
        found, _ = events.after(db, audience, 0, 10**9, None, 100)
    return [(event.type.value, dict(event.data or {})) for event in found]


class Watched:
    """A gateway that reads the balances of Orange SIMs with these settings, and answers as the test says."""

    def __init__(self, path: Path, **balance: Any) -> None:
        self.port = AnsweringPort()
        self.played = PlayedGateway(path)
        self.played.close()
        settings = BalanceSettings(
            operator="orange", **{"code": "#123#", "every_s": 0.05, "pattern": PATTERN, **balance}
        )
        often = BalanceSettings(operator="nobody", every_s=0.05)  # so often it looks for what is due
        self.played.settings = self.played.settings.model_copy(update={"balance": (settings, often)})
        self.played.ports[1] = self.port
        self.played.open()

    def _insert(self) -> None:
        self.played.up(1, ICCID)
        self.played.set_sim(ICCID, operator="Orange ML")

    def begin(self, answer: str) -> None:
        self.port.answer_text = answer
        self._insert()
        eventually(lambda: len(self.port.codes) == 1)

    def after(self, seconds: float, answer: str) -> None:
        """Advance the time, and wait until the next balance was asked and its answer recorded."""
        self.port.answer_text = answer
        self.played.clock.at += int(seconds * 1e6)
        self.played.clock.passed += max(seconds, 100)
        asked = self.asked("#123#")
        eventually(lambda: pass_a_second(self.played) and self.asked("#123#") > asked)
        self.settled()

    def restart(self) -> None:
        self.played.restart()
        self._insert()

    def settled(self) -> None:
        """Wait until no answer is being recorded."""
        eventually(lambda: not self.played.gateway.balances._asking)  # noqa: SLF001

    def asked(self, code: str) -> int:
        return self.port.codes.count(code)


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Callable[..., Watched]]:
    made: list[Watched] = []

    def make(**balance: Any) -> Watched:
        made.append(Watched(tmp_path, **balance))
        return made[-1]

    yield make
    for each in made:
        each.played.close()


BUNDLE = re.compile(rf"Solde (?P<amount>[0-9]+) F(?:.*?(?P<units>[0-9]+) SMS)?(?:.*?fin (?P<end>{DATE}))?")
DAY_S = 86_400


def test_an_answer_that_cannot_be_read_keeps_the_last_balance_and_is_told(
    watch: Callable[..., Watched],
) -> None:
    box = watch()
    box.begin("Solde: 800 F")
    eventually(lambda: balance(box.played)[0] == 800)
    read_at = balance(box.played)[1]
    checks = {check.name: check for check in box.played.gateway.checks()}
    assert checks["balances"].state is HealthState.PASS
    box.after(60, "Maintenance")
    assert balance(box.played) == (800, read_at)
    assert state(box.played)[2]
    checks = {check.name: check for check in box.played.gateway.checks()}
    assert checks["balances"].state is HealthState.WARN
    assert "SIM 1" in checks["balances"].detail
    box.after(60, "Solde: 700 F")
    assert balance(box.played)[0] == 700
    assert not state(box.played)[2]


def test_a_low_balance_is_told_once_until_it_rises(watch: Callable[..., Watched]) -> None:
    box = watch(low=500)
    box.begin("Solde: 800 F")
    for amount_, events_ in ((800, 0), (499, 1), (100, 1), (0, 1), (500, 1), (499, 2)):
        box.after(60, f"Solde: {amount_} F")
        assert [type_ for type_, _ in told(box.played)] == ["sim.low_balance"] * events_
    data = told(box.played)[0][1]
    assert (data["balance"], data["low"], data["sim_number_id"]) == (499, 500, 1)
    box.restart()
    box.after(60, "Solde: 400 F")
    assert len(told(box.played)) == 2


def test_the_end_of_a_bundle_is_told_once_before_it_comes(watch: Callable[..., Watched]) -> None:
    box = watch(pattern=BUNDLE, ending_s=2 * DAY_S, every_s=30 * DAY_S)
    box.begin("Solde 5 F, 40 SMS, fin 20/01/2027 12:00")  # in five days and four hours
    eventually(lambda: state(box.played) == (40, "2027-01-20T12:00:00.000000Z", False))
    assert told(box.played) == []
    box.played.clock.at += 3 * DAY_S * 1_000_000
    box.played.clock.passed += 3 * DAY_S
    assert told(box.played) == []
    box.played.clock.at += 5 * 3600 * 1_000_000
    eventually(lambda: pass_a_second(box.played) and told(box.played))
    eventually(lambda: pass_a_second(box.played) and len(told(box.played)) == 1)
    [(type_, data)] = told(box.played)
    assert type_ == "sim.bundle_ending"
    assert (data["bundle_end"], data["bundle_units"]) == ("2027-01-20T12:00:00.000000Z", 40)


def test_while_the_clock_is_not_trusted_no_bundle_ends(watch: Callable[..., Watched]) -> None:
    box = watch(pattern=BUNDLE, renew_code="*111#")
    box.played.clock.trusted = False
    box.begin("Solde 5 F, 0 SMS, fin 15/01/2027 12:00")
    box.after(60, "Solde 5 F, 0 SMS, fin 15/01/2027 12:00")
    assert told(box.played) == []
    assert box.asked("*111#") == 0


def test_a_bundle_that_is_used_up_is_renewed_once_in_a_time(watch: Callable[..., Watched]) -> None:
    box = watch(pattern=BUNDLE, renew_code="*111# 1", renew_every_s=3600)
    box.begin("Solde 5 F, 3 SMS")
    box.settled()
    assert box.asked("*111#") == 0
    box.after(60, "Solde 5 F, 0 SMS")
    eventually(lambda: box.asked("*111#") == 1)
    box.settled()
    for _ in range(3):  # it did not help, but it is too early to try again
        box.after(600, "Solde 5 F, 0 SMS")
    assert box.asked("*111#") == 1
    box.restart()
    box.after(600, "Solde 5 F, 0 SMS")
    assert box.asked("*111#") == 1
    box.after(3600, "Solde 5 F, 0 SMS")
    eventually(lambda: box.asked("*111#") == 2)
    assert box.port.replies == [("1",), ("1",)]
    eventually(lambda: admin_sims.list_(administration_context(box.played))[0]["renewed_at"] is not None)


def test_a_bundle_that_has_ended_is_renewed_and_never_again_while_the_answer_cannot_be_read(
    watch: Callable[..., Watched],
) -> None:
    box = watch(pattern=BUNDLE, renew_code="*111#", renew_every_s=3600)
    box.begin("Solde 5 F, 40 SMS, fin 15/01/2027 08:30")
    box.settled()
    assert state(box.played)[1] is not None
    box.after(3600, "Solde 5 F, 40 SMS, fin 15/01/2027 08:30")
    eventually(lambda: box.asked("*111#") == 1)
    box.settled()
    for _ in range(5):
        box.after(4000, "Maintenance")
    assert box.asked("*111#") == 1
    for _ in range(5):
        box.after(4000, "Solde 5 F")  # nothing is told of a bundle
    assert box.asked("*111#") == 1


def test_a_bundle_is_asked_again_when_it_has_ended_before_it_is_renewed(
    watch: Callable[..., Watched],
) -> None:
    box = watch(pattern=BUNDLE, renew_code="*111#", every_s=30 * DAY_S)
    box.begin("Solde 5 F, 40 SMS, fin 15/01/2027 08:30")
    box.settled()
    assert box.asked("#123#") == 1
    box.after(3600, "Solde 5 F, 90 SMS, fin 15/02/2027 08:30")  # a person renewed it
    assert box.asked("*111#") == 0
    assert state(box.played)[0] == 90


def test_without_a_code_no_bundle_is_renewed(watch: Callable[..., Watched]) -> None:
    box = watch(pattern=BUNDLE)
    box.begin("Solde 5 F, 0 SMS")
    box.after(60, "Solde 5 F, 0 SMS")
    assert set(box.port.codes) == {"#123#"}
    admin_sims.set_(administration_context(box.played), 1, {"renew_code": "*222#"})
    box.after(60, "Solde 5 F, 0 SMS")
    eventually(lambda: box.asked("*222#") == 1)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path, slots={1: 1})
    yield box
    box.stop()


def test_the_daemon_renews_a_bundle_that_is_used_up_through_a_menu(box: Box) -> None:
    section = '[[balance]]\noperator = "Orange"\ncode = "#123#"\nevery_s = 1\nrenew_code = "*100# 2"\n'
    section += "pattern = 'Solde (?P<amount>[0-9]+) F, (?P<units>[0-9]+) SMS'\n"
    box.config.write_text(box.config.read_text() + section)
    box.start_bank("--submit-s", "0.05", "--delivery-s", "0.05", "--time-scale", "0.05")
    box.order(do="ussd", code="#123#", answer="Solde 5 F, 3 SMS")
    box.start_quick_gateway(0.1)
    box.sims_ready(1)
    eventually(lambda: box.cli("sim", "list")[0]["bundle_units"] == 3, 30)
    assert set(box.order(do="ussd-asked")["codes"]) == {"#123#"}
    box.order(do="ussd", code="#123#", answer="Solde 5 F, 0 SMS")
    eventually(lambda: "2" in box.order(do="ussd-asked")["codes"], 30)
    asked = box.order(do="ussd-asked")["codes"]
    assert (asked.count("*100#"), asked.count("2")) == (1, 1)
    assert box.cli("sim", "show", 1)["renewed_at"]
