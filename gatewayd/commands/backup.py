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

from gatewayd.admin.backup import told
from gatewayd.admin.context import AdminError
from gatewayd.commands.common import fail, follow_or_do, json_option, settings_of, show
from gatewayd.daemon.control_socket import NotRunningError, ask
from gatewayd.operations.backups import running_backup

_ANSWER_S = 30.0


def _batches(context: click.Context, file: Path, *, force: bool) -> Generator[list[Any], None, None]:
    """Copy it here where that can be: the daemon that runs as a service may write into its own folder alone."""
    database = settings_of(context).store.path
    if not (os.access(database, os.R_OK | os.W_OK) and _runs(database)):
        yield from follow_or_do(context, "backup", {"file": str(file), "force": force})
        return
    try:
        now = time.time_ns() // 1000
        with closing(told(running_backup(database, file, now, overwrite=force), file)) as batches:
            yield from batches
    except AdminError as error:
        fail(error)


def _runs(database: Path) -> bool:
    try:
        ask(database, "status", {}, _ANSWER_S)
    except (NotRunningError, AdminError, OSError):
        return False
    return True


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@json_option
@click.pass_context
def backup(context: click.Context, file: Path, force: bool, as_json: bool) -> None:
    """Copy the database to FILE, also while the gateway runs, and check the copy."""
    made: dict[str, Any] = {}
    done = 0
    hidden = as_json or not sys.stderr.isatty()
    with (
        closing(_batches(context, file.absolute(), force=force)) as batches,
        click.progressbar(length=1000, label="Copying, then checking", file=sys.stderr, hidden=hidden) as bar,
    ):
        for batch in batches:
            for effects in batch:
                if "file" in effects:
                    made = effects
                elif effects["pages"]:
                    # What the check takes is not known beforehand: it is what is left at the end.
                    now = 900 * effects["copied"] // effects["pages"]
                    bar.update(now - done)
                    done = now
        bar.update(1000 - done)
    show(made, as_json)
