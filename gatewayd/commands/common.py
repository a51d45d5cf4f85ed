"""Functions and options that the commands share: ask the daemon, read the configuration, print results.

Every command imports this module, so it imports little: `gatewayd status` on a slow box must not wait for the store, pydantic
and the gateway to load. Functions import the rest when they run.
"""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar, cast

import click

from config.language.catalogue import translated
from config.language.text import Text
from gatewayd.commands import invocation, tables
from gatewayd.commands.output import refuse, say
from gatewayd.commands.tables import Column, Row
from gatewayd.commands.wrapping import for_errors, wrapped
from gatewayd.daemon.control_client import NotRunningError, ask, follow
from gatewayd.errors import AdminError, NoDaemonError, WrongUseError
from gatewayd.escaping import json_text
from gatewayd.service_unit import is_service

if TYPE_CHECKING:
    from config.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

# `send` waits up to 10 s for the modem; every other command is answered at once.
_ANSWER_TIMEOUT_S = 30.0


def fail(error: object) -> NoReturn:
    """Say why the command failed, and exit: with 2 for wrong use, else with 1."""
    refuse(error, 2 if isinstance(error, WrongUseError) else 1)


def start_command() -> str:
    """The command that starts the daemon of this configuration: systemd's where it is a service."""
    config = invocation.settings_file()
    if config != invocation.DEFAULT_CONFIG:
        return f"gatewayd run --config {shlex.quote(str(config))}"
    return "sudo systemctl start gatewayd" if is_service() else "gatewayd run"


def not_running() -> Text:
    """The sentence for a command that needs the daemon: none runs, and how to start it."""
    return Text("no gatewayd is running on this store: start it with `{command}`", command=start_command())


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
    return invocation.settings().store or settings_of(context).store.path


def administer(
    context: click.Context,
    command: str,
    arguments: Mapping[str, object] | None = None,
    timeout_s: float = _ANSWER_TIMEOUT_S,
) -> Any:
    """Run an administration command in the daemon, or on the store if no daemon runs. Exits with 1 or 2 on failure."""
    try:
        return ask(_store_of(context), command, arguments or {}, timeout_s, invocation.language())
    except (NotRunningError, FileNotFoundError):
        pass
    except (AdminError, OSError) as error:
        fail(error)
    from gatewayd.commands import without_daemon

    with _failures_of(without_daemon.FAILURES):
        result = without_daemon.run(settings_of(context), command, arguments or {})
        return translated(result, invocation.language())


def administer_in_batches(
    context: click.Context, command: str, arguments: Mapping[str, object]
) -> Generator[list[Any], None, None]:
    """Yield the batches of a continuing command, as `administer` runs it. Exits with 1 or 2 on failure."""
    try:
        yield from _followed(context, command, arguments)
        return
    except (NotRunningError, FileNotFoundError):
        pass
    except (AdminError, OSError) as error:
        fail(error)
    from gatewayd.commands import without_daemon

    with (
        _failures_of(without_daemon.FAILURES),
        closing(without_daemon.batches(settings_of(context), command, arguments)) as batches,
    ):
        yield from batches


def follow_daemon(
    context: click.Context, command: str, arguments: Mapping[str, object]
) -> Generator[list[Any], None, None]:
    """Yield the batches of a continuing command of the daemon. Exits with 1 or 2 on failure, or if no daemon runs."""
    try:
        yield from _followed(context, command, arguments)
    except (NotRunningError, FileNotFoundError):
        fail(not_running())
    except AdminError as error:
        fail(error)


def _followed(
    context: click.Context, command: str, arguments: Mapping[str, object]
) -> Generator[list[Any], None, None]:
    language = invocation.language()
    with closing(follow(_store_of(context), command, arguments, language)) as batches:
        yield from batches


@contextmanager
def _failures_of(failures: tuple[type[Exception], ...]) -> Iterator[None]:
    """Exit where a command on the store itself fails."""
    try:
        yield
    except NoDaemonError:
        fail(not_running())
    except failures as error:
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


def wide_option(command: F) -> F:
    """Add `--wide` to a command that lists something."""
    return click.option("--wide", is_flag=True, help="Show all columns, and full times in UTC.")(command)


def show(result: Row, as_json: bool) -> None:
    """Print one record, for a person or as JSON, and its notes on standard error."""
    if as_json:
        say(json_text(result))
        return
    say(tables.record({key: value for key, value in result.items() if key != "notes"}))
    for note in result.get("notes", ()):
        say(for_errors(f"gatewayd: {note}"), err=True)


def show_list(
    name: str,
    rows: Sequence[Row],
    columns: Sequence[Column],
    *,
    as_json: bool,
    wide: bool,
    empty: Text,
    note: Callable[[Row], str] = lambda _: "",
) -> None:
    """Print rows as a table, or as JSON: an object with the list under `name`. `empty`: what to say of no rows."""
    if as_json:
        say(json_text({name: rows}))
    elif not rows:
        say(wrapped(empty))
    elif wide:
        say(tables.wide(rows))
    else:
        say(tables.listing(rows, columns, note))


def table(rows: Sequence[Row]) -> str:
    """Format rows as a table under the names of their fields."""
    if not rows:
        return invocation.localised(Text("none"))
    return tables.listing(rows, [tables.of(key) for key in rows[0]])


class NoneOr(click.ParamType[Any]):
    """A value of another type, or the word `none` for None."""

    name = "value or none"

    def __init__(self, inner: click.ParamType[Any]) -> None:
        self._inner = inner
        self.name = f"{inner.name}|none"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See `click.ParamType.convert`."""
        return None if value == "none" else self._inner.convert(value, param, ctx)


NO_CHANGE: Final = Text("name at least one change")

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
        raise click.UsageError(invocation.localised(NO_CHANGE), ctx=context)
    return changes
