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
from tests.gatewayd.played_ports import PlayedGateway


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path)
    yield played
    played.close()


@pytest.fixture
def context(played: PlayedGateway) -> Context:
    calendar = Calendar(played.settings.numbers.zone)
    return Context(played.store, played.clock, calendar, Numbering(played.settings.numbers), played.gateway)


def test_a_key_is_refused_as_soon_as_it_is_deactivated_and_accepted_as_soon_as_it_is_active(
    played: PlayedGateway, context: Context
) -> None:
    key_record = keys.add(context, played.company)
    key, key_id = str(key_record["key"]), int(str(key_record["id"]))
    for _ in range(3):
        assert played.gateway.authenticate(key).key_id == key_id
        keys.set_(context, key_id, {"active": False})
        with pytest.raises(InactiveKeyError):
            played.gateway.authenticate(key)
        keys.set_(context, key_id, {"active": True})


def test_a_cached_key_that_expires_is_refused(played: PlayedGateway, context: Context) -> None:
    key = str(keys.add(context, played.company, expires_at=played.clock.at + 10)["key"])
    played.gateway.authenticate(key)
    played.clock.at += 10
    with pytest.raises(InactiveKeyError):
        played.gateway.authenticate(key)


def test_the_keys_of_a_deactivated_company_are_refused_at_once(
    played: PlayedGateway, context: Context
) -> None:
    key = str(keys.add(context, played.company)["key"])
    played.gateway.authenticate(key)
    companies.set_(context, played.company, {"active": False})
    with pytest.raises(InactiveCompanyError):
        played.gateway.authenticate(key)


def test_a_change_without_the_commands_takes_effect_after_a_second(
    played: PlayedGateway, context: Context
) -> None:
    key_record = keys.add(context, played.company)
    key, key_id = str(key_record["key"]), int(str(key_record["id"]))
    played.gateway.authenticate(key)
    played.store.write(lambda db: accounts.update(db, "api_keys", key_id, {"active": False}))
    played.clock.passed += 1.0
    with pytest.raises(InactiveKeyError):
        played.gateway.authenticate(key)


def test_a_new_key_is_valid_at_once(played: PlayedGateway) -> None:
    key_record = new_key()
    with pytest.raises(UnknownKeyError):
        played.gateway.authenticate(key_record.key)
    played.store.write(
        lambda db: accounts.add_key(
            db,
            played.company,
            key_record.prefix,
            key_record.digest,
            service="sms",
            admin=False,
            expires_at=None,
            now=0,
        )
    )
    assert played.gateway.authenticate(key_record.key).company_id == played.company


def test_the_rights_of_a_key_reach_its_caller(played: PlayedGateway) -> None:
    key_record = new_key()
    played.store.write(
        lambda db: accounts.add_key(
            db,
            played.company,
            key_record.prefix,
            key_record.digest,
            service="sms",
            admin=False,
            expires_at=None,
            now=0,
            rights="transactional,webhooks",
            sandbox=True,
        )
    )
    caller = played.gateway.authenticate(key_record.key)
    assert caller.rights == {"transactional", "webhooks"}
    assert caller.sandbox
