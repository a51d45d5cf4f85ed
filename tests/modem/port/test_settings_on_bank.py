"""Simulated modems that lose their settings or are not ready: no text and no part is lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from modem.parts import Refused, Submitted
from modem.port.conditions import Condition
from modem.port.interface import Unreadable
from modem.port.port import Port
from modem.port.status import PortState
from modem.simulator.bank import Bank, BankConfig, Fault
from tests.conftest import eventually
from tests.modem.recording_work import FAST, RecordingWork, part
from tests.modem.running_port import SCALE, port_on

RARELY_LISTED = replace(FAST, list_s=600)


def came(work: RecordingWork) -> list[str]:
    return [text.text for text in work.texts if not isinstance(text, Unreadable)]


def all_taken(work: RecordingWork, port: Port) -> bool:
    """Return whether three parts were submitted. Refused parts are queued again, as the gateway does."""
    refused = [one.submission for one in work.outcomes if isinstance(one.result, Refused)]
    if refused:
        work.outcomes = [one for one in work.outcomes if not isinstance(one.result, Refused)]
        work.give(*refused)
        port.wake()
    return sum(isinstance(result, Submitted) for result in work.results) == 3


@pytest.mark.parametrize("make", ["sim800", "ec25", "e173", "m6280"])
@pytest.mark.parametrize(
    "fault",
    [
        Fault.TEXT_MODE,
        Fault.SETTINGS_LOST,
        Fault.NOT_READY,
        Fault.IDENTITY_GLUED,
        Fault.UNANNOUNCED,
        Fault.INDICATOR,
        Fault.OVERWRITTEN,
        Fault.MEMORY_FULL,
    ],
)
def test_parts_and_texts_survive(tmp_path: Path, make: str, fault: Fault) -> None:
    config = BankConfig(
        tmp_path / "bank", ports=2, personality_of={1: make}, time_scale=SCALE, delivery_s=0.5
    )
    with Bank(config) as bank:
        work = RecordingWork()
        if fault is Fault.IDENTITY_GLUED:
            bank.fault(1, fault)
        with port_on(bank, work, timing=RARELY_LISTED) as port:
            eventually(lambda: work.state is PortState.UP and work.statuses[-1].active.operator)
            if fault is not Fault.IDENTITY_GLUED:
                bank.fault(1, fault)
            bank.incoming(1, "+22376000001", "Bonjour")
            for number in range(1, 4):
                work.give(part(number, f"text {number}", bank.number(2)))
                port.wake()
            eventually(lambda: all_taken(work, port))
            eventually(lambda: "Bonjour" in came(work))
            bank.incoming(1, "+22376000001", "Bonsoir")
            eventually(lambda: "Bonsoir" in came(work))
            open_ones = {
                Condition.PDU_MODE_UNCONFIRMED,
                Condition.STORAGE_NOT_SET,
                Condition.TEXTS_NOT_ANNOUNCED,
            }
            eventually(lambda: not open_ones & set(work.statuses[-1].conditions))
            assert work.statuses[-1].model
        assert sorted(accepted.text for accepted in bank.accepted()) == [
            f"text {number}" for number in range(1, 4)
        ]
