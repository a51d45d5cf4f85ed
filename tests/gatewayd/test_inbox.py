"""Inbound texts: kept whole and once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from modem.charset import Alphabet
from modem.tpdu import Concat, Deliver
from modem.work import Unreadable
from tests.gatewayd.house import House

A = "8922301000000000001"
SENT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    house.up(1, A)
    yield house
    house.close()


def text(body: str, concat: Concat | None = None, sender: str = "+22376000001") -> Deliver:
    return Deliver("", sender, body, SENT, concat, Alphabet.UCS2, None, 0, 8)


def receive(house: House, *texts: Deliver | Unreadable) -> None:
    for each in texts:
        house.gateway.dispatcher.received(house.statuses[1], each)


def kept(house: House) -> list[str]:
    with house.store.readers.lend() as db:
        return [row[0] for row in db.execute("SELECT text FROM inbox ORDER BY id")]


def test_a_text_read_twice_is_kept_once(house: House) -> None:
    receive(house, text("hello"), text("hello"), text("other"))
    assert kept(house) == ["hello", "other"]


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))))
def test_parts_are_put_together_in_whatever_order_they_come(house: House, order: tuple[int, ...]) -> None:
    parts = {seq: text(body, Concat(9, 8, 3, seq)) for seq, body in ((1, "one "), (2, "two "), (3, "three"))}
    for seq in order:
        assert kept(house) == []
        receive(house, parts[seq], parts[seq])
    assert kept(house) == ["one two three"]
    assert house.row("SELECT count(*) FROM inbox_parts")[0] == 0


def test_halves_of_an_emoji_in_two_parts_find_each_other(house: House) -> None:
    receive(house, text("a\ud83d", Concat(1, 8, 2, 1)), text("\ude00b", Concat(1, 8, 2, 2)))
    assert kept(house) == ["a😀b"]


def test_the_same_reference_of_other_senders_and_widths_is_another_text(house: House) -> None:
    receive(
        house,
        text("x", Concat(1, 8, 2, 1)),
        text("y", Concat(1, 16, 2, 2)),
        text("z", Concat(1, 8, 2, 2), sender="+22376000002"),
    )
    assert kept(house) == []


def test_what_cannot_be_read_is_set_aside(house: House) -> None:
    receive(house, Unreadable("0791ZZ", "not hexadecimal"))
    assert house.row("SELECT pdu, reason FROM unreadable")[:] == ("0791ZZ", "not hexadecimal")
