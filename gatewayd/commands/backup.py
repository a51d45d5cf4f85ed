"""`gatewayd backup`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from config.language.text import Text
from gatewayd.commands.command_help import examples
from gatewayd.commands.common import administer_in_batches, fail, json_option, settings_of, show
from gatewayd.commands.invocation import localised
from gatewayd.commands.progress import shown
from gatewayd.daemon.control_client import NotRunningError, ask
from gatewayd.errors import AdminError

_ANSWER_TIMEOUT_S = 30.0


def _batches(context: click.Context, file: Path, *, force: bool) -> Generator[list[Any], None, None]:
    """Copy the database in this process if possible: a daemon that runs as a service can write only to its own folder."""
    database = settings_of(context).store.path
    if not (os.access(database, os.R_OK | os.W_OK) and _is_running(database)):
        yield from administer_in_batches(context, "backup", {"file": str(file), "force": force})
        return
    from gatewayd.admin.backup import progress_batches
    from gatewayd.operations.backups import running_backup

    try:
        now = time.time_ns() // 1000
        with closing(progress_batches(running_backup(database, file, now, overwrite=force), file)) as batches:
            yield from batches
    except AdminError as error:
        fail(error)


def _is_running(database: Path) -> bool:
    try:
        ask(database, "status", {}, _ANSWER_TIMEOUT_S)
    except (NotRunningError, AdminError, OSError):
        return False
    return True


@examples("gatewayd backup /media/usb/gatewayd.db")
@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@json_option
@click.pass_context
def backup(context: click.Context, file: Path, force: bool, as_json: bool) -> None:
    """Copy the database to FILE, also while the gateway runs, and check the copy."""
    result: dict[str, Any] = {}
    done = 0
    label = localised(Text("Copying, then checking"))
    with (
        closing(_batches(context, file.absolute(), force=force)) as batches,
        click.progressbar(length=1000, label=label, file=sys.stderr, hidden=not shown()) as bar,
    ):
        for batch in batches:
            for progress in batch:
                if "file" in progress:
                    result = progress
                elif progress["pages"]:
                    # The duration of the check is not known in advance: it gets the last tenth of the bar.
                    now = 900 * progress["copied"] // progress["pages"]
                    bar.update(now - done)
                    done = now
        bar.update(1000 - done)
    show(result, as_json)
