"""The check of the box, made by the daemon itself in the background: a person reads its findings on a page."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.language.text import Text
from config.settings import Settings
from gatewayd.admin.context import Context
from gatewayd.admin.status import status
from gatewayd.diagnostics import configuration, running, system
from gatewayd.diagnostics.findings import Finding, fault

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Examined:
    """The findings of a check that has ended. `at`: microseconds since the epoch."""

    at: int
    findings: tuple[Finding, ...]


class Examination:
    """Makes one check at a time, which takes from a second to half a minute."""

    def __init__(self, context: Context, settings: Settings) -> None:
        self._context = context
        self._settings = settings
        self._free = threading.Lock()
        self.last: Examined | None = None

    @property
    def running(self) -> bool:
        """Whether a check is being made."""
        return self._free.locked()

    def start(self) -> None:
        """Begin a check, unless one is being made."""
        if self._free.acquire(blocking=False):
            threading.Thread(target=self._make, name="check", daemon=True).start()

    def _make(self) -> None:
        try:
            self.last = Examined(self._context.clock.now(), tuple(self._examine()))
        except Exception:
            log.exception("the check of the box failed")
            text = Text("An unexpected error. The log of the daemon contains it.")
            self.last = Examined(self._context.clock.now(), (fault(Text("daemon"), text),))
        finally:
            self._free.release()

    def _examine(self) -> list[Finding]:
        return examine(self._context, self._settings)


def examine(context: Context, settings: Settings) -> list[Finding]:
    """All findings of the running daemon. `settings`: those that it runs with."""
    found = list[Finding]()
    if context.config is not None:
        changed, about_file = configuration.check(Path(context.config))
        found += about_file
        settings = settings if changed is None else changed
    now: dict[str, Any] = status(context)
    found += running.by_status(settings, now)
    found += running.of_files(settings, daemon_answers=True)
    if context.fleet is not None:
        found += context.fleet.findings()
    found.append(system.check_clock(settings, now["clock"]))
    found.append(system.check_version(now["version"], daemon=True))
    return found
