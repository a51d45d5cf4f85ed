"""`gatewayd run`: run the daemon in the foreground, for a service manager."""

from __future__ import annotations

import faulthandler

import click

from api.server.listeners import ListenError
from gatewayd.commands.command_help import examples
from gatewayd.commands.common import config_path, fail, settings_of
from gatewayd.daemon.daemon import Daemon, DeadWorkerError
from gatewayd.daemon.logging_setup import log_to_stderr
from gatewayd.daemon.signals import stop_signals_held
from gatewayd.fleet.setup import requirements
from gatewayd.store.engine.errors import StoreLockedError, StoreUnavailableError, StoreVersionError

START_ERRORS = (StoreLockedError, StoreVersionError, StoreUnavailableError, ListenError)
"""The errors of `Daemon.start` whose text is for the operator."""


@examples("gatewayd run --config /etc/gatewayd/gatewayd.toml")
@click.command()
@click.pass_context
@stop_signals_held()
def run(context: click.Context) -> None:
    """Run the gateway until SIGTERM or SIGINT."""
    settings = settings_of(context)
    if settings.fleet.joined and (missing := requirements.missing()) is not None:
        fail(missing)
    recent_log = log_to_stderr(settings.daemon)
    faulthandler.enable()  # the SIGABRT of systemd's watchdog then prints the stack of every thread
    daemon = Daemon(settings, config=config_path(context), recent_log=recent_log)
    try:
        daemon.start()
    except START_ERRORS as error:
        fail(error)
    try:
        daemon.watch()
    except DeadWorkerError as error:
        daemon.stop()
        fail(error)
    daemon.stop()
