"""Functions and options that the commands share: ask the daemon, read the configuration, print results.

Every command imports this module, so it imports little: `gatewayd status` on a slow box must not wait for the store, pydantic
and the gateway to load. Functions import the rest when they run.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

import click

from config.store_path import store_path
from gatewayd.commands.output import say
from gatewayd.daemon.control_client import NotRunningError, ask, follow
from gatewayd.errors import AdminError
from gatewayd.escaping import json_text, printable

if TYPE_CHECKING:
    from config.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

# `send` waits up to 10 s for the modem; every other command is answered at once.
_ANSWER_TIMEOUT_S = 30.0


def fail(error: object) -> NoReturn:
    """Print the error on standard error and exit with 1."""
    say(f"gatewayd: {error}", err=True)
    raise SystemExit(1)


def config_path(context: click.Context) -> Path:
    """The path of the configuration file (`--config`)."""
    path: Path = context.find_root().obj
    return path


def settings_of(context: click.Context) -> Settings:
    """Load the configuration. Exits with 1 if it cannot be used."""
    from config.settings import ConfigError, load

    try:
        return load(config_path(context))
    except ConfigError as error:
        fail(error)


def _store_of(context: click.Context) -> Path:
    """The path of the store. Exits with 1 if the configuration does not tell it."""
    return store_path(config_path(context)) or settings_of(context).store.path


def administer(
    context: click.Context,
    command: str,
    arguments: Mapping[str, object] | None = None,
    timeout_s: float = _ANSWER_TIMEOUT_S,
) -> Any:
    """Run an administration command in the daemon, or on the store if no daemon runs. Exits with 1 on failure."""
    try:
        return ask(_store_of(context), command, arguments or {}, timeout_s)
    except (NotRunningError, FileNotFoundError):
        pass
    except (AdminError, OSError) as error:
        fail(error)
    from gatewayd.commands import without_daemon

    try:
        return without_daemon.run(settings_of(context), command, arguments or {})
    except without_daemon.FAILURES as error:
        fail(error)


def administer_in_batches(
    context: click.Context, command: str, arguments: Mapping[str, object]
) -> Generator[list[Any], None, None]:
    """Yield the batches of a continuing command, as `administer` runs it. Exits with 1 on failure."""
    try:
        with closing(follow(_store_of(context), command, arguments)) as batches:
            yield from batches
        return
    except (NotRunningError, FileNotFoundError):
        pass
    except (AdminError, OSError) as error:
        fail(error)
    from gatewayd.commands import without_daemon

    try:
        with closing(without_daemon.batches(settings_of(context), command, arguments)) as batches:
            yield from batches
    except without_daemon.FAILURES as error:
        fail(error)


def follow_daemon(
    context: click.Context, command: str, arguments: Mapping[str, object]
) -> Generator[list[Any], None, None]:
    """Yield the batches of a continuing command of the daemon. Exits with 1 on failure, or if no daemon runs."""
    try:
        with closing(follow(_store_of(context), command, arguments)) as batches:
            yield from batches
    except (NotRunningError, FileNotFoundError):
        fail("no gatewayd is running on this store: start it with `gatewayd run`")
    except AdminError as error:
        fail(error)


def json_option(command: F) -> F:
    """Add `--json`: print one JSON document on standard output and nothing else."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


def until_interrupted(command: F) -> F:
    """Make Ctrl-C end a continuing command with exit code 0."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except KeyboardInterrupt:
            raise SystemExit(0) from None

    return cast(F, run)


def show(result: object, as_json: bool) -> None:
    """Print rows or one record, as a table or as JSON."""
    if as_json:
        say(json_text(result))
    elif isinstance(result, list):
        say(table(result))
    elif isinstance(result, dict):
        from tabulate import tabulate

        rows = [(key, _cell(value)) for key, value in result.items() if key != "notes"]
        say(tabulate(rows, tablefmt="plain", disable_numparse=True))
        for note in result.get("notes", ()):
            say(f"gatewayd: {note}", err=True)


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """Format rows as a table under their column names."""
    if not rows:
        return "none"
    from tabulate import tabulate

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
    """A value of another type, or the word `none` for None."""

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
    """The given options by column name; `names` maps parameter to column. Exits with 2 if no option was given."""
    changes = {
        column: context.params[parameter]
        for parameter, column in names.items()
        if context.get_parameter_source(parameter) is click.core.ParameterSource.COMMANDLINE
    }
    if not changes and not context.params.get("default"):
        raise click.UsageError("name at least one change", ctx=context)
    return changes
