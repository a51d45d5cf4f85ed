"""`gatewayd support`: collect the information for remote support in one file, without numbers, texts and keys."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from config.settings import ConfigError, StoreSettings, load
from gatewayd.commands.check import examine
from gatewayd.commands.common import config_path, fail, json_option
from gatewayd.commands.device_probe import probe_showing
from gatewayd.commands.output import say
from gatewayd.daemon.control_client import NotRunningError, ask
from gatewayd.diagnostics.findings import as_document
from gatewayd.escaping import json_text
from gatewayd.store.inspection import recent_counts
from gatewayd.support import archive, blanking, journal, machine
from gatewayd.support.collection import Collection, MissingError
from gatewayd.support.redaction import Redactor

_ANSWER_TIMEOUT_S = 30.0

_NO_DAEMON = "no gatewayd is running"


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@json_option
@click.pass_context
def support(context: click.Context, file: Path | None, as_json: bool) -> None:
    """Collect the information for remote support into FILE, a tar.gz, without numbers, texts and keys.

    By default FILE is in this folder and named after the time. An existing file is never overwritten.
    """
    now = datetime.now(UTC)
    path = file or Path(f"gatewayd-support-{now:%Y-%m-%d-%H%M%S}.tar.gz")
    if os.path.lexists(path):
        fail(f"{path} already exists")
    if not os.path.isdir(path.parent):
        fail(f"there is no folder {path.parent}, or you may not read it")
    source = _Source(config_path(context))
    source.collect(functools.partial(probe_showing, hidden=as_json))
    collection = source.collection
    collection.add_readme(f"{now:%Y-%m-%d %H:%M:%S} UTC")
    try:
        archive.write(path, collection.files)
    except FileExistsError:
        fail(f"{path} already exists")
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror or error}")
    if as_json:
        say(json_text({"file": str(path.absolute()), "contents": list(collection.files)}))
        return
    say(f"{path} contains {', '.join(collection.files)}.")
    for missing in collection.missing:
        say(f"Missing: {missing}.")
    say("It contains no number, text, key or PIN. Send it to your support.")


class _Source:
    """What the archive is made of: the configuration, the daemon if one runs, and the machine."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._raw = _bytes_of(config)
        self.collection = Collection(Redactor(blanking.secrets(self._raw or b"")))
        try:
            self._store = load(config).store.path
        except (ConfigError, OSError):
            self._store = (
                StoreSettings().path
            )  # a daemon that was started with the earlier configuration may still answer there

    def collect(self, probe: Callable[[Any], Any]) -> None:
        """Collect all files. `probe` as for `check.examine`."""
        add = self.collection.add
        add("status.json", lambda: self._ask("status"))
        add("check.json", lambda: as_document(examine(self._config, probe)))
        add("counts.json", self._counts)
        add("configuration.json", self._configuration)
        add("versions.json", machine.versions)
        add("resources.json", lambda: machine.resources(self._store))
        add("devices.json", machine.serial_devices)
        add("log.txt", journal.daemon_log)
        add("kernel.txt", journal.kernel_log)
        self.collection.add_transcripts(lambda: self._ask("support.transcripts"))

    def _ask(self, command: str) -> Any:
        try:
            return ask(self._store, command, {}, _ANSWER_TIMEOUT_S)
        except (NotRunningError, FileNotFoundError) as error:
            raise MissingError(_NO_DAEMON) from error

    def _counts(self) -> Any:
        try:
            return self._ask("support.counts")
        except MissingError:
            if not self._store.exists():
                raise MissingError(f"there is no database {self._store}") from None
            return recent_counts(self._store)

    def _configuration(self) -> Any:
        if self._raw is None:
            raise MissingError(f"{self._config} cannot be read")
        return blanking.blanked(self._raw)


def _bytes_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
