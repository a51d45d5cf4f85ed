"""Asks every modem whether it answers `OK`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError

from gatewayd.sims.port_control import PortControl
from modem.port.status import Answer


def ask_modems(ports: Mapping[int, PortControl], timeout_s: float) -> list[Answer]:
    """Ask all modems at the same time; their answers within `timeout_s`, one for each port."""
    deadline = time.monotonic() + timeout_s
    asked = {number: port.ask() for number, port in ports.items()}
    answers: list[Answer] = []
    for number, future in asked.items():
        try:
            answers.append(future.result(max(0.0, deadline - time.monotonic())))
        except (FutureTimeoutError, CancelledError):  # cancelled: the port stops at this moment
            answers.append(Answer(number, ok=False, busy=False, detail="the modem did not answer in time"))
    return answers
