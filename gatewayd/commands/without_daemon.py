"""Run an administration command on the store itself, when no daemon runs.

It imports the store and everything above it, so `common` imports it only when no daemon answered.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, Final

from config.settings import Settings
from gatewayd.admin import commands
from gatewayd.admin.audit import COMMAND_LINE
from gatewayd.admin.context import Context
from gatewayd.errors import AdminError
from gatewayd.sims.chosen_numbers import with_choices
from gatewayd.sims.numbering import Numbering
from gatewayd.store.engine.errors import StoreLockedError, StoreUnavailableError, StoreVersionError
from gatewayd.store.integrity import require_database
from gatewayd.store.store import Store
from gatewayd.timekeeping.clock import Calendar
from gatewayd.timekeeping.clock_correction import ClockCorrector, CountedClock
from gatewayd.timekeeping.ntp import synchronised

FAILURES: Final = (AdminError, StoreLockedError, StoreVersionError, StoreUnavailableError, OSError)
"""The errors of `run` and `batches` whose text is for the operator."""

# The only command that makes sense before the database exists.
_CREATES_THE_DATABASE = "company.add"


def run(settings: Settings, command: str, arguments: Mapping[str, object]) -> object:
    """Run a command under the store's lock and return its result. Raises one of `FAILURES`."""
    with _opened_store(settings, command) as context:
        return commands.run_as(context, COMMAND_LINE, command, arguments)


def batches(
    settings: Settings, command: str, arguments: Mapping[str, object]
) -> Generator[list[Any], None, None]:
    """Run a continuing command under the store's lock and yield its batches. Raises one of `FAILURES`."""
    with _opened_store(settings, command) as context:
        result = commands.run_as(context, COMMAND_LINE, command, arguments)
        if not isinstance(result, Generator):
            raise TypeError(f"{command} does not continue")
        with closing(result):
            yield from result


@contextmanager
def _opened_store(settings: Settings, command: str) -> Iterator[Context]:
    """Open the store. Only the first company may create it: otherwise a mistyped path would leave files behind."""
    if command != _CREATES_THE_DATABASE:
        require_database(settings.store.path)
    settings = with_choices(settings)
    store = Store(settings.store.path, resend=settings.store.restored == "send")
    store.open()
    try:
        clock = CountedClock()
        corrector = ClockCorrector(clock, settings.clock.trust, synchronised, dict, ports=lambda: 0)
        corrector.begin(store, None)
        yield Context(
            store,
            clock,
            Calendar(settings.numbers.zone),
            Numbering(settings.numbers),
            gateway=None,
            file_ports=settings.ports,
        )
    finally:
        store.close()
