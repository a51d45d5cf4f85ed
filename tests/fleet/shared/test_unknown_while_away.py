"""While PostgreSQL is away, a box does not say of another box's message that there is none."""

from __future__ import annotations

import pytest

from tests.conftest import eventually
from tests.fleet.proxy import Proxy
from tests.fleet.shared.running_boxes import RunningBoxes

pytestmark = pytest.mark.postgres


def test_a_message_of_another_box_is_not_missing_while_postgresql_is_away(
    boxes: RunningBoxes, proxy: Proxy
) -> None:
    there, here = boxes.add("there"), boxes.add("here", ports=0, proxy=proxy)
    there.ready()
    _, key = boxes.company(there)
    here.knows(key, sims=1)
    sms_id = there.accepted(key, "over there")["sms_id"]
    path, unknown = f"/sms/status/{sms_id}", f"/sms/status/{sms_id[:-1]}x"

    def answers(asked: str) -> int:
        return here.get(asked, key).status_code

    eventually(lambda: answers(path) == 200)
    assert answers(unknown) == 404
    proxy.refuse()
    proxy.reset()
    eventually(lambda: answers(path) == 503)
    assert answers(unknown) == 503
    proxy.heal()
    eventually(lambda: answers(path) == 200)
    assert answers(unknown) == 404
