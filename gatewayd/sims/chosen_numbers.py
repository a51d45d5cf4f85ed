"""The numbering plan and time zone that a person chose on the dashboard, where the configuration file chose no plan."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import ValidationError

from config.settings import NumberSettings, Settings
from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.inspection import look
from gatewayd.store.store_files import misowned
from gatewayd.store.tables import box_settings

PLAN: Final = "numbers.plan"
TIME_ZONE: Final = "numbers.time_zone"


def with_choices(settings: Settings) -> Settings:
    """The settings with the choices of the dashboard, which are in the database."""
    # Opening a database of the wrong owner would create the index of its log with the wrong owner too.
    if not settings.numbers.undecided or _is_misowned(settings.store.path):
        return settings
    try:
        kept = look(settings.store.path, box_settings.all_of)
    except StoreUnavailableError:
        return settings  # no database yet, or one of an older version, or one whose fault its opening reports
    chosen = checked(kept.get(PLAN), kept.get(TIME_ZONE, settings.numbers.time_zone))
    return settings if chosen is None else settings.model_copy(update={"numbers": chosen})


def _is_misowned(database: Path) -> bool:
    try:
        return bool(misowned(database))
    except OSError:
        return True  # it cannot be read; the opening of the store says why


def keep(db: Transaction, numbers: NumberSettings) -> None:
    """Keep a choice; the next start of the daemon uses it."""
    box_settings.keep(db, PLAN, numbers.plan)
    box_settings.keep(db, TIME_ZONE, numbers.time_zone)


def checked(plan: str | None, time_zone: str) -> NumberSettings | None:
    """The settings of a plan and a time zone; None where there is no such plan or zone."""
    if plan is None:
        return None
    try:
        return NumberSettings(plan=plan, time_zone=time_zone)
    except ValidationError:
        return None
