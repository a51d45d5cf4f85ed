"""`gatewayd backup`."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from gatewayd.commands.common import follow_or_do, json_option, show


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
        closing(follow_or_do(context, "backup", {"file": str(file.absolute()), "force": force})) as batches,
        click.progressbar(length=1000, label="Copying, then checking", file=sys.stderr, hidden=hidden) as bar,
    ):
        for batch in batches:
            for told in batch:
                if "file" in told:
                    made = told
                elif told["pages"]:
                    # What the check takes is not known beforehand: it is what is left at the end.
                    now = 900 * told["copied"] // told["pages"]
                    bar.update(now - done)
                    done = now
        bar.update(1000 - done)
    show(made, as_json)
