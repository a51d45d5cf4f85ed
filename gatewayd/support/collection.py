"""The files of the archive for remote support, each masked when it is added, and a list of the missing ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gatewayd.errors import AdminError
from gatewayd.escaping import json_text, printable
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.support import journal
from gatewayd.support.redaction import Redactor

_README: Final = """\
Information that `gatewayd support` collected on {now}, for an engineer without access to this box.

{contents}

{missing}
Phone numbers, IMEI and ICCID are reduced to their last digits. Texts of messages, PINs, API keys and passwords are not included:
the log contains no texts at the levels info and above, and its debug lines were left out.
"""
_ABOUT: Final = {
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
_TRANSCRIPT: Final = "the latest AT conversation of this port"
_RECORDING: Final = "how the modem of this port answers harmless questions; its numbers are made up"


class MissingError(Exception):
    """There is nothing to collect; the text gives the reason."""


class Collection:
    """Collects files, by name. `missing`: what could not be read, each with its reason."""

    def __init__(self, redactor: Redactor) -> None:
        self.files: dict[str, str] = {}
        self.missing: list[str] = []
        self._redactor = redactor

    def add(self, name: str, read: Callable[[], Any]) -> None:
        """Add a file: text, or a document that becomes JSON. Where `read` fails, the file is missing."""
        try:
            found = read()
        except (
            AdminError,
            StoreUnavailableError,
            journal.JournalError,
            MissingError,
            OSError,
            ValueError,
        ) as error:
            self.missing.append(f"{name} ({self._redactor.text(str(error))})")
            return
        if isinstance(found, str):
            self.files[name] = printable(self._redactor.text(found), keep="\n\t")
        else:
            self.files[name] = json_text(self._redactor.tree(found), indent=1)

    def add_transcripts(self, read: Callable[[], dict[str, list[str]]]) -> None:
        """Add the AT conversation of each port. `read`: their lines, by port."""
        try:
            transcripts = read()
        except (AdminError, MissingError, OSError) as error:
            self.missing.append(f"transcripts ({error})")
            return
        for port, lines in transcripts.items():
            self.add(f"port-{port}.txt", lambda lines=lines: "\n".join(lines))  # type: ignore[misc]

    def add_recording(self, port: int, read: Callable[[], str]) -> None:
        """Add the recording of a port's modem. The recorder has made its numbers up; a masked one could not be played."""
        name = f"modem-{port}.json"
        try:
            self.files[name] = read()
        except (AdminError, MissingError, OSError) as error:
            self.missing.append(f"{name} ({self._redactor.text(str(error))})")

    def add_readme(self, now: str) -> None:
        """Put a list of the contents at the beginning."""
        contents = "\n".join(f"{name:24}{_about(name)}" for name in self.files)
        missing = "".join(f"Missing: {line}.\n" for line in self.missing)
        self.files = {"README.txt": _README.format(now=now, contents=contents, missing=missing), **self.files}


def _about(name: str) -> str:
    return _ABOUT.get(name, _RECORDING if name.startswith("modem-") else _TRANSCRIPT)
