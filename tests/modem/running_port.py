"""Running ports on scripted and simulated modems."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from config.settings import PortSettings
from modem.hardware.sysfs import MACHINE, Roots
from modem.port.interface import Work
from modem.port.port import Port
from modem.simulator.bank import Bank
from modem.timeouts import Timing
from tests.modem.recording_work import FAST, RecordingWork

# Of simulated time: a submission takes 60 ms, a minute 1.2 s.
SCALE = 0.02

# For an answer that a simulated modem loses. A busy machine delays other answers by less.
LOST_AFTER_S = 2.0


@contextmanager
def running(
    device: str,
    work: Work,
    *,
    submit_timeout_s: float = 1.0,
    timing: Timing = FAST,
    roots: Roots = MACHINE,
    **settings: object,
) -> Iterator[Port]:
    """A running port on a device, stopped at the end."""
    values = {"port": 1, "device": device, **settings}
    port = Port(
        PortSettings.model_validate(values),
        work,
        submit_timeout_s=submit_timeout_s,
        timing=timing,
        roots=roots,
    )
    port.start()
    try:
        yield port
    finally:
        port.stop()
        assert port.join(60)


@contextmanager
def port_on(
    bank: Bank,
    work: RecordingWork,
    number: int = 1,
    *,
    submit_timeout_s: float = 30.0,
    timing: Timing = FAST,
    **settings: object,
) -> Iterator[Port]:
    """A running port on one modem of a simulated bank, stopped at the end."""
    values = {"port": number, "device": str(bank.device(number)), **settings}
    port = Port(PortSettings.model_validate(values), work, submit_timeout_s=submit_timeout_s, timing=timing)
    port.start()
    try:
        yield port
    finally:
        port.stop()
        assert port.join(60)
