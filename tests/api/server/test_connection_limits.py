"""Who gives way: never a client at work, first the connection of whoever holds most that has waited longest."""

from __future__ import annotations

from dataclasses import dataclass

from api.server.connection_limits import Patience, overdue, to_go

PATIENCE = Patience(connections=4, idle_s=120, arrival_s=30, bytes_per_s=1000, arriving_bytes=100)


@dataclass
class Caller:
    client: str
    since: float
    arriving: int = 0
    working: bool = False
    moved: float = 1000.0


def test_a_request_has_its_time_to_arrive_and_more_for_what_is_here() -> None:
    assert not overdue(Caller("a", 0, arriving=1), PATIENCE, 30)
    assert overdue(Caller("a", 0, arriving=1), PATIENCE, 31)
    assert not overdue(Caller("a", 0, arriving=60_000), PATIENCE, 89)
    assert overdue(Caller("a", 0, arriving=60_000), PATIENCE, 91)


def test_an_idle_connection_has_more_and_one_at_work_all_the_time_it_needs() -> None:
    assert not overdue(Caller("a", 0, moved=0), PATIENCE, 120)
    assert overdue(Caller("a", 0, moved=0), PATIENCE, 121)
    assert not overdue(Caller("a", 0, moved=0, arriving=5, working=True), PATIENCE, 1e6)


def test_nobody_goes_while_there_is_room() -> None:
    assert to_go([Caller("a", 1), Caller("a", 2), Caller("b", 3)], PATIENCE) == []


def test_at_the_limit_the_oldest_of_whoever_holds_most_goes() -> None:
    crowd = [Caller("b", 1), Caller("a", 3), Caller("a", 2), Caller("a", 1, working=True)]
    assert to_go(crowd, PATIENCE) == [crowd[2]]
    assert to_go([Caller("a", 1, working=True)] * 4, PATIENCE) == []


def test_where_too_much_arrives_the_oldest_of_whoever_sends_most_goes() -> None:
    crowd = [Caller("b", 1, arriving=40), Caller("a", 3, arriving=40), Caller("a", 2, arriving=21)]
    assert to_go(crowd, PATIENCE) == [crowd[2]]
