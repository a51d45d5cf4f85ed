"""Numbering plans, and the trunk prefix and number lengths of every country: data in `plans.toml` and `countries.toml`.

A plan is chosen by `numbers.plan`. To add or to correct one, only the data changes.
"""

from __future__ import annotations

import functools
import tomllib
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

GUIDE = "guide"
"""The plan of the first API's guide: the default, and the only one that removes nothing from a number."""

_FOLDER = Path(__file__).parent

Strings = Annotated[tuple[str, ...], Field(strict=False)]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Country(_Data):
    """The format of national mobile numbers in the countries of one country code."""

    trunk_prefix: str  # "": none
    lengths: Annotated[tuple[int, ...], Field(strict=False)]  # in digits, without the trunk prefix


class PlanNumbering(Country):
    """The numbers of a plan's country."""

    source: str
    date: str
    country_code: str
    international_prefix: str
    mobile: Strings  # the first digits of national mobile numbers
    example: str


class Beginnings(_Data):
    """The first digits of the IMSIs of each operator."""

    source: str
    date: str
    begin: Mapping[str, Strings]


class Operators(Beginnings):
    """The first digits of the numbers of each operator."""

    portable: bool = False  # a number may move to another operator, so its first digits only suggest one


class Plan(_Data):
    """One numbering plan."""

    name: str
    also: Strings
    pattern: str | None = None  # replaces lengths and first digits
    numbering: PlanNumbering
    operators: Operators
    networks: Beginnings


@functools.cache
def plans() -> Mapping[str, Plan]:
    """Every plan by its key."""
    return {key: Plan.model_validate(value) for key, value in _read("plans.toml").items()}


@functools.cache
def countries() -> Mapping[str, Country]:
    """Every country code with mobile phones."""
    return {code: Country.model_validate(value) for code, value in _read("countries.toml").items()}


def plan_key(name: str) -> str | None:
    """Find the key of a plan by its key, country name or ISO code; None if there is none."""
    return _by_name().get(_letters(name))


def plan_of_country(country_code: str) -> Plan | None:
    """The plan of a country code, except the guide's; None if there is none."""
    found = (plan for key, plan in plans().items() if key != GUIDE)
    return next((plan for plan in found if plan.numbering.country_code == country_code), None)


@functools.cache
def _by_name() -> Mapping[str, str]:
    return {_letters(name): key for key, plan in plans().items() for name in (key, plan.name, *plan.also)}


def _letters(name: str) -> str:
    """A name without capitals, accents and punctuation."""
    return "".join(char for char in unicodedata.normalize("NFKD", name.casefold()) if char.isalpha())


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((_FOLDER / name).read_text(encoding="utf-8"))
