"""Companies, keys, messages and SIMs are the same at every box."""

from __future__ import annotations

import pytest

from tests.conftest import eventually
from tests.fleet.shared.running_boxes import RunningBoxes

pytestmark = pytest.mark.postgres


def test_a_message_is_accepted_at_one_box_and_sent_by_another(boxes: RunningBoxes) -> None:
    here, there = boxes.add("here", ports=0), boxes.add("there")
    there.ready()
    _, key = boxes.company(here)
    eventually(lambda: here.get("/sms/sims/available", key).json()["data"]["total_available"] == 1)
    answer = here.send(key, "hello", wait_s=30)
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["status"] in ("sent", "delivered")
    assert there.bank is not None
    assert [text.text for text in there.bank.accepted()] == ["hello"]
