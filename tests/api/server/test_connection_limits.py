"""Which connections are closed under pressure: never a working one, and first the oldest of the client that holds most."""

from __future__ import annotations

from dataclasses import dataclass

from api.server.connection_limits import ConnectionLimits, expired, to_close

LIMITS = ConnectionLimits(connections=4, idle_s=120, arrival_s=30, bytes_per_s=1000, arriving_bytes=100)


@dataclass
class Connection:
    client: str
    request_began: float
    arriving: int = 0
    working: bool = False
    last_io: float = 1000.0


def test_the_time_for_a_request_to_arrive_grows_with_the_received_bytes() -> None:
    assert not expired(Connection("a", 0, arriving=1), LIMITS, 30)
    assert expired(Connection("a", 0, arriving=1), LIMITS, 31)
    assert not expired(Connection("a", 0, arriving=60_000), LIMITS, 89)
    assert expired(Connection("a", 0, arriving=60_000), LIMITS, 91)


def test_an_idle_connection_expires_and_a_working_one_never_does() -> None:
    assert not expired(Connection("a", 0, last_io=0), LIMITS, 120)
    assert expired(Connection("a", 0, last_io=0), LIMITS, 121)
    assert not expired(Connection("a", 0, last_io=0, arriving=5, working=True), LIMITS, 1e6)


def test_below_the_limits_no_connection_is_closed() -> None:
    assert to_close([Connection("a", 1), Connection("a", 2), Connection("b", 3)], LIMITS) == []


def test_at_the_limit_the_oldest_connection_of_the_client_with_most_connections_is_closed() -> None:
    connections = [
        Connection("b", 1),
        Connection("a", 3),
        Connection("a", 2),
        Connection("a", 1, working=True),
    ]
    assert to_close(connections, LIMITS) == [connections[2]]
    assert to_close([Connection("a", 1, working=True)] * 4, LIMITS) == []


def test_when_too_many_bytes_arrive_the_oldest_connection_of_the_client_with_most_bytes_is_closed() -> None:
    connections = [
        Connection("b", 1, arriving=40),
        Connection("a", 3, arriving=40),
        Connection("a", 2, arriving=21),
    ]
    assert to_close(connections, LIMITS) == [connections[2]]
