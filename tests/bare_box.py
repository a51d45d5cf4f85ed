"""A gateway without ports, persons and companies, beside a bank of simulated modems, as an installed box begins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modem.simulator.bank import Bank
from modem.simulator.core.config import BankConfig
from tests.conftest import Process, Running, eventually
from tests.gatewayd.box import Box


@contextmanager
def bare_box(folder: Path, pin: str | None = None) -> Iterator[Running]:
    """Two modems and a daemon, whose search finds them. `pin`: of the cards."""
    bank = Bank(
        BankConfig(
            folder / "modems",
            ports=2,
            submit_s=0.05,
            delivery_s=0.05,
            registration_s=0.1,
            boot_s=0.1,
            pin=pin,
        )
    )
    box = Box(folder, slots={}, daemon=f'search_devices = ["{folder}/modems/port*"]')
    with bank:
        process = Process("--config", box.config, "run")
        try:
            eventually(box.answers)
            yield Running(process, box.api, "", "", folder)
        finally:
            process.stop()
