"""Limits of log-ins."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network

import pytest

from api.access.client_address import arrived_by_tls
from api.access.log_in_limits import LogInLimits, TooManyLogInsError
from tests.conftest import eventually


def allowed(limits: LogInLimits, address: str, login: str, *, known: bool = False) -> bool:
    """Whether an attempt is allowed. It counts as wrong."""
    try:
        limits.begin(address, login, known=known)
    except TooManyLogInsError as error:
        return not 0 < error.wait_s <= 60
    return True


def test_an_address_may_try_ten_times() -> None:
    limits = LogInLimits()
    assert [allowed(limits, "192.0.2.1", f"login{n}") for n in range(12)] == [True] * 10 + [False] * 2
    assert allowed(limits, "192.0.2.2", "login0")


def test_a_login_is_held_up_only_from_addresses_that_are_not_known() -> None:
    limits = LogInLimits()
    tries = [allowed(limits, f"192.0.2.{n}", "Awa") for n in range(40)]
    assert tries == [True] * 30 + [False] * 10
    assert not allowed(limits, "198.51.100.1", "AWA")
    assert allowed(limits, "198.51.100.1", "awa", known=True)
    # Known addresses are limited too, each for itself.
    assert sum(allowed(limits, "198.51.100.1", "awa", known=True) for _ in range(20)) == 9


def test_right_passwords_do_not_count() -> None:
    limits = LogInLimits()
    for _ in range(50):
        assert allowed(limits, "192.0.2.1", "awa")
        limits.succeeded("192.0.2.1", "awa", known=False)


def test_attempts_at_the_same_time_count_as_many() -> None:
    limits, together = LogInLimits(), threading.Barrier(20)

    def attempt(_: int) -> bool:
        together.wait(60)
        return allowed(limits, "192.0.2.1", "awa")

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(attempt, range(20))) == 10


def test_two_passwords_are_checked_at_a_time_and_four_wait() -> None:
    limits, leave, inside = LogInLimits(), threading.Event(), list[int]()

    def check(number: int) -> bool:
        try:
            with limits.password_check():
                inside.append(number)
                leave.wait(60)
        except TooManyLogInsError:
            return False
        return True

    with ThreadPoolExecutor(7) as pool:
        first = [pool.submit(check, number) for number in range(2)]
        eventually(lambda: len(inside) == 2)
        waiting = [pool.submit(check, number) for number in range(2, 7)]
        # Of five that come now, one is refused at once: four may wait.
        eventually(lambda: sum(each.done() for each in waiting) == 1)
        assert len(inside) == 2
        leave.set()
        assert all(each.result(60) for each in first)
        assert sorted(each.result(60) for each in waiting) == [False, True, True, True, True]


@pytest.mark.parametrize(
    ("peer", "scheme", "forwarded", "secure"),
    [
        ("10.0.0.1", "https", "", True),
        ("10.0.0.1", "http", "https", True),
        ("10.0.0.1", "http", "http, HTTPS", True),
        ("10.0.0.1", "http", "https, http", False),
        ("10.0.0.1", "http", "", False),
        ("192.0.2.1", "http", "https", False),
        ("", "http", "https", False),
    ],
)
def test_only_a_trusted_proxy_says_that_the_browser_came_by_tls(
    peer: str, scheme: str, forwarded: str, secure: bool
) -> None:
    assert arrived_by_tls(peer, scheme, forwarded, (ip_network("10.0.0.0/8"),)) is secure
