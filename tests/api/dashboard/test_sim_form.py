"""The form of a SIM's settings: anything may come in, and only what differs becomes a change."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.dashboard.sim_form import LIMITS, TEXTS, changes_of
from gatewayd.errors import AdminError

SIM: dict[str, Any] = {
    **dict.fromkeys((*TEXTS, *LIMITS)),
    "name": "Orange 0010",
    "number": "",
    "operator": "Orange",
    "company": None,
    "daily_limit": 200,
    "reset_hour": 0,
    "cost": 12.5,
    "enabled": True,
}
UNCHANGED = {
    "name": "Orange 0010",
    "operator": "Orange",
    "number": "",
    "daily_limit": "200",
    "cost": "12,5",
    "reset_hour": "0",
    "company": "",
    "enabled": "on",
}
NAMES = (*TEXTS, *LIMITS, "company", "reset_hour", "cost", "enabled", "another")


@pytest.mark.parametrize(
    ("typed", "changes"),
    [
        ({}, {}),
        ({"name": ""}, {"name": None}),
        ({"name": " Bureau "}, {"name": "Bureau"}),
        ({"daily_limit": "1 000"}, {"daily_limit": 1000}),
        ({"daily_limit": "0"}, {"daily_limit": 0}),
        ({"daily_limit": ""}, {"daily_limit": None}),
        ({"cost": ""}, {"cost": 0.0}),
        ({"cost": "1\u202f250.75"}, {"cost": 1250.75}),
        ({"company": "3"}, {"company_id": 3}),
        ({"reset_hour": ""}, {}),
    ],
)
def test_only_what_differs_becomes_a_change(typed: dict[str, str], changes: dict[str, object]) -> None:
    assert changes_of({**UNCHANGED, **typed}, SIM) == changes


def test_a_box_that_is_not_ticked_disables_the_sim() -> None:
    form = {name: value for name, value in UNCHANGED.items() if name != "enabled"}
    assert changes_of(form, SIM) == {"enabled": False}


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=30)))
def test_anything_typed_is_a_change_or_a_refusal(form: dict[str, str]) -> None:
    with suppress(AdminError):
        changes = changes_of(form, SIM)
        assert changes.keys() <= {*TEXTS, *LIMITS, "company_id", "reset_hour", "cost", "enabled"}
