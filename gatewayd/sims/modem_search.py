"""Searches the serial devices that no port uses for modems, beside the running ports."""

from __future__ import annotations

import glob
import logging
import os
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from config.language.text import Text
from gatewayd.errors import ConflictError
from modem import discovery
from modem.discovery import Device, Finding
from modem.hardware.device_path import DeviceUnavailableError, find_device
from modem.hardware.sysfs import MACHINE, Roots

log = logging.getLogger(__name__)

_MOST_DEVICES: Final = 256
"""The most devices of one search: sixteen are asked at the same time, and one takes half a minute at most."""


@dataclass(frozen=True, slots=True)
class SearchState:
    """The search that runs or ran last. `findings`: None while it runs, and before the first one."""

    running: bool
    findings: tuple[Finding, ...] | None


class ModemSearch:
    """Runs one search at a time, on a thread of its own. Any thread may call any method."""

    def __init__(self, patterns: Sequence[str] = (), roots: Roots = MACHINE) -> None:
        """`patterns`: of further devices, which the system does not list, such as pseudo-terminals."""
        self._patterns = patterns
        self._roots = roots
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._state = SearchState(running=False, findings=None)

    @property
    def state(self) -> SearchState:
        """The search now."""
        return self._state

    def begin(self, used: Collection[str], given: Sequence[str] = ()) -> None:
        """Begin a search, unless one runs. `used`: the devices of all ports, which are not opened; `given`: further ones.

        Raises ConflictError where there are too many devices.
        """
        with self._lock:
            if self._state.running:
                return
            wanted = self._unused(used, given)
            if len(wanted) > _MOST_DEVICES:
                text = Text(
                    "There are {count} serial devices, and at most {most} can be searched.",
                    count=len(wanted),
                    most=_MOST_DEVICES,
                )
                raise ConflictError(text)
            self._ended.clear()
            self._state = SearchState(running=True, findings=None)
            thread = threading.Thread(target=self._search, args=(wanted,), name="modem search", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # no more threads can be started
                self._end(None)
                raise ConflictError(Text("The box is too busy now: try again later.")) from error

    def wait(self, timeout_s: float) -> tuple[Finding, ...] | None:
        """The findings, once the search has ended; None if it still runs after `timeout_s`, or failed."""
        self._ended.wait(timeout_s)
        return self._state.findings

    def _search(self, wanted: Sequence[Device]) -> None:
        findings: tuple[Finding, ...] | None = None
        try:
            findings = tuple(discovery.probe(wanted, roots=self._roots))
        except Exception:  # the top of the thread: the search can be begun again
            log.exception("the search for modems failed")
        finally:
            self._end(findings)

    def _end(self, findings: tuple[Finding, ...] | None) -> None:
        self._state = SearchState(running=False, findings=findings)
        self._ended.set()

    def _unused(self, used: Collection[str], given: Sequence[str]) -> list[Device]:
        """The devices to ask: no device of a port, and no other device of the same modem."""
        matched = [path for pattern in self._patterns for path in sorted(glob.glob(pattern))]
        listed, _ = discovery.devices((*matched, *given), self._roots)
        nodes = {node for device in used if (node := self._node(device))}
        modems = {discovery.modem_of(device) for device in listed if device.node in nodes}
        return [
            device
            for device in listed
            if device.node not in nodes and discovery.modem_of(device) not in modems
        ]

    def _node(self, device: str) -> str:
        try:
            return os.path.realpath(find_device(device, self._roots))
        except DeviceUnavailableError:
            return ""
