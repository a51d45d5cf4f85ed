"""`gatewayd support`: collect the information for remote support in one file, without numbers, texts and keys."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from config.language.text import Text
from config.settings import ConfigError, StoreSettings, load
from gatewayd.commands.check import as_document, examine
from gatewayd.commands.command_help import examples
from gatewayd.commands.common import config_path, fail, json_option
from gatewayd.commands.device_probe import probe_showing
from gatewayd.commands.output import say
from gatewayd.commands.wrapping import wrapped
from gatewayd.daemon.control_client import NotRunningError, ask
from gatewayd.errors import AdminError
from gatewayd.escaping import json_text, printable
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.inspection import recent_counts
from gatewayd.support import archive, blanking, journal, machine
from gatewayd.support.redaction import Redactor

_ANSWER_TIMEOUT_S = 30.0

_README = """\
Information that `gatewayd support` collected on {now}, for an engineer without access to this box.

{contents}

{missing}
Phone numbers, IMEI and ICCID are reduced to their last digits. Texts of messages, PINs, API keys and passwords are not included:
the log contains no texts at the levels info and above, and its debug lines were left out.
"""
_ABOUT = {
    "status.json": "the status of the daemon, as `gatewayd status --json`",
    "check.json": "the findings of `gatewayd check --json`",
    "counts.json": "the outcomes of the newest messages, and the reasons of failures",
    "configuration.json": "the configuration without comments and secrets",
    "versions.json": "gatewayd, Python, the system, the packages",
    "resources.json": "time, memory and disks",
    "devices.json": "serial devices, and the programs that have them open",
    "log.txt": "the end of the daemon's log",
    "kernel.txt": "kernel messages about USB, serial devices, power and disks",
}
_TRANSCRIPT = "the latest AT conversation of this port"
_NO_DAEMON = "no gatewayd is running"


@examples("gatewayd support", "gatewayd support /media/usb/support.tar.gz")
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
        fail(Text("{path} already exists", path=path))
    if not os.path.isdir(path.parent):
        fail(Text("there is no folder {folder}, or you may not read it", folder=path.parent))
    collection = _Collection(config_path(context))
    collection.collect(functools.partial(probe_showing, hidden=as_json))
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


class _MissingError(Exception):
    """There is nothing to collect; the text gives the reason."""


class _Collection:
    """The files of the archive, each masked when it is added, and a list of the missing ones."""

    def __init__(self, config: Path) -> None:
        self.files: dict[str, str] = {}
        self.missing: list[str] = []
        self._config = config
        self._raw = _bytes_of(config)
        self._redactor = Redactor(blanking.secrets(self._raw or b""))
        try:
            self._store = load(config).store.path
        except (ConfigError, OSError):
            self._store = (
                StoreSettings().path
            )  # a daemon that was started with the earlier configuration may still answer there

    def collect(self, probe: Callable[[Any], Any]) -> None:
        """Collect all files. `probe` as for `check.examine`."""
        self._add("status.json", lambda: self._ask("status"))
        self._add("check.json", lambda: as_document(examine(self._config, probe)))
        self._add("counts.json", self._counts)
        self._add("configuration.json", self._configuration)
        self._add("versions.json", machine.versions)
        self._add("resources.json", lambda: machine.resources(self._store))
        self._add("devices.json", machine.serial_devices)
        self._add("log.txt", journal.daemon_log)
        self._add("kernel.txt", journal.kernel_log)
        self._add_transcripts()

    def add_readme(self, now: str) -> None:
        """Put a list of the contents at the beginning of the archive."""
        contents = "\n".join(f"{name:24}{_ABOUT.get(name, _TRANSCRIPT)}" for name in self.files)
        missing = "".join(f"Missing: {line}.\n" for line in self.missing)
        self.files = {"README.txt": _README.format(now=now, contents=contents, missing=missing), **self.files}

    def _add(self, name: str, read: Callable[[], Any]) -> None:
        try:
            found = read()
        except NotRunningError:
            self.missing.append(f"{name} ({_NO_DAEMON})")
        except (
            AdminError,
            StoreUnavailableError,
            journal.JournalError,
            _MissingError,
            OSError,
            ValueError,
        ) as error:
            self.missing.append(f"{name} ({self._redactor.text(str(error))})")
        else:
            is_text = isinstance(found, str)
            masked = self._redactor.text(found) if is_text else self._redactor.tree(found)
            self.files[name] = printable(masked, keep="\n\t") if is_text else json_text(masked, indent=1)

    def _add_transcripts(self) -> None:
        try:
            transcripts = self._ask("support.transcripts")
        except NotRunningError:
            self.missing.append(f"transcripts ({_NO_DAEMON})")
        except (AdminError, OSError) as error:
            self.missing.append(f"transcripts ({error})")
        else:
            for port, lines in transcripts.items():
                self._add(f"port-{port}.txt", functools.partial("\n".join, lines))

    def _ask(self, command: str) -> Any:
        try:
            return ask(self._store, command, {}, _ANSWER_TIMEOUT_S)
        except FileNotFoundError:
            raise NotRunningError from None

    def _counts(self) -> Any:
        try:
            return self._ask("support.counts")
        except NotRunningError:
            if not self._store.exists():
                raise _MissingError(f"there is no database {self._store}") from None
            return recent_counts(self._store)

    def _configuration(self) -> Any:
        if self._raw is None:
            raise _MissingError(f"{self._config} cannot be read")
        return blanking.blanked(self._raw)


def _bytes_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
