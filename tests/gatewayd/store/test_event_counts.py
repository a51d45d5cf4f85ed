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
from tests.gatewayd.played_ports import RECIPIENT, A, B, PlayedGateway, refused


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path, in_doubt="fail", max_attempts=2)
    played.up(1, A)
    played.up(2, B)
    yield played
    played.close()


def counts(played: PlayedGateway) -> dict[tuple[str, int, str], int]:
    """By event, port and cause."""
    rows = played.store.write(event_counts.read)
    return {(row.event, row.port, row.cause): row.count for row in rows}


def report(played: PlayedGateway, port: int, reference: int, status: int) -> None:
    status_report = StatusReport("", reference, RECIPIENT, None, None, status)
    played.gateway.dispatcher.reported(played.statuses[port], status_report)


def test_each_step_of_a_message_is_counted_once_on_its_sim(played: PlayedGateway) -> None:
    sim = played.sim(A)
    played.send("a" * 200, sim=sim)  # two parts
    first = played.claim(1)
    second = played.settle(1, first, Submitted(7))
    played.settle(1, second, Submitted(8))  # type: ignore[arg-type]
    for reference in (7, 8, 8):
        report(played, 1, reference, 0)
    assert counts(played) == {
        ("message_accepted", 1, ""): 1,
        ("part_sent", 1, ""): 2,
        ("message_sent", 1, ""): 1,
        ("part_delivered", 1, ""): 2,
        ("message_delivered", 1, ""): 1,
    }


def test_refusals_are_counted_by_cause_and_undeliverable_parts_too(played: PlayedGateway) -> None:
    sim = played.sim(B)
    played.send(sim=sim)
    played.settle(2, played.claim(2), refused(Kind.RECIPIENT, 1))
    played.send(sim=sim)
    played.settle(2, played.claim(2), Submitted(9))
    report(played, 2, 9, 0x46)
    counted = counts(played)
    assert counted[("part_refused", 2, "CMS 1")] == 1
    assert counted[("part_undelivered", 2, "")] == 1
    assert counted[("message_failed", 2, "")] == 2


def test_a_part_in_doubt_is_not_counted_as_sent_before_its_report(played: PlayedGateway) -> None:
    played.send(sim=played.sim(A))
    played.settle(1, played.claim(1), InDoubt("no answer"))
    played.restart()
    counted = counts(played)
    assert ("part_sent", 1, "") not in counted
    assert counted == {}  # counts begin at 0 with a start, and the doubt was counted before it
    played.up(1, A)
    played.send(sim=played.sim(A))
    played.claim(1)
    played.restart()
    assert counts(played) == {("part_in_doubt", 1, ""): 1}  # the start puts it in doubt


def test_rolled_back_changes_are_not_counted(played: PlayedGateway) -> None:
    played.send()
    before = counts(played)

    def fail(db: Connection) -> None:
        db.execute("UPDATE parts SET state = 'submitted'")
        raise StoreUnavailableError("no disk")

    with pytest.raises(StoreUnavailableError):
        played.store.write(fail)
    assert counts(played) == before
