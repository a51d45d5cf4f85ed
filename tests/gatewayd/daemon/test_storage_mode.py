"""Storage mode on a real daemon that is really killed, with the simulated network as the witness.

What a kill leaves is what lies in the modem and what is in the store. So a kill while the modem holds an answer
back is also one after the answer and before our commit: the store and the modem are the same.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import eventually
from tests.gatewayd.box import Box

MAKES = {1: "sim800", 2: "ec25", 3: "e173"}  # ME of five places; of many; indices that begin at 0
STORAGE = 'submit_via = "storage"\nsubmit_timeout_s = 2\nin_doubt_wait_s = 1\nin_doubt = "hold"'


@pytest.fixture
def box(tmp_path: Path) -> Any:
    box = Box(tmp_path, slots=dict.fromkeys(MAKES, 1), dispatch=STORAGE)
    box.start_bank(
        *(f"--personality-of={port}={make}" for port, make in MAKES.items()),
        "--submit-s=0.05",
        "--delivery-s=0.05",
    )
    box.start_gateway()
    yield box
    box.stop()


def arrived(box: Box) -> Counter[str]:
    return Counter(event["text"] for event in box.network("submitted"))


def is_sent(box: Box, sms_id: str) -> bool:
    """A report that came while no daemon ran is lost where the modem does not store it."""
    return box.status(sms_id)["status"] in ("sent", "delivered")


def wait_for_held(box: Box, count: int) -> None:
    eventually(lambda: len(box.network("held")) == count)


def lies(box: Box) -> list[int]:
    return [stat for port in MAKES for stat in box.order(do="stored", port=port)["stored"]]


def test_killed_at_each_step_nothing_is_lost_and_nothing_doubled(box: Box) -> None:
    """`hold` would keep a part in doubt for ever: each is settled by what its modem says, and by nothing else."""
    sims = {sim["port"]: sim["id"] for sim in box.sims_ready(3)}
    sent = [box.send(f"first {port}", sim_id=sims[port]) for port in MAKES]
    steps = [
        ("+CMGW", 0, 0),  # nothing was written
        ("+CMGW", 1, 0),  # written, and we do not know it: an orphan
        ("+CMSS", 0, 0),  # it goes on after our death
        ("+CMSS", 0, 1),  # it never happens: the modem still has it unsent
        ("+CMSS", 1, 0),  # sent, and we do not know it
        ("+CMGD", 0, 1),  # all is known, and it still lies there
    ]
    for sms_id in sent:
        box.becomes(sms_id, "delivered")
    for number, (command, answer, forget) in enumerate(steps):
        held = len(box.network("held"))
        for port in MAKES:
            box.order(do="hold", port=port, command=command, answer=answer)
        mine = [box.send(f"step {number} on {port}", sim_id=sims[port]) for port in MAKES]
        wait_for_held(box, held + len(MAKES))
        assert box.gateway is not None
        box.gateway.kill()
        for port in MAKES:
            box.order(do="release", port=port, forget=forget)
        box.start_gateway()
        sent += mine
        for sms_id in mine:
            eventually(partial(is_sent, box, sms_id))
        eventually(lambda: lies(box) == [])
    assert arrived(box) == Counter(
        [f"first {port}" for port in MAKES]
        + [f"step {n} on {port}" for n in range(len(steps)) for port in MAKES]
    )
    assert box.get("sms/inbox")["data"] == []
