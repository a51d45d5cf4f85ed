"""What the commands share: asking the daemon, options, and printing."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

import click
from tabulate import tabulate

from config.settings import ConfigError, Settings, load
from gatewayd.admin import commands
from gatewayd.admin.context import AdminError, Context
from gatewayd.commands.output import say
from gatewayd.daemon.control_socket import NotRunningError, ask, follow
from gatewayd.escaping import json_text, printable
from gatewayd.sims.numbering import Numbering
from gatewayd.store.checks import require_database
from gatewayd.store.engine.errors import StoreLockedError, StoreUnavailableError, StoreVersionError
from gatewayd.store.store import Store
from gatewayd.timekeeping.clock import Calendar
from gatewayd.timekeeping.clock_correction import ClockCorrector, CountedClock
from gatewayd.timekeeping.ntp import synchronised

F = TypeVar("F", bound=Callable[..., Any])

# A `send` waits for the modem for 10 s; everything else is answered at once.
_ANSWER_TIMEOUT_S = 30.0

# The one command with a use on a database that is not there yet.
_BEGINS = "company.add"


def fail(error: object) -> NoReturn:
    """Say why on standard error, and exit 1."""
    say(f"gatewayd: {error}", err=True)
    raise SystemExit(1)


def settings_of(context: click.Context) -> Settings:
    """The configuration. Exits 1 where it cannot be used."""
    try:
        return load(context.find_root().obj)
    except ConfigError as error:
        fail(error)


def administer(
    context: click.Context,
    command: str,
    arguments: Mapping[str, object] | None = None,
    timeout_s: float = _ANSWER_TIMEOUT_S,
) -> Any:
    """Run an administration command: through the daemon, else on the store under its lock. Exits 1 on failure."""
    settings = settings_of(context)
    try:
        try:
            return ask(settings.store.path, command, arguments or {}, timeout_s)
        except (NotRunningError, FileNotFoundError):
            return _on_the_store(settings, command, arguments or {})
    except (AdminError, StoreLockedError, StoreVersionError, StoreUnavailableError, OSError) as error:
        fail(error)


def _on_the_store(settings: Settings, command: str, arguments: Mapping[str, object]) -> object:
    with _opened_store(settings, command) as admin:
        return commands.run(admin, command, arguments)


@contextmanager
def _opened_store(settings: Settings, command: str) -> Iterator[Context]:
    """The store, where no daemon holds it. Only the first company may begin one: else a mistyped path would leave files."""
    if command != _BEGINS:
        require_database(settings.store.path)
    store = Store(settings.store.path, resend=settings.store.restored == "send")
    store.open()
    try:
        clock = CountedClock()
        timekeeper = ClockCorrector(clock, settings.clock.trust, synchronised, dict, ports=0)
        timekeeper.begin(store, None)
        yield Context(
            store, clock, Calendar(settings.numbers.zone), Numbering(settings.numbers), gateway=None
        )
    finally:
        store.close()


def follow_or_do(
    context: click.Context, command: str, arguments: Mapping[str, object]
) -> Generator[list[Any], None, None]:
    """The batches of a command that goes on: through the daemon, else on the store under its lock. Exits 1 on failure."""
    settings = settings_of(context)
    try:
        try:
            with closing(follow(settings.store.path, command, arguments)) as batches:
                yield from batches
        except (NotRunningError, FileNotFoundError):
            with (
                _opened_store(settings, command) as admin,
                closing(_going_on(admin, command, arguments)) as batches,
            ):
                yield from batches
    except (AdminError, StoreLockedError, StoreVersionError, StoreUnavailableError, OSError) as error:
        fail(error)


def _going_on(
    admin: Context, command: str, arguments: Mapping[str, object]
) -> Generator[list[Any], None, None]:
    result = commands.run(admin, command, arguments)
    if not isinstance(result, Generator):
        raise TypeError(f"{command} does not go on")
    yield from result


def json_option(command: F) -> F:
    """`--json`: one JSON document on standard output, and nothing else there."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


def until_interrupted(command: F) -> F:
    """For a command that goes on: Ctrl-C ends it, and that is no failure."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except KeyboardInterrupt:
            raise SystemExit(0) from None

    return cast(F, run)


def show(result: object, as_json: bool) -> None:
    """Print rows or one record, for a person or as JSON."""
    if as_json:
        say(json_text(result))
    elif isinstance(result, list):
        say(table(result))
    elif isinstance(result, dict):
        rows = [(key, _cell(value)) for key, value in result.items() if key != "notes"]
        say(tabulate(rows, tablefmt="plain", disable_numparse=True))
        for note in result.get("notes", ()):
            say(f"gatewayd: {note}", err=True)


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows under their column names."""
    if not rows:
        return "none"
    return tabulate(
        [[_cell(value) for value in row.values()] for row in rows],
        headers=list(rows[0]),
        disable_numparse=True,
    )


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return printable(value) or "-"
    return "-" if value is None else value


class NoneOr(click.ParamType[Any]):
    """A value of another type, or the word `none`, which becomes None."""

    name = "value or none"

    def __init__(self, inner: click.ParamType[Any]) -> None:
        self._inner = inner
        self.name = f"{inner.name}|none"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See `click.ParamType.convert`."""
        return None if value == "none" else self._inner.convert(value, param, ctx)


YES_NO = click.BOOL
"""`yes` or `no`."""


def given(context: click.Context, names: Mapping[str, str]) -> dict[str, object]:
    """The options that were given, by column name: `names` maps parameter to column. Exits 2 where none was."""
    changes = {
        column: context.params[parameter]
        for parameter, column in names.items()
        if context.get_parameter_source(parameter) is click.core.ParameterSource.COMMANDLINE
    }
    if not changes and not context.params.get("default"):
        raise click.UsageError("say what to change", ctx=context)
    return changes


def config_path(context: click.Context) -> Path:
    """The configuration file that was named."""
    path: Path = context.find_root().obj
    return path
