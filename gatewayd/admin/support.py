"""The parts of `gatewayd support` that only the daemon knows."""

from __future__ import annotations

from contextlib import suppress
from time import monotonic

from config.settings import Settings
from gatewayd.admin.context import Context
from gatewayd.admin.examination import examine
from gatewayd.admin.status import status
from gatewayd.diagnostics.findings import as_document
from gatewayd.store import inspection
from gatewayd.support import archive, blanking, journal, machine
from gatewayd.support.collection import Collection, MissingError
from gatewayd.support.redaction import Redactor
from gatewayd.timekeeping.clock import iso
from modem.at.transcript import Watcher

# A port hands over its transcript at once. One that needs longer is skipped.
_FIRST_LINE_S = 1.0
_NEXT_LINE_S = 0.1
_ALL_PORTS_S = 10.0

_LOG_ENTRIES = 3000


def transcripts(context: Context) -> dict[str, list[str]]:
    """Return the masked transcript of each port, by port number."""
    ports = dict(context.running().ports.items())  # of one moment
    watchers = {number: Watcher() for number in ports}
    deadline = monotonic() + _ALL_PORTS_S
    try:
        for number, watcher in watchers.items():
            ports[number].watch(watcher)
        return {str(number): _lines(watcher, deadline) for number, watcher in sorted(watchers.items())}
    finally:
        for number, watcher in watchers.items():
            ports[number].leave(watcher)


def counts(context: Context) -> dict[str, object]:
    """Count the outcomes of the newest messages, without numbers and texts."""
    with context.store.readers.lend() as db:
        return inspection.counts(db)


def archive_of_the_box(context: Context, settings: Settings) -> bytes:
    """The archive for remote support (see `gatewayd support`), a tar.gz. Takes up to half a minute.

    The log is the one that the daemon keeps: the service may not read the journal.
    """
    raw = b""
    if context.config is not None:
        with suppress(OSError):  # then the configuration is missing in the archive, which says so
            raw = context.config.read_bytes()
    secrets = blanking.secrets(raw) | {
        port.settings.pin.get_secret_value()
        for port in context.ports.known()
        if port.settings.pin is not None
    }
    collection = Collection(Redactor(secrets))
    collection.add("status.json", lambda: status(context))
    collection.add("check.json", lambda: as_document(examine(context, settings)))
    collection.add("counts.json", lambda: counts(context))
    collection.add("configuration.json", lambda: blanking.blanked(raw))
    collection.add("versions.json", machine.versions)
    collection.add("resources.json", lambda: machine.resources(context.store.path))
    collection.add("devices.json", machine.serial_devices)
    collection.add("log.txt", lambda: _log(context))
    collection.add("kernel.txt", journal.kernel_log)
    collection.add_transcripts(lambda: transcripts(context))
    collection.add_readme(f"{iso(context.clock.now())[:19]} UTC")
    return archive.packed(collection.files)


def _log(context: Context) -> str:
    if context.recent_log is None:
        raise MissingError("the daemon keeps no log")
    entries = context.recent_log.newest(_LOG_ENTRIES)
    return "\n".join(
        f"{iso(each.at)} {each.level_name.upper():7} {each.logger}: {each.text}" for each in reversed(entries)
    )


def _lines(watcher: Watcher, deadline: float) -> list[str]:
    collected: list[str] = []
    wait_s = _FIRST_LINE_S
    while True:
        lines, more = watcher.take(max(0.0, min(wait_s, deadline - monotonic())))
        collected += map(str, lines)
        if not lines or not more:
            return collected
        wait_s = _NEXT_LINE_S
