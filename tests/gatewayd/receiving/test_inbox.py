"""Inbound texts are stored completely and once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from gatewayd.records import Caller, InboxFilter, InboxRecord
from gatewayd.store.engine.connection import connect_writer
from gatewayd.store.migrations import migrations
from gatewayd.store.tables import accounts
from modem.port.interface import Unreadable
from modem.sms.gsm7 import Alphabet
from modem.sms.tpdu import Concat, Deliver, parse
from tests.gatewayd.played_ports import A, PlayedGateway

SENT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path)
    played.up(1, A)
    yield played
    played.close()


def text(body: str, concat: Concat | None = None, sender: str = "+22376000001", late_s: float = 0) -> Deliver:
    sent_at = SENT + timedelta(seconds=late_s)
    return Deliver("", sender, body, sent_at, concat, Alphabet.UCS2, None, 0, 8)


def receive(played: PlayedGateway, *texts: Deliver | Unreadable) -> None:
    for each in texts:
        played.gateway.dispatcher.received(played.statuses[1], each)


def inbox_texts(played: PlayedGateway) -> list[str]:
    with played.store.readers.lend() as db:
        return [row[0] for row in db.execute("SELECT text FROM inbox ORDER BY id")]


def test_a_text_that_is_read_twice_is_stored_once(played: PlayedGateway) -> None:
    receive(played, text("hello"), text("hello"), text("other"))
    assert inbox_texts(played) == ["hello", "other"]


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))))
def test_parts_are_joined_in_any_order_of_arrival(played: PlayedGateway, order: tuple[int, ...]) -> None:
    parts = {seq: text(body, Concat(9, 8, 3, seq)) for seq, body in ((1, "one "), (2, "two "), (3, "three"))}
    for seq in order:
        assert inbox_texts(played) == []
        receive(played, parts[seq], parts[seq])
    assert inbox_texts(played) == ["one two three"]


def test_an_emoji_split_between_two_parts_is_joined(played: PlayedGateway) -> None:
    receive(played, text("a\ud83d", Concat(1, 8, 2, 1)), text("\ude00b", Concat(1, 8, 2, 2)))
    assert inbox_texts(played) == ["a😀b"]


def test_the_same_reference_of_other_senders_and_widths_is_another_text(played: PlayedGateway) -> None:
    receive(
        played,
        text("x", Concat(1, 8, 2, 1)),
        text("y", Concat(1, 16, 2, 2)),
        text("z", Concat(1, 8, 2, 2), sender="+22376000002"),
    )
    assert inbox_texts(played) == []


def test_an_unreadable_message_is_stored_separately(played: PlayedGateway) -> None:
    receive(played, Unreadable("0791ZZ", "not hexadecimal"))
    assert played.row("SELECT pdu, reason FROM unreadable")[:] == ("0791ZZ", "not hexadecimal")


# The same octets again

STAMPS_WITHOUT_DATE = [
    "00000000000000",
    "FFFFFFFFFFFFFF",
    "62001221436500",
    "62201321436500",
    "62111242436500",
]
STAMPS_WITH_DATE = ["62112201000000", "621122010000E1"]


def deliver(
    stamp: str, user_data: str = "0161", *, first: str = "04", pid: str = "00", dcs: str = "00"
) -> Deliver:
    decoded = parse(f"00{first}0B912273000010F0{pid}{dcs}{stamp}{user_data}")
    assert isinstance(decoded, Deliver)
    return decoded


def delete(played: PlayedGateway, text: Deliver) -> None:
    played.gateway.dispatcher.deleted(played.statuses[1], text)


@pytest.mark.parametrize("stamp", STAMPS_WITHOUT_DATE)
def test_a_text_without_a_date_is_a_repetition_until_the_first_was_deleted(
    played: PlayedGateway, stamp: str
) -> None:
    receive(played, deliver(stamp), deliver(stamp))
    assert inbox_texts(played) == ["a"]
    delete(played, deliver(stamp))
    receive(played, deliver(stamp), deliver(stamp))
    assert inbox_texts(played) == ["a", "a"]


@pytest.mark.parametrize("stamp", STAMPS_WITH_DATE)
def test_a_text_with_a_date_is_a_repetition_after_its_deletion_too(played: PlayedGateway, stamp: str) -> None:
    receive(played, deliver(stamp))
    delete(played, deliver(stamp))
    played.restart()
    played.up(1, A)
    receive(played, deliver(stamp))
    assert inbox_texts(played) == ["a"]


def test_two_stamps_that_are_no_dates_are_two_texts(played: PlayedGateway) -> None:
    receive(played, *(deliver(stamp) for stamp in STAMPS_WITHOUT_DATE))
    assert inbox_texts(played) == ["a"] * len(STAMPS_WITHOUT_DATE)


@pytest.mark.parametrize("stamp", [*STAMPS_WITH_DATE, *STAMPS_WITHOUT_DATE])
def test_copies_that_are_in_memory_at_once_are_separate_texts(played: PlayedGateway, stamp: str) -> None:
    copies = [replace(deliver(stamp), copy=number) for number in range(3)]
    receive(played, *copies)
    played.restart()  # a crash before they were deleted
    played.up(1, A)
    receive(played, *copies)
    assert inbox_texts(played) == ["a", "a", "a"]


@pytest.mark.parametrize("order", [(1, 2, 1, 2), (1, 1, 2, 2), (2, 1, 1, 2), (2, 2, 1, 1)])
def test_copies_of_a_long_text_are_assembled_separately(
    played: PlayedGateway, order: tuple[int, ...]
) -> None:
    parts = {
        seq: deliver("62112201000000", f"070500030902{seq:02X}6{seq}", first="44", dcs="04") for seq in (1, 2)
    }
    received: list[int] = []
    for seq in order:
        receive(played, replace(parts[seq], copy=received.count(seq)))
        received.append(seq)
    assert inbox_texts(played) == ["6162", "6162"]


def test_a_stamp_without_a_time_zone_is_read_by_the_clock_of_the_box(played: PlayedGateway) -> None:
    receive(played, deliver("621122010000E1"))
    (view,) = played.gateway.inbox(admin(played), InboxFilter(limit=10))[0]
    assert (
        view.sent_at == int(datetime(2026, 11, 22, 10, tzinfo=UTC).timestamp()) * 1_000_000
    )  # Bamako has UTC


# Messages that are not texts, and data for programs


@pytest.mark.parametrize(
    ("pid", "dcs", "kind"),
    [("40", "00", "type_0"), ("00", "C8", "voicemail"), ("00", "C0", "voicemail"), ("7F", "F6", "sim_data")],
)
def test_messages_that_are_not_texts_are_counted_and_not_stored(
    played: PlayedGateway, pid: str, dcs: str, kind: str
) -> None:
    receive(played, deliver("62112201000000", "0161", pid=pid, dcs=dcs))
    receive(played, deliver("62112201000100", "0161", pid=pid, dcs=dcs))
    assert inbox_texts(played) == []
    counts = [count for count in played.gateway.measure().counts if count.event == "text_discarded"]
    assert [(count.cause, count.count) for count in counts] == [(kind, 2)]


@pytest.mark.parametrize(
    ("user_data", "dcs", "nature"),
    [
        ("08 06 05040B8423F0 01", "F5", ("data", "8bit", 2948, "01")),  # WAP push
        ("08 06 050415810000 61", "00", ("data", "gsm7", 5505, "")),
        ("04 0102 0304", "04", ("data", "8bit", None, "01020304")),
        ("02 0061", "08", ("text", "ucs2", None, "a")),
        ("02 0061", "E8", ("text", "ucs2", None, "a")),
        ("01 61", "D0", ("text", "gsm7", None, "a")),
    ],
)
def test_data_is_marked(
    played: PlayedGateway, user_data: str, dcs: str, nature: tuple[str, str, int | None, str]
) -> None:
    first = "44" if user_data.startswith("08") else "04"
    receive(played, deliver("62112201000000", user_data.replace(" ", ""), first=first, dcs=dcs))
    (view,) = played.gateway.inbox(admin(played), InboxFilter(limit=10))[0]
    assert (view.kind, view.encoding, view.port_number, view.text) == nature


def test_data_in_several_parts_is_marked(played: PlayedGateway) -> None:
    header = "0B 05040B8423F0 00030902{:02X}"
    for seq in (2, 1):
        user_data = "0E" + header.format(seq).replace(" ", "") + f"0{seq}FF"
        receive(played, deliver("62112201000000", user_data, first="44", dcs="04"))
    (view,) = played.gateway.inbox(admin(played), InboxFilter(limit=10))[0]
    assert (view.kind, view.encoding, view.port_number, view.text) == ("data", "8bit", 2948, "01FF02FF")


# Missing parts

DAY = 86_400 * 1_000_000


def inbox_rows(played: PlayedGateway) -> list[tuple[str, bool]]:
    with played.store.readers.lend() as db:
        return [
            (row[0], bool(row[1])) for row in db.execute("SELECT text, incomplete FROM inbox ORDER BY id")
        ]


@pytest.mark.parametrize(
    ("received", "stored"),
    [
        ((1, 2), "one two […]"),
        ((2,), "[…]two […]"),
        ((1, 4), "one […]four"),
        ((3,), "[…]three […]"),
    ],
)
def test_an_incomplete_text_is_stored_after_the_time_out_with_marked_holes(
    played: PlayedGateway, received: tuple[int, ...], stored: str
) -> None:
    texts = {1: "one ", 2: "two ", 3: "three ", 4: "four"}
    receive(played, *(text(texts[seq], Concat(9, 8, 4, seq)) for seq in received))
    played.clock.at += DAY - 1
    played.restart()  # parts that an earlier process received are kept
    assert inbox_rows(played) == []
    played.clock.at += 2
    played.restart()
    assert inbox_rows(played) == [(stored, True)]
    played.clock.at += DAY
    played.restart()
    assert len(inbox_rows(played)) == 1


def test_a_part_after_the_time_out_fills_its_hole_in_the_same_text(played: PlayedGateway) -> None:
    receive(played, text("one ", Concat(9, 8, 3, 1)))
    played.clock.at += DAY + 1
    played.restart()
    played.up(1, A)
    (first,) = played.gateway.inbox(admin(played), InboxFilter(limit=10))[0]
    receive(played, text("three", Concat(9, 8, 3, 3), late_s=5))
    assert inbox_rows(played) == [("one […]three", True)]
    receive(played, text("two ", Concat(9, 8, 3, 2), late_s=3))
    assert inbox_rows(played) == [("one two three", False)]
    (completed,) = played.gateway.inbox(admin(played), InboxFilter(limit=10))[0]
    assert (completed.id, completed.received_at, completed.sent_at) == (
        first.id,
        first.received_at,
        first.sent_at,
    )
    receive(played, text("two ", Concat(9, 8, 3, 2), late_s=30))
    played.clock.at += 2 * DAY
    played.restart()
    assert inbox_rows(played) == [("one two three", False)]


def test_half_an_emoji_beside_a_hole_is_no_fault(played: PlayedGateway) -> None:
    receive(played, text("a\ud83d", Concat(1, 8, 2, 1)))
    played.clock.at += DAY + 1
    played.restart()
    assert inbox_rows(played) == [("a\ufffd[…]", True)]


def test_a_reference_that_comes_again_hours_later_is_another_text(played: PlayedGateway) -> None:
    receive(played, text("old one ", Concat(9, 8, 2, 1)))
    receive(played, text("new two", Concat(9, 8, 2, 2), late_s=7200))
    assert inbox_rows(played) == []
    receive(played, text("new one ", Concat(9, 8, 2, 1), late_s=7195))
    assert inbox_rows(played) == [("new one new two", False)]
    receive(played, text("old two", Concat(9, 8, 2, 2), late_s=4))
    assert inbox_rows(played) == [("new one new two", False), ("old one old two", False)]


def test_texts_of_a_sender_with_one_constant_reference_are_separate(played: PlayedGateway) -> None:
    for number in range(3):
        receive(played, text(f"{number}a ", Concat(0, 8, 2, 1), late_s=number * 10))
        receive(played, text(f"{number}b", Concat(0, 8, 2, 2), late_s=number * 10 + 2))
    assert [body for body, _ in inbox_rows(played)] == ["0a 0b", "1a 1b", "2a 2b"]


def test_another_part_with_the_same_number_is_not_lost(played: PlayedGateway) -> None:
    receive(played, text("A1 ", Concat(0, 8, 2, 1)), text("B1 ", Concat(0, 8, 2, 1), late_s=60))
    receive(played, text("B2", Concat(0, 8, 2, 2), late_s=62), text("A2", Concat(0, 8, 2, 2), late_s=2))
    assert [body for body, _ in inbox_rows(played)] == ["B1 B2", "A1 A2"]


def test_a_repeated_part_makes_no_second_text(played: PlayedGateway) -> None:
    first, second = text("one ", Concat(9, 16, 2, 1)), text("two", Concat(9, 16, 2, 2), late_s=2)
    repeated = text("one ", Concat(9, 16, 2, 1), late_s=120)
    receive(played, first, repeated, second)
    receive(played, text("two", Concat(9, 16, 2, 2), late_s=240))
    played.clock.at += DAY + 1
    played.restart()
    assert inbox_rows(played) == [("one two", False)]


def test_a_long_text_without_a_time_is_joined(played: PlayedGateway) -> None:
    parts = [
        Deliver("", "+22376000001", body, None, Concat(3, 8, 2, seq), Alphabet.UCS2, None, 0, 8)
        for seq, body in ((2, "two"), (1, "one "))
    ]
    receive(played, *parts)
    assert inbox_rows(played) == [("one two", False)]
    assert played.gateway.inbox(admin(played), InboxFilter(limit=10))[0][0].sent_at is None


def test_a_text_that_is_read_again_for_weeks_is_stored_once(played: PlayedGateway) -> None:
    for _ in range(4):
        receive(played, text("cannot be deleted"))
        played.clock.at += 5 * DAY
        played.restart()
        played.up(1, A)
    assert inbox_texts(played) == ["cannot be deleted"]


def test_parts_gathered_by_an_older_version_are_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "gatewayd.db"
    db = connect_writer(path)
    migrations.apply(Database(db), stop_before="m005_receiving")
    db.execute(
        "INSERT INTO sims (id, iccid, company_id, port, slot, first_seen_at) VALUES (1, ?, 1, 1, 1, 0)", (A,)
    )
    sent_at = int(SENT.timestamp()) * 1_000_000
    db.execute(
        "INSERT INTO inbox_parts VALUES (1, '+22376000001', 8, 9, 2, 1, ?, ?, ?)",
        ("one ".encode("utf-16-be"), sent_at, 1_800_000_000_000_000),
    )
    db.execute("INSERT INTO inbox (sim_id, sender, text, received_at) VALUES (1, 'Orange', 'old', 0)")
    db.commit()
    db.close()
    played = PlayedGateway(tmp_path)
    played.up(1, A)
    receive(played, text("two", Concat(9, 8, 2, 2), late_s=3))
    assert inbox_rows(played) == [("old", False), ("one two", False)]
    assert listed_for(played, played.caller) == ["one two", "old"]
    played.close()


# Companies and their texts


def admin(played: PlayedGateway) -> Caller:
    return Caller(0, played.company, admin=True)


def listed_for(played: PlayedGateway, caller: Caller) -> list[str]:
    return [view.text for view in played.gateway.inbox(caller, InboxFilter(limit=100))[0]]


def test_a_key_reads_the_texts_of_its_company_and_an_administration_key_also_those_of_no_company(
    played: PlayedGateway,
) -> None:
    other_company = played.store.write(lambda db: accounts.add_company(db, "Other", None, 0))
    receive(played, text("to no company"))
    assert (listed_for(played, played.caller), listed_for(played, admin(played))) == ([], ["to no company"])
    played.set_sim(A, company_id=played.company)
    receive(played, text("to us"))
    assert listed_for(played, played.caller) == ["to us", "to no company"]
    assert listed_for(played, Caller(0, other_company, admin=True)) == []
    played.set_sim(A, company_id=other_company)
    receive(played, text("to them"))
    assert listed_for(played, Caller(0, other_company, admin=False)) == ["to them", "to no company"]
    assert listed_for(played, played.caller) == ["to us"]


def test_texts_are_listed_newest_first_and_page_by_page(played: PlayedGateway) -> None:
    receive(played, *(text(str(number)) for number in range(5)))
    pages: list[list[str]] = []
    cursor: int | None = None
    while True:
        found, cursor = played.gateway.inbox(admin(played), InboxFilter(limit=2, cursor=cursor))
        pages.append([view.text for view in found])
        if cursor is None:
            break
    assert pages == [["4", "3"], ["2", "1"], ["0"]]
    assert played.gateway.inbox(admin(played), InboxFilter(limit=5))[1] is None


def test_a_text_is_shown_with_its_times_and_sim(played: PlayedGateway) -> None:
    receive(played, text("hello", sender="OrangeMoney"))
    (view,) = played.gateway.inbox(admin(played), InboxFilter(limit=10))[0]
    assert view == InboxRecord(
        id=1,
        sender="OrangeMoney",
        text="hello",
        received_at=played.clock.at,
        sent_at=int(SENT.timestamp()) * 1_000_000,
        sim_number="+22370000001",
        sim_id=played.sim(A),
        incomplete=False,
        kind="text",
        encoding="ucs2",
        port_number=None,
    )
