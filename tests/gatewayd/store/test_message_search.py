"""The search for messages: every filter, pages, and the bound on the rows that one request reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gatewayd.admin import commands
from gatewayd.admin.context import Context
from gatewayd.records import Caller, Draft, Options
from gatewayd.store.tables import accounts, message_search
from gatewayd.timekeeping.clock import SECOND
from tests.gatewayd.played_ports import A, B, PlayedGateway, administration_context
from tests.gatewayd.store.test_query_plans import ONE_ROW, WHOLE, plans, record_statements


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path, ports=2)
    played.up(1, A)
    played.up(2, B)
    yield played
    played.close()


def keep(played: PlayedGateway, recipient: str, text: str, company: int | None = None, **more: Any) -> str:
    """Accept a message a second after the last one; its id."""
    played.clock.at += SECOND
    caller = Caller(0, played.company if company is None else company, admin=True)
    draft = Draft(recipient, text, more.pop("reference", None))
    record, _ = played.gateway.submit(caller, draft, Options(**more), None, 0)
    return record.sms_id  # type: ignore[union-attr]


def found(context: Context, **wanted: object) -> list[str]:
    """The ids of a page."""
    page: Any = commands.run(context, "message.search", wanted)
    return [one["sms_id"] for one in page["messages"]]


def test_each_filter_finds_its_messages(played: PlayedGateway) -> None:
    context = administration_context(played)
    other = played.store.write(lambda db: accounts.add_company(db, "Other", None, 0))
    first = keep(played, "+22370000001", "Bonjour Awa, 100 % offert", reference="order 1")
    second = keep(played, "+22370000002", "Rappel_de paiement", campaign_id=7)
    middle = played.clock.at
    third = keep(played, "+22370000001", "Votre code", company=other, sim_id=played.sim(B))
    fourth = keep(
        played, "+22370000012", "bonjour Moussa", company=other, campaign_id=8, sim_id=played.sim(A)
    )
    played.gateway.cancel(Caller(0, other, admin=True), fourth)
    for wanted, ids in (
        ({}, [fourth, third, second, first]),
        ({"number": "+223 70 00 00 01"}, [third, first]),
        ({"number": "70000001"}, [third, first]),
        ({"number": "012"}, [fourth]),
        ({"number": "70000001", "company": other}, [third]),
        ({"reference": "order 1"}, [first]),
        ({"reference": "order 1", "company": other}, []),
        ({"campaign": 7}, [second]),
        ({"campaign": 7, "company": other}, []),
        ({"campaign": 8, "company": other}, [fourth]),
        ({"status": "cancelled"}, [fourth]),
        ({"sim": played.sim(B), "company": other}, [third]),
        ({"company": other}, [fourth, third]),
        ({"company": other, "since": middle + 1}, [fourth, third]),
        ({"company": played.company, "until": middle}, [first]),
        ({"since": middle}, [fourth, third, second]),
        ({"until": middle}, [first]),
        ({"until": middle, "number": "70000001"}, [first]),
        ({"text": "BONJOUR"}, [fourth, first]),
        ({"text": "100 %", "company": played.company}, [first]),
        ({"text": "Rappel_"}, [second]),
        ({"text": "l_de"}, [second]),
        ({"text": "l%e"}, []),
    ):
        assert found(context, **wanted) == ids, wanted


def test_pages_follow_each_other_without_a_gap(played: PlayedGateway) -> None:
    context = administration_context(played)
    kept = [keep(played, "+22370000001", f"n{n}", campaign_id=1, reference="r") for n in range(7)]
    for wanted in (
        {},
        {"company": played.company},
        {"campaign": 1},
        {"reference": "r"},
        {"number": "70000001"},
    ):
        before, seen = None, []
        for _ in range(4):
            page: Any = commands.run(
                context, "message.search", {**wanted, "limit": 2} | ({"before": before} if before else {})
            )
            seen += [one["sms_id"] for one in page["messages"]]
            before = page["next"]
        assert seen == kept[::-1]
        assert before is None


def test_a_search_reads_a_bounded_number_of_rows_and_goes_on_from_there(
    played: PlayedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_search, "BUDGET", 4)
    monkeypatch.setattr(message_search, "SCATTERED_BUDGET", 3)
    context = administration_context(played)
    wanted = keep(played, "+22370000001", "the one", campaign_id=1)
    for _ in range(7):
        keep(played, "+22370000002", "another", campaign_id=1)
    for filters, steps in (
        ({}, [(0, 4), (1, None)]),
        ({"company": played.company}, [(0, 3), (0, 3), (1, None)]),
        ({"campaign": 1}, [(0, 3), (0, 3), (1, None)]),
    ):
        before: dict[str, int] = {}
        for found_here, read in steps:
            page: Any = commands.run(context, "message.search", {"text": "the one", **filters, **before})
            assert [one["sms_id"] for one in page["messages"]] == [wanted] * found_here
            assert page["exhausted"] == read
            before = {"before": page["next"]}
        assert page["next"] is None


def test_no_search_reads_a_whole_table(played: PlayedGateway) -> None:
    context = administration_context(played)
    keep(played, "+22370000001", "Bonjour", campaign_id=7, reference="r")
    statements: list[str] = []
    record_statements(played, statements)
    plain: tuple[dict[str, object], ...] = (
        {},
        {"number": "70000001"},
        {"number": "0001"},
        {"reference": "r"},
        {"campaign": 7},
        {"company": played.company},
        {"since": 1, "until": played.clock.at + 1},
    )
    for wanted in plain:
        commands.run(context, "message.search", {**wanted, "text": "jour"})
    commands.run(context, "campaign.list", {})
    commands.run(context, "campaign.list", {"company": played.company})
    commands.run(context, "campaign.show", {"company": played.company, "campaign": 7})
    steps = list(plans(played, statements))
    assert len(steps) > 20
    assert [step for step in steps if WHOLE.search(step[1]) and step[0] != ONE_ROW] == []
