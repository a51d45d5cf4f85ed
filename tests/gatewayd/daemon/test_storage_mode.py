"""Storage mode on a daemon that is killed at each step. The simulated network records every submission.

After a kill only the content of the modem and of the store remain. So a kill while the modem holds an answer back
equals a kill after the answer and before our commit.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import eventually
from tests.gatewayd.box import Box

MAKES = {1: "sim800", 2: "ec25", 3: "e173"}  # an ME with five places; with many; with indices that begin at 0
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


def submitted_texts(box: Box) -> Counter[str]:
    return Counter(event["text"] for event in box.network("submitted"))


def is_sent(box: Box, sms_id: str) -> bool:
    """A report that came while no daemon ran is lost where the modem does not store it."""
    return box.status(sms_id)["status"] in ("sent", "delivered")


def wait_for_held(box: Box, count: int) -> None:
    eventually(lambda: len(box.network("held")) == count)


def stored_in_modems(box: Box) -> list[int]:
    return [stat for port in MAKES for stat in box.order(do="stored", port=port)["stored"]]


def test_a_kill_at_any_step_loses_and_doubles_nothing(box: Box) -> None:
    """With `hold` a part would stay in doubt for ever, so only the modem's memory settles each part."""
    sims = {sim["port"]: sim["id"] for sim in box.sims_ready(3)}
    sent = [box.send(f"first {port}", sim_id=sims[port]) for port in MAKES]
    steps = [
        ("+CMGW", 0, 0),  # nothing was written
        ("+CMGW", 1, 0),  # written, and the place is not stored
        ("+CMSS", 0, 0),  # the submission continues after the kill
        ("+CMSS", 0, 1),  # the submission never happens: the modem has the part unsent
        ("+CMSS", 1, 0),  # sent, and the outcome is not stored
        ("+CMGD", 0, 1),  # the outcome is stored, and the part is still in the modem
    ]
    for sms_id in sent:
        box.becomes(sms_id, "delivered")
    for number, (command, answer, forget) in enumerate(steps):
        held = len(box.network("held"))
        for port in MAKES:
            box.order(do="hold", port=port, command=command, answer=answer)
        sent_now = [box.send(f"step {number} on {port}", sim_id=sims[port]) for port in MAKES]
        wait_for_held(box, held + len(MAKES))
        assert box.gateway is not None
        box.gateway.kill()
        for port in MAKES:
            box.order(do="release", port=port, forget=forget)
        box.start_gateway()
        sent += sent_now
        for sms_id in sent_now:
            eventually(partial(is_sent, box, sms_id))
        eventually(lambda: stored_in_modems(box) == [])
    assert submitted_texts(box) == Counter(
        [f"first {port}" for port in MAKES]
        + [f"step {n} on {port}" for n in range(len(steps)) for port in MAKES]
    )
    assert box.get("sms/inbox")["data"] == []
