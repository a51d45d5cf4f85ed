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
    built = PlayedGateway(tmp_path)
    yield built
    built.close()


@pytest.fixture
def context(played: PlayedGateway) -> Context:
    calendar = Calendar(played.settings.numbers.zone)
    return Context(played.store, played.clock, calendar, Numbering(played.settings.numbers), played.gateway)


def test_a_key_that_is_deactivated_is_refused_at_once_and_back_at_once(
    played: PlayedGateway, context: Context
) -> None:
    made = keys.add(context, played.company)
    key, key_id = str(made["key"]), int(str(made["id"]))
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


def test_the_keys_of_a_company_that_is_deactivated_are_refused_at_once(
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
    made = keys.add(context, played.company)
    key, key_id = str(made["key"]), int(str(made["id"]))
    played.gateway.authenticate(key)
    played.store.write(lambda db: accounts.update(db, "api_keys", key_id, {"active": False}))
    played.clock.passed += 1.0
    with pytest.raises(InactiveKeyError):
        played.gateway.authenticate(key)


def test_a_new_key_is_valid_at_once(played: PlayedGateway) -> None:
    made = new_key()
    with pytest.raises(UnknownKeyError):
        played.gateway.authenticate(made.key)
    played.store.write(
        lambda db: accounts.add_key(
            db, played.company, made.prefix, made.digest, service="sms", admin=False, expires_at=None, now=0
        )
    )
    assert played.gateway.authenticate(made.key).company_id == played.company


def test_the_rights_of_a_key_reach_its_caller(played: PlayedGateway) -> None:
    made = new_key()
    played.store.write(
        lambda db: accounts.add_key(
            db,
            played.company,
            made.prefix,
            made.digest,
            service="sms",
            admin=False,
            expires_at=None,
            now=0,
            rights="transactional,webhooks",
            sandbox=True,
        )
    )
    caller = played.gateway.authenticate(made.key)
    assert caller.rights == {"transactional", "webhooks"}
    assert caller.sandbox
