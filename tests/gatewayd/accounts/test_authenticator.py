"""Changes of cached keys take effect at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewayd.accounts.authenticator import new_key
from gatewayd.admin import companies, keys
from gatewayd.admin.context import Context
from gatewayd.errors import InactiveCompanyError, InactiveKeyError, UnknownKeyError
from gatewayd.sims.numbering import Numbering
from gatewayd.store.tables import accounts
from gatewayd.timekeeping.clock import Calendar
from tests.gatewayd.played_ports import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    built = House(tmp_path)
    yield built
    built.close()


@pytest.fixture
def context(house: House) -> Context:
    calendar = Calendar(house.settings.numbers.zone)
    return Context(house.store, house.clock, calendar, Numbering(house.settings.numbers), house.gateway)


def test_a_key_that_is_deactivated_is_refused_at_once_and_back_at_once(
    house: House, context: Context
) -> None:
    made = keys.add(context, house.company)
    key, key_id = str(made["key"]), int(str(made["id"]))
    for _ in range(3):
        assert house.gateway.authenticate(key).key_id == key_id
        keys.set_(context, key_id, {"active": False})
        with pytest.raises(InactiveKeyError):
            house.gateway.authenticate(key)
        keys.set_(context, key_id, {"active": True})


def test_a_cached_key_that_expires_is_refused(house: House, context: Context) -> None:
    key = str(keys.add(context, house.company, expires_at=house.clock.at + 10)["key"])
    house.gateway.authenticate(key)
    house.clock.at += 10
    with pytest.raises(InactiveKeyError):
        house.gateway.authenticate(key)


def test_the_keys_of_a_company_that_is_deactivated_are_refused_at_once(
    house: House, context: Context
) -> None:
    key = str(keys.add(context, house.company)["key"])
    house.gateway.authenticate(key)
    companies.set_(context, house.company, {"active": False})
    with pytest.raises(InactiveCompanyError):
        house.gateway.authenticate(key)


def test_a_change_without_the_commands_takes_effect_after_a_second(house: House, context: Context) -> None:
    made = keys.add(context, house.company)
    key, key_id = str(made["key"]), int(str(made["id"]))
    house.gateway.authenticate(key)
    house.store.write(lambda db: accounts.update(db, "api_keys", key_id, {"active": False}))
    house.clock.passed += 1.0
    with pytest.raises(InactiveKeyError):
        house.gateway.authenticate(key)


def test_a_new_key_is_valid_at_once(house: House) -> None:
    made = new_key()
    with pytest.raises(UnknownKeyError):
        house.gateway.authenticate(made.key)
    house.store.write(
        lambda db: accounts.add_key(
            db, house.company, made.prefix, made.digest, service="sms", admin=False, expires_at=None, now=0
        )
    )
    assert house.gateway.authenticate(made.key).company_id == house.company
