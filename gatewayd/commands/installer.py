"""`gatewayd installer`: the steps of install.sh and of the Debian package that need the configuration or the database.

The group is hidden: operators have no use for it.
"""

from __future__ import annotations

from pathlib import Path

import click

from config.language.text import Text
from gatewayd.commands.common import config_path, fail, settings_of
from gatewayd.commands.output import say
from gatewayd.daemon.control_client import NotRunningError, ask
from gatewayd.errors import AdminError

_ANSWER_TIMEOUT_S = 30.0


@click.group()
def installer() -> None:
    """Steps of the installer."""


@installer.command("check-configuration")
@click.pass_context
def check_configuration(context: click.Context) -> None:
    """Exit with 1 and print the faults if the configuration cannot be used."""
    settings_of(context)


@installer.command("list-plans")
def list_plans() -> None:
    """Print the names of the numbering plans, on one line."""
    from config.plans import plans

    say(" ".join(plans()))


@installer.command("dashboard-address")
@click.pass_context
def dashboard_address(context: click.Context) -> None:
    """Print the URL of the dashboard, as a browser in the local network opens it if the configuration allows that."""
    from gatewayd.commands.dashboard_address import dashboard_url

    say(dashboard_url(settings_of(context).api.addresses))


@installer.command("copy-database")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("release")
@click.argument("kept", type=click.IntRange(1))
@click.pass_context
def copy_database(context: click.Context, folder: Path, release: str, kept: int) -> None:
    """Copy the database of the stopped gateway into FOLDER, unchanged, and print the path of the copy.

    The copy is named after RELEASE, the release that wrote the database; the newest KEPT copies stay. If there is no database
    yet, nothing is copied or printed.
    """
    from gatewayd.store.upgrade_copy import UpgradeCopyError, copy

    try:
        path = copy(settings_of(context).store.path, folder, release, kept)
    except (UpgradeCopyError, OSError) as error:
        fail(error)
    if path is not None:
        say(str(path))


@installer.command("restore-database")
@click.argument("copy", type=click.Path(path_type=Path))
@click.pass_context
def restore_database(context: click.Context, copy: Path) -> None:
    """Replace the database by COPY; the replaced files stay beside it, with names that contain `.failed`."""
    from gatewayd.store.upgrade_copy import restore

    try:
        restore(settings_of(context).store.path, copy)
    except OSError as error:
        fail(error)


@installer.command("check-daemon")
@click.pass_context
def check_daemon(context: click.Context) -> None:
    """Exit with 1 if the daemon does not answer on its control socket, which no firewall blocks."""
    try:
        ask(settings_of(context).store.path, "status", {}, _ANSWER_TIMEOUT_S)
    except (NotRunningError, FileNotFoundError):
        fail(Text("no gatewayd is running with {config}", config=config_path(context)))
    except (AdminError, OSError) as error:
        fail(error)
