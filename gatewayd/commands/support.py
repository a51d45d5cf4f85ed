"""`gatewayd support`: collect the information for remote support in one file, without numbers, texts and keys."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from config.language.text import Text
from config.settings import ConfigError, StoreSettings, load
from gatewayd.commands.check import examine
from gatewayd.commands.command_help import examples
from gatewayd.commands.common import config_path, fail, json_option
from gatewayd.commands.device_probe import probe_showing
from gatewayd.commands.output import say
from gatewayd.commands.wrapping import wrapped
from gatewayd.daemon.control_client import NotRunningError, ask, follow
from gatewayd.diagnostics.findings import as_document
from gatewayd.errors import AdminError
from gatewayd.escaping import json_text
from gatewayd.store.inspection import recent_counts
from gatewayd.support import archive, blanking, journal, machine
from gatewayd.support.collection import Collection, MissingError
from gatewayd.support.redaction import Redactor

_ANSWER_TIMEOUT_S = 30.0
_RECORDED_AT_ONCE = 4  # a port sends nothing while its modem is recorded, so the others go on

_NO_DAEMON = "no gatewayd is running"


@examples("gatewayd support", "gatewayd support /media/usb/support.tar.gz --modems")
@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--modems", is_flag=True, help="Record the modem of each port as well; a port sends nothing for a minute."
)
@json_option
@click.pass_context
def support(context: click.Context, file: Path | None, modems: bool, as_json: bool) -> None:
    """Collect the information for remote support into FILE, a tar.gz, without numbers, texts and keys.

    By default FILE is in this folder and named after the time. An existing file is never overwritten.
    """
    now = datetime.now(UTC)
    path = file or Path(f"gatewayd-support-{now:%Y-%m-%d-%H%M%S}.tar.gz")
    if os.path.lexists(path):
        fail(Text("{path} already exists", path=path))
    if not os.path.isdir(path.parent):
        fail(Text("there is no folder {folder}, or you may not read it", folder=path.parent))
    source = _Source(config_path(context))
    source.collect(functools.partial(probe_showing, hidden=as_json))
    if modems:
        source.record_modems()
    collection = source.collection
    collection.add_readme(f"{now:%Y-%m-%d %H:%M:%S} UTC")
    try:
        archive.write(path, collection.files)
    except FileExistsError:
        fail(Text("{path} already exists", path=path))
    except OSError as error:
        fail(Text("{path} cannot be written: {reason}", path=path, reason=error.strerror or str(error)))
    if as_json:
        say(json_text({"file": str(path.absolute()), "contents": list(collection.files)}))
        return
    contents = ", ".join(collection.files)
    say(wrapped(Text("{path} contains {contents}.", path=path, contents=contents)))
    for missing in collection.missing:
        say(wrapped(Text("Missing: {missing}.", missing=missing)))
    say(Text("It contains no number, text, key or PIN. Send it to your support."))


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

    def record_modems(self) -> None:
        """Record the modem of each port of the running daemon, without sending and without a restart."""
        try:
            ports = [port["port"] for port in self._ask("status")["ports"]]
        except (AdminError, MissingError, OSError) as error:
            self.collection.missing.append(f"recordings of the modems ({error})")
            return
        with ThreadPoolExecutor(_RECORDED_AT_ONCE) as threads:
            recordings = {port: threads.submit(self._recording, port) for port in ports}
            for port, recording in recordings.items():
                self.collection.add_recording(port, recording.result)

    def _recording(self, port: int) -> str:
        """The recording of a port's modem. Raises AdminError, MissingError, OSError."""
        text = ""
        try:
            with closing(follow(self._store, "record", {"port": port})) as batches:
                for batch in batches:
                    for told in batch:
                        text = told.get("recording", text)
        except NotRunningError as error:
            raise MissingError(_NO_DAEMON) from error
        if not text:
            raise MissingError("the daemon ended before the recording did")
        return text

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
