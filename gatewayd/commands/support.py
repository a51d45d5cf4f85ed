"""`gatewayd support`: all that an engineer far away needs, in one file without numbers, texts and keys."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from config.settings import ConfigError, StoreSettings, load
from gatewayd.admin.context import AdminError
from gatewayd.commands.check import as_document, examine
from gatewayd.commands.common import config_path, fail, json_option
from gatewayd.commands.output import say
from gatewayd.commands.probing import probe_showing
from gatewayd.daemon.control_socket import NotRunningError, ask
from gatewayd.escaping import json_text, printable
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.integrity import recent_counts
from gatewayd.support import archive, blanking, journal, machine
from gatewayd.support.redaction import Redactor

_ANSWER_TIMEOUT_S = 30.0

_README = """\
What `gatewayd support` gathered on {now}, for an engineer who cannot log in to this box.

{contents}

{missing}
Phone numbers, IMEI and ICCID are shown by their last digits. Texts of messages, PINs, API keys and passwords are not in here:
the log holds no texts from the level info up, and its lines of the level debug were left out.
"""
_ABOUT = {
    "status.json": "what the daemon said of itself, as `gatewayd status --json`",
    "check.json": "what is wrong, as `gatewayd check --json`",
    "counts.json": "what became of the newest messages, and why some failed",
    "configuration.json": "the configuration without comments and secrets",
    "versions.json": "gatewayd, Python, the system, the packages",
    "resources.json": "time, memory and disks",
    "devices.json": "serial devices, and who has them open",
    "log.txt": "the end of the daemon's log",
    "kernel.txt": "what the kernel said of USB, serial devices, power and disks",
}
_TRANSCRIPT = "what the daemon and this port's modem said to each other last"
_NO_DAEMON = "no gatewayd is running"


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@json_option
@click.pass_context
def support(context: click.Context, file: Path | None, as_json: bool) -> None:
    """Gather all that an engineer far away needs into FILE, a tar.gz, without numbers, texts and keys.

    FILE is by default one in this folder that is named after the time; an existing one is never overwritten.
    """
    now = datetime.now(UTC)
    path = file or Path(f"gatewayd-support-{now:%Y-%m-%d-%H%M%S}.tar.gz")
    if os.path.lexists(path):
        fail(f"{path} is there already")
    if not os.path.isdir(path.parent):
        fail(f"there is no folder {path.parent} that you may look into")
    gathered = _Gathered(config_path(context))
    gathered.all(functools.partial(probe_showing, hidden=as_json))
    gathered.add_readme(f"{now:%Y-%m-%d %H:%M:%S} UTC")
    try:
        archive.write(path, gathered.files)
    except FileExistsError:
        fail(f"{path} is there already")
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror or error}")
    if as_json:
        say(json_text({"file": str(path.absolute()), "contents": list(gathered.files)}))
        return
    say(f"{path} holds {', '.join(gathered.files)}.")
    for missing in gathered.missing:
        say(f"Not in it: {missing}.")
    say("No number, text, key or PIN is in it. Send it to whoever helps you.")


class _NotThereError(Exception):
    """There is nothing to be gathered; the text says why."""


class _Gathered:
    """What the archive will hold, every piece masked as it is added, and what could not be had."""

    def __init__(self, config: Path) -> None:
        self.files: dict[str, str] = {}
        self.missing: list[str] = []
        self._config = config
        self._raw = _bytes_of(config)
        self._redactor = Redactor(blanking.secrets(self._raw or b""))
        try:
            self._store = load(config).store.path
        except (ConfigError, OSError):
            self._store = StoreSettings().path  # a daemon that was started before may still answer there

    def all(self, probe: Callable[[Any], Any]) -> None:
        """Gather everything. `probe` as for `check`."""
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
        """Say what is in the archive, first of all."""
        contents = "\n".join(f"{name:24}{_ABOUT.get(name, _TRANSCRIPT)}" for name in self.files)
        missing = "".join(f"Not in it: {line}.\n" for line in self.missing)
        self.files = {"README.txt": _README.format(now=now, contents=contents, missing=missing), **self.files}

    def _add(self, name: str, gather: Callable[[], Any]) -> None:
        try:
            found = gather()
        except NotRunningError:
            self.missing.append(f"{name} ({_NO_DAEMON})")
        except (
            AdminError,
            StoreUnavailableError,
            journal.JournalError,
            _NotThereError,
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
            told = self._ask("support.transcripts")
        except NotRunningError:
            self.missing.append(f"transcripts ({_NO_DAEMON})")
        except (AdminError, OSError) as error:
            self.missing.append(f"transcripts ({error})")
        else:
            for port, lines in told.items():
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
                raise _NotThereError(f"there is no database {self._store}") from None
            return recent_counts(self._store)

    def _configuration(self) -> Any:
        if self._raw is None:
            raise _NotThereError(f"{self._config} cannot be read")
        return blanking.blanked(self._raw)


def _bytes_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
