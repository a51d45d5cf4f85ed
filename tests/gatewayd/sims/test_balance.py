"""Balances are read while a SIM has no work, in the notations of many operators; a missing amount is logged once."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import BalanceSettings
from gatewayd.sims.balance_sources import source_of
from gatewayd.sims.balance_text import amount, read
from gatewayd.store.tables import sims
from modem.driver.ussd import Reply, Session, UssdAnswer, UssdUnavailableError
from tests.conftest import eventually
from tests.gatewayd.box import Box
from tests.gatewayd.played_ports import PlayedGateway, PlayedPort

PATTERN = BalanceSettings(operator="x", code="#1#").pattern
ICCID = "8922302000000000010"


def amount_in(text: str, pattern: re.Pattern[str]) -> float | None:
    reading = read(text, pattern)
    return None if reading is None else reading.amount


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Votre solde est de 1 234 FCFA, valable jusqu'au 31/12/2030.", 1234),
        ("Solde: 1234F", 1234),
        ("1.234,50 CFA", 1234.5),
        ("1,234.50 F CFA", 1234.5),
        ("Crédit 1\u202f234\u202f567\u00a0FCFA", 1_234_567),  # narrow no-break and no-break spaces
        ("Crédit 12\u2009345 XOF", 12_345),
        ("0 FCFA", 0),
        ("0,50 F", 0.5),
        ("Solde 12,5F. Bonus 500 F", 12.5),
        ("1.234 FCFA", 1234),
        ("1,234 FCFA", 1234),
        ("1.234.567 F", 1_234_567),
        ("Au 31/12/2030 1500 FCFA", 1500),
        ("Au 31.12.2030. 1 500 FCFA", 1500),
        ("Menu 1\n500 FCFA", 500),
        ("Forfait 250 Fois", None),
        ("Code inconnu", None),
        ("FCFA", None),
        ("1.23.4 F", None),
        ("", None),
    ],
)
def test_an_amount_is_found_in_the_operators_notations(text: str, found: float | None) -> None:
    assert amount_in(text, PATTERN) == found


@given(st.text(max_size=200))
def test_any_answer_is_parsed_without_an_exception(text: str) -> None:
    for found in (amount_in(text, PATTERN), amount_in(f"{text} F", PATTERN), amount(text)):
        assert found is None or found >= 0


@given(st.integers(0, 10**9), st.sampled_from([" ", "\u202f", "\u00a0", ".", ",", ""]))
def test_thousands_may_have_any_separator(value: int, mark: str) -> None:
    assert amount_in(f"Solde {value:,} FCFA".replace(",", mark), PATTERN) == value


class UssdPort(PlayedPort):
    """A port that answers USSD codes as the test sets it."""

    def __init__(self) -> None:
        super().__init__()
        self.codes: list[tuple[str, int | None]] = []
        self.answers: list[str | Exception] = []

    def ussd(self, code: str, replies: Sequence[str] = (), slot: int | None = None) -> Future[UssdAnswer]:
        self.codes.append((code, slot))
        future: Future[UssdAnswer] = Future()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(UssdAnswer(1, 1, ICCID, (Reply(Session.DONE, answer),), 0))
        return future


@pytest.fixture
def asked_port(tmp_path: Path) -> Iterator[tuple[PlayedGateway, UssdPort]]:
    """A gateway that asks port 1 for the balance of Orange SIMs regularly."""
    port = UssdPort()
    played = PlayedGateway(tmp_path)
    played.close()
    played.settings = played.settings.model_copy(
        update={"balance": (BalanceSettings(operator="orange", code="#123#", every_s=0.05),)}
    )
    played.ports[1] = port
    played.open()
    yield played, port
    played.close()


def insert_orange_sim(played: PlayedGateway) -> None:
    played.up(1, ICCID)
    played.set_sim(ICCID, operator="Orange ML")


def pass_time(played: PlayedGateway) -> bool:
    """Advance the time by a second. Repeat it until a condition holds: the gateway may count from a later moment."""
    played.clock.passed += 1
    return True


def balance(played: PlayedGateway) -> tuple[float, int | None]:
    row = played.row("SELECT balance, balance_at FROM sims")
    return row[0], row[1]


def test_a_balance_is_read_and_read_again_when_it_is_old(asked_port: tuple[PlayedGateway, UssdPort]) -> None:
    played, port = asked_port
    port.answers = ["Solde: 1 234,5 F", "Solde: 1 000 F"]
    insert_orange_sim(played)
    eventually(lambda: balance(played) == (1234.5, played.clock.at))
    assert len(port.codes) == 1
    played.clock.at += 60_000_000
    eventually(lambda: balance(played) == (1000, played.clock.at))
    assert set(port.codes) == {("#123#", 1)}
    _, [sim] = played.gateway.sims(played.caller)
    assert (sim.balance, sim.balance_at) == (1000, played.clock.at)


def test_a_balance_is_read_again_after_the_clock_was_set_back(
    asked_port: tuple[PlayedGateway, UssdPort],
) -> None:
    played, port = asked_port
    port.answers = ["1 F", "2 F"]
    insert_orange_sim(played)
    eventually(lambda: balance(played)[0] == 1)
    played.clock.at -= 10**15
    eventually(lambda: balance(played) == (2, played.clock.at))


def due(played: PlayedGateway) -> list[int]:
    """The SIMs that would be asked now: the test cannot wait for nothing to happen."""
    with played.store.readers.lend() as db:
        known = sims.shown(db, "")
    settings = played.settings.balance
    sources = {sim.id: source_of(sim, settings, []) for sim in known}
    return [sim.id for sim, _ in played.gateway.balances._due(known, sources)]  # noqa: SLF001


def test_no_balance_is_read_for_another_operator_or_a_busy_sim(
    asked_port: tuple[PlayedGateway, UssdPort],
) -> None:
    played, port = asked_port
    port.answers = ["1 F"]
    played.up(1, ICCID)
    played.set_sim(ICCID, operator="Malitel")
    played.send()
    assert due(played) == []
    played.set_sim(ICCID, operator="Orange")
    assert due(played) == []  # a message waits
    played.claim(1)
    eventually(lambda: balance(played)[0] == 1)


def test_an_answer_without_an_amount_is_logged_once(
    asked_port: tuple[PlayedGateway, UssdPort], caplog: pytest.LogCaptureFixture
) -> None:
    played, port = asked_port
    port.answers = ["Code inconnu 1234"]
    with caplog.at_level(logging.DEBUG):
        insert_orange_sim(played)
        eventually(lambda: port.codes)
        eventually(lambda: pass_time(played) and len(port.codes) > 3)
    warnings = [record for record in caplog.records if "does not fit" in record.getMessage()]
    assert len(warnings) == 1
    assert "1234" not in caplog.text  # the network's answer may hold private data
    assert balance(played) == (0, None)


def test_a_port_that_is_unavailable_is_asked_again_later(asked_port: tuple[PlayedGateway, UssdPort]) -> None:
    played, port = asked_port
    port.answers = [UssdUnavailableError("no"), "7 F"]
    insert_orange_sim(played)
    eventually(lambda: len(port.codes) == 1)
    eventually(lambda: pass_time(played) and balance(played)[0] == 7)


def test_an_answer_from_another_card_is_not_stored(asked_port: tuple[PlayedGateway, UssdPort]) -> None:
    played, port = asked_port
    port.answers = ["7 F"]
    played.up(1, "8922302000000009999")
    played.set_sim("8922302000000009999", operator="Orange")
    eventually(lambda: len(port.codes) > 1)
    assert balance(played) == (0, None)


def test_the_daemon_reads_balances_of_both_slots_of_a_port(build: Callable[..., Box]) -> None:
    box = build(slots={1: 2}, dispatch="slot_visit_s = 1")
    extra = '[[balance]]\noperator = "Orange"\ncode = "#123#"\nevery_s = 1\n'
    extra += '[[balance]]\noperator = "malitel"\ncode = "*101#"\nevery_s = 1\n'
    box.config.write_text(box.config.read_text() + extra)
    box.start_bank(
        "--submit-s", "0.05", "--delivery-s", "0.05", "--personality", "ec25", "--time-scale", "0.05"
    )
    box.start_quick_gateway(0.1)
    box.sims_ready(2)

    def balances_are_read() -> bool:
        sims = box.get("sms/sims/available")["data"]["available_sims"]
        return all(sim["balance"] == 1250 and sim["balance_at"] for sim in sims)

    eventually(balances_are_read)
    assert [sim["balance"] for sim in box.cli("sim", "list")] == [1250, 1250]
