"""Counts are exactly the committed events: each step of a message once, on its SIM."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewayd.store.engine.connection import Connection
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.tables import event_counts
from modem.errors import Kind
from modem.parts import InDoubt, Submitted
from modem.sms.tpdu import StatusReport
from tests.gatewayd.played_ports import RECIPIENT, House, refused

A, B = "8922301000000000001", "8922301000000000002"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, in_doubt="fail", max_attempts=2)
    house.up(1, A)
    house.up(2, B)
    yield house
    house.close()


def counts(house: House) -> dict[tuple[str, int, str], int]:
    """By event, port and cause."""
    rows = house.store.write(event_counts.read)
    return {(row.event, row.port, row.cause): row.count for row in rows}


def report(house: House, port: int, reference: int, status: int) -> None:
    told = StatusReport("", reference, RECIPIENT, None, None, status)
    house.gateway.dispatcher.reported(house.statuses[port], told)


def test_each_step_of_a_message_is_counted_once_on_its_sim(house: House) -> None:
    sim = house.sim(A)
    house.send("a" * 200, sim=sim)  # two parts
    first = house.claim(1)
    second = house.settle(1, first, Submitted(7))
    house.settle(1, second, Submitted(8))  # type: ignore[arg-type]
    for reference in (7, 8, 8):
        report(house, 1, reference, 0)
    assert counts(house) == {
        ("message_accepted", 1, ""): 1,
        ("part_sent", 1, ""): 2,
        ("message_sent", 1, ""): 1,
        ("part_delivered", 1, ""): 2,
        ("message_delivered", 1, ""): 1,
    }


def test_refusals_are_counted_by_cause_and_undeliverable_parts_too(house: House) -> None:
    sim = house.sim(B)
    house.send(sim=sim)
    house.settle(2, house.claim(2), refused(Kind.RECIPIENT, 1))
    house.send(sim=sim)
    house.settle(2, house.claim(2), Submitted(9))
    report(house, 2, 9, 0x46)
    told = counts(house)
    assert told[("part_refused", 2, "CMS 1")] == 1
    assert told[("part_undelivered", 2, "")] == 1
    assert told[("message_failed", 2, "")] == 2


def test_a_doubt_is_no_part_sent_until_a_report_says_so(house: House) -> None:
    house.send(sim=house.sim(A))
    house.settle(1, house.claim(1), InDoubt("no answer"))
    house.restart()
    told = counts(house)
    assert ("part_sent", 1, "") not in told
    assert told == {}  # counts begin at 0 with a start, and the doubt was counted before it
    house.up(1, A)
    house.send(sim=house.sim(A))
    house.claim(1)
    house.restart()
    assert counts(house) == {("part_in_doubt", 1, ""): 1}  # put in doubt at the start


def test_rolled_back_changes_are_not_counted(house: House) -> None:
    house.send()
    before = counts(house)

    def fail(db: Connection) -> None:
        db.execute("UPDATE parts SET state = 'submitted'")
        raise StoreUnavailableError("no disk")

    with pytest.raises(StoreUnavailableError):
        house.store.write(fail)
    assert counts(house) == before
