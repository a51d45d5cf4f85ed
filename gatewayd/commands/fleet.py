"""`gatewayd fleet init|join|leave|status|recovered|exclude`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from config.language.text import Sentences, Text, text_of
from gatewayd.commands import fleet_output
from gatewayd.commands.command_help import examples
from gatewayd.commands.common import config_path, fail, json_option, settings_of, start_command, wide_option
from gatewayd.commands.invocation import localised
from gatewayd.commands.output import say
from gatewayd.commands.wrapping import wrapped
from gatewayd.daemon.control_client import NotRunningError, ask
from gatewayd.errors import AdminError
from gatewayd.escaping import json_text, printable

if TYPE_CHECKING:
    from config.settings import Settings
    from gatewayd.fleet.postgres.connection import Connection
    from gatewayd.fleet.setup.joining import Plan
    from gatewayd.store.store import Store

_PASSWORD_FILE: Final = "fleet-password"  # noqa: S105 - beside the configuration
_ANSWER_TIMEOUT_S = 30.0

_dsn = click.argument("dsn")
_password_file = click.option(
    "--password-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file with the password of the boxes; by default `fleet-password` beside the configuration.",
)
_sslrootcert = click.option(
    "--sslrootcert",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="The certificate of the authority that signed that of PostgreSQL (PEM).",
)
_yes = click.option("--yes", is_flag=True, help="Do not ask.")


@examples("gatewayd fleet status", "gatewayd fleet exclude bamako-2")
@click.group()
def fleet() -> None:
    """Manage several boxes that share one queue on PostgreSQL."""


@examples(
    "gatewayd fleet init postgresql:///gatewayd",
    "gatewayd fleet init postgresql://postgres@db.example/gatewayd",
)
@fleet.command()
@_dsn
@_password_file
@click.option(
    "--admin-password-file",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="The file with the password of the user in DSN.",
)
@_sslrootcert
@click.option(
    "--role", default="gatewayd", show_default=True, help="The name of the role that the boxes use."
)
@click.option("--new-password", is_flag=True, help="Give the role another password.")
@click.option("--times", hidden=True, help="Times of the protocol, NAME=SECONDS,…: shorter ones for tests.")
@json_option
@click.pass_context
def init(
    context: click.Context,
    dsn: str,
    password_file: Path | None,
    admin_password_file: Path | None,
    sslrootcert: Path | None,
    role: str,
    new_password: bool,
    times: str | None,
    as_json: bool,
) -> None:
    """Make a fleet in a database of PostgreSQL: its tables, and a role for the boxes with few rights.

    DSN names the database and a user who owns it or may create it. Time zone, numbering plan, retention and in_doubt are those of
    this box. After an upgrade, the newest gatewayd repeats this once.
    """
    settings = _settings(context)
    path = (password_file or config_path(context).parent / _PASSWORD_FILE).absolute()
    from gatewayd.fleet.setup import agreement
    from gatewayd.fleet.setup import password_file as files
    from gatewayd.fleet.setup.initialising import initialise, setup_settings

    with _failures():
        done = initialise(
            setup_settings(dsn, admin_password_file, sslrootcert),
            agreement.of_settings(settings),
            role=role,
            new_password=new_password or not path.exists(),
            now=time.time_ns() // 1000,
            times=_times(times),
        )
    if done.password is not None:
        try:
            files.write(path, done.password, owner_of=_owned(settings))
        except OSError as error:
            fail(
                Text(
                    "the fleet is ready, but its password cannot be written to {path} ({reason}): repeat this with --new-password"
                    " and another --password-file",
                    path=path,
                    reason=text_of(error),
                )
            )
    if as_json:
        say(
            json_text(
                {
                    "created": done.created,
                    "role": done.role,
                    "dsn": done.dsn,
                    "password_file": str(path),
                    "password_changed": done.password is not None,
                    "differences": done.differences,
                }
            )
        )
    else:
        fleet_output.show_initialised(done, path)


@examples(
    "gatewayd fleet join postgresql://gatewayd@db.example/gatewayd --name kayes",
    "gatewayd fleet join postgresql://gatewayd@db/sms --name kayes --company 1=3",
)
@fleet.command()
@_dsn
@click.option(
    "--name", required=True, help="The name of this box among the others: 1 to 32 of a-z, 0-9 and -."
)
@_password_file
@_sslrootcert
@click.option(
    "--company",
    "companies",
    multiple=True,
    metavar="OLD=NEW|new",
    help="Company OLD of this box is company NEW of the fleet, or a new one there. May be repeated.",
)
@click.option(
    "--yes", is_flag=True, help="Do not ask: companies of the same name are the same, all others are new."
)
@json_option
@click.pass_context
def join(
    context: click.Context,
    dsn: str,
    name: str,
    password_file: Path | None,
    sslrootcert: Path | None,
    companies: tuple[str, ...],
    yes: bool,
    as_json: bool,
) -> None:
    """Make this box one of a fleet, while its daemon is stopped. May be repeated after an interruption.

    Its companies, keys, SIMs, webhooks, opt-outs and counts come along; ids that are taken there change here too. DSN has no
    password: that is in a file, or in $GATEWAYD_FLEET_PASSWORD.
    """
    settings, config = _settings(context), config_path(context)
    from gatewayd.fleet.setup import configuring, matching
    from gatewayd.fleet.setup.initialising import setup_settings
    from gatewayd.fleet.setup.joining import Join

    path = _password(settings, config, password_file)
    root = None if sslrootcert is None else sslrootcert.absolute()
    with (
        _failures(),
        _connected(setup_settings(dsn, path, root)) as db,
        _own_store(settings) as store,
    ):
        joining = Join(db, store, settings, name, time.time_ns() // 1000)
        plan = joining.plan()
        answers = matching.given(companies, plan.own, plan.fleet)
        if plan.fleet and not yes:
            answers |= _asked(plan, answers, may_ask=not as_json)
        joined = joining.run(answers)
    keys = configuring.values(dsn, name, path, root)
    written = configuring.written(config, keys)
    if as_json:
        ids = {kind.value: {str(old): new for old, new in of.items()} for kind, of in joined.ids.items()}
        say(
            json_text({"name": name, "already": joined.already, "configuration_written": written, "ids": ids})
        )
    else:
        fleet_output.show_joined(joined, plan, name)
        if not written:
            say(wrapped(Text("Write this into {config}:", config=config)))
            say(f"\n{configuring.shown(keys)}\n")
        say(wrapped(Text("Now start the daemon: {command}", command=start_command())))


@examples("gatewayd fleet leave", "gatewayd fleet leave --force")
@fleet.command()
@click.option(
    "--force", is_flag=True, help="Also with unfinished messages: the fleet treats them as in doubt."
)
@json_option
@click.pass_context
def leave(context: click.Context, force: bool, as_json: bool) -> None:
    """Take this box out of its fleet, while its daemon is stopped: it is alone again.

    It tells what it knows first, and gives back what it has not begun. It keeps the companies, the keys and its SIMs.
    """
    settings, config = _settings(context), config_path(context)
    _require_joined(settings)
    from gatewayd.fleet.setup import configuring
    from gatewayd.fleet.setup.leaving import Leave
    from gatewayd.fleet.setup.observing import connection_settings
    from gatewayd.timekeeping.clock import Calendar, Clock

    with _failures(), _connected(connection_settings(settings.fleet)) as db, _own_store(settings) as store:
        at = Clock().moment(Calendar(settings.numbers.zone))
        left = Leave(db, store, settings, at).run(force=force)
    written = configuring.written(config, configuring.NOTHING)
    if as_json:
        say(
            json_text(
                {"name": settings.fleet.name, "started": left.started, "configuration_written": written}
            )
        )
        return
    say(wrapped(Text("{name} has left the fleet: this box is alone.", name=settings.fleet.name)))
    if left.started:
        text = Text(
            "{count} messages that it had started are in doubt; the fleet decides about them.",
            count=left.started,
        )
        say(wrapped(text))
    if not written:
        say(wrapped(Text("Take the section [fleet] out of {config}.", config=config)))


@examples("gatewayd fleet status", "gatewayd fleet status --json")
@fleet.command()
@wide_option
@json_option
@click.pass_context
def status(context: click.Context, wide: bool, as_json: bool) -> None:
    """Show the boxes, their leases, what waits where, and what needs a person."""
    document = _state(context)
    if as_json:
        say(json_text(document))
    else:
        fleet_output.show_state(document, all_columns=wide)
    if document["away"]:
        raise SystemExit(1)


@examples("gatewayd fleet recovered")
@fleet.command()
@_yes
@json_option
@click.pass_context
def recovered(context: click.Context, yes: bool, as_json: bool) -> None:
    """Let the boxes send again, after PostgreSQL was restored from a backup.

    Before that every member must have told again what it knows, or be excluded.
    """
    from_settings = _settings(context)
    _require_joined(from_settings)
    _confirm(
        Text("Was PostgreSQL restored, and is it the one that the boxes should use from now on?"),
        yes,
        as_json,
    )
    from gatewayd.fleet.setup import members
    from gatewayd.fleet.setup.observing import connection_settings

    with _failures(), _connected(connection_settings(from_settings.fleet)) as db, db.transaction():
        members.recovered(db)
    _said(Text("The boxes claim and send again."), {"recovered": True}, as_json)


@examples("gatewayd fleet exclude bamako-2")
@fleet.command()
@click.argument("box")
@_yes
@json_option
@click.pass_context
def exclude(context: click.Context, box: str, yes: bool, as_json: bool) -> None:
    """Take a box out that does not come back.

    Messages that it had not started go to the others; those that it had started are in doubt after a while.
    """
    settings = _settings(context)
    _require_joined(settings)
    _confirm(Text("Take {box} out of the fleet?", box=box), yes, as_json)
    from gatewayd.fleet.setup import members
    from gatewayd.fleet.setup.observing import connection_settings
    from gatewayd.timekeeping.clock import Calendar, Clock

    calendar = Calendar(settings.numbers.zone)
    with _failures(), _connected(connection_settings(settings.fleet)) as db, db.transaction():
        members.exclude(db, box, Clock().moment(calendar), calendar)
    _said(Text("{box} is out of the fleet.", box=box), {"excluded": box}, as_json)


def _settings(context: click.Context) -> Settings:
    """The settings with the choices of the dashboard. Exits where something is not installed."""
    from gatewayd.fleet.setup import requirements
    from gatewayd.sims.chosen_numbers import with_choices

    if (missing := requirements.missing()) is not None:
        fail(missing)
    return with_choices(settings_of(context))


def _require_joined(settings: Settings) -> None:
    if not settings.fleet.joined:
        fail(
            Text("this box belongs to no fleet: the configuration has no [fleet] dsn (`gatewayd fleet join`)")
        )


@contextmanager
def _failures() -> Iterator[None]:
    """Exit where a step fails for a reason that a person can remove."""
    from gatewayd.fleet.postgres.errors import PostgresFaultError, PostgresSettingsError
    from gatewayd.store.engine.errors import (
        StoreDamagedError,
        StoreLockedError,
        StoreUnavailableError,
        StoreVersionError,
    )

    try:
        yield
    except StoreLockedError:
        fail(
            Text(
                "the daemon of this box runs: when no message is unfinished, stop it (sudo systemctl stop gatewayd), and repeat this"
            )
        )
    except (
        AdminError,
        PostgresSettingsError,
        PostgresFaultError,
        StoreUnavailableError,
        StoreVersionError,
        StoreDamagedError,
    ) as error:
        fail(error)


@contextmanager
def _connected(settings: Any) -> Iterator[Connection]:
    from gatewayd.fleet.postgres.connection import connect

    with closing(connect(settings)) as db:
        yield db


@contextmanager
def _own_store(settings: Settings) -> Iterator[Store]:
    from gatewayd.store.store import Store

    store = Store(settings.store.path, resend=settings.store.restored == "send")
    store.open()
    try:
        yield store
    finally:
        store.close()


def _owned(settings: Settings) -> Path:
    """A path that belongs to the user of the service."""
    store = settings.store.path
    return next((path for path in (store, store.parent) if path.exists()), Path.cwd())


def _password(settings: Settings, config: Path, given: Path | None) -> Path | None:
    """The file with the password, which the service can read; None: the environment has it, and keeps it."""
    from gatewayd.fleet.postgres.settings import PASSWORD_VARIABLE
    from gatewayd.fleet.setup import password_file as files

    standard = (config.parent / _PASSWORD_FILE).absolute()
    source = given or settings.fleet.password_file or (standard if standard.exists() else None)
    try:
        if source is not None:
            source = source.absolute()
            password = source.read_text(encoding="utf-8").strip("\r\n")
            if os.geteuid() != 0 or source.stat().st_uid == _owned(settings).stat().st_uid:
                return source
        elif os.environ.get(PASSWORD_VARIABLE) or not sys.stdin.isatty():
            return None
        else:
            password = click.prompt(localised(Text("Password of the boxes")), hide_input=True, err=True)
        files.write(standard, password, owner_of=_owned(settings))
    except (OSError, UnicodeDecodeError) as error:
        fail(Text("the password cannot be read or written: {reason}", reason=text_of(error)))
    return standard


def _asked(plan: Plan, answered: dict[int, int | None], *, may_ask: bool) -> dict[int, int | None]:
    """The answers of a person about the companies of which no option tells. Exits where nobody can be asked."""
    from gatewayd.fleet.setup import matching

    open_ = [each for each in plan.questions if each.company.id not in answered]
    if not open_:
        return {}
    if not (may_ask and sys.stdin.isatty()):
        fail(
            Text(
                "say which companies are the same, with --company OLD=NEW or OLD=new for each of: {own}. The fleet has: {fleet}."
                " Or --yes: those of the same name are the same",
                own=matching.listed([each.company for each in open_]),
                fleet=matching.listed(plan.fleet),
            )
        )
    say(wrapped(Text("The fleet has these companies: {fleet}.", fleet=matching.listed(plan.fleet))), err=True)
    found: dict[int, int | None] = {}
    for each in open_:
        proposed = matching.NEW if each.proposed is None else str(each.proposed.id)
        question = Text(
            "Which of them is {company}? Its id, or {new}",
            company=matching.listed([each.company]),
            new=matching.NEW,
        )
        answer = click.prompt(printable(localised(question)), default=proposed, err=True)
        found |= matching.given([f"{each.company.id}={answer.strip()}"], plan.own, plan.fleet)
    return found


def _state(context: click.Context) -> dict[str, Any]:
    """The state as the daemon sees it; else, or for who may not ask it, as this process does."""
    settings = settings_of(context)
    _require_joined(settings)
    try:
        found: Any = ask(settings.store.path, "fleet.status", {}, _ANSWER_TIMEOUT_S)
        return dict(found)
    except (NotRunningError, AdminError, OSError):
        pass
    from gatewayd.fleet.setup import requirements

    if (missing := requirements.missing()) is not None:
        fail(missing)
    from gatewayd.fleet.setup.observing import observed, untold_of

    return observed(settings.fleet, untold_of(settings.store.path))


def _confirm(question: Text, yes: bool, as_json: bool) -> None:
    if yes:
        return
    if as_json or not sys.stdin.isatty():
        fail(Text("add --yes: nobody can be asked here"))
    if not click.confirm(printable(localised(question)), err=True):
        raise click.Abort


def _times(text: str | None) -> dict[str, float]:
    if not text:
        return {}
    allowed = ("beat_s", "lease_s", "dead_after_s", "doubt_extra_s", "look_s")
    found = dict(each.split("=", 1) for each in text.split(","))
    if set(found) - set(allowed):
        raise click.UsageError(Sentences(["--times:", ", ".join(allowed)]))
    return {name: float(value) for name, value in found.items()}


def _said(text: Text, document: dict[str, object], as_json: bool) -> None:
    say(json_text(document) if as_json else wrapped(text))
