"""Keys and companies: made anywhere, valid everywhere, also while PostgreSQL is away."""

from __future__ import annotations

import pytest

from tests.conftest import eventually
from tests.fleet.proxy import Proxy
from tests.fleet.shared.running_boxes import RunningBoxes

pytestmark = pytest.mark.postgres


def test_keys_work_at_every_box_and_while_postgresql_is_away(boxes: RunningBoxes, proxy: Proxy) -> None:
    here, there = boxes.add("here", ports=0), boxes.add("there", proxy=proxy)
    there.ready()
    company, key = boxes.company(here)
    there.knows(key, sims=1)  # its card is told to the fleet
    assert here.get("/sms/quota", key).status_code == 200  # at once at the box that made it
    second = here.run("key.add", company=company)
    there.knows(second["key"])
    here.run("key.set", key=second["id"], changes={"active": False})
    assert here.get("/sms/quota", second["key"]).status_code == 401  # at once
    eventually(lambda: there.get("/sms/quota", second["key"]).status_code == 401)
    sms_id = there.accepted(key, "before", wait_s=30)["sms_id"]
    eventually(lambda: there.status(key, sms_id)["status"] == "delivered")

    proxy.cut()
    refused = there.send(key, "while it is away")
    assert (refused.status_code, refused.json()["error"]) == (503, "storage_unavailable")
    assert int(refused.headers["Retry-After"]) > 0
    assert there.status(key, sms_id)["status"] == "delivered"  # of its own messages
    assert there.get("/sms/quota", second["key"]).status_code == 401
    with pytest.raises(Exception, match="PostgreSQL"):
        there.run("company.add", name="Not now")

    proxy.heal()
    eventually(lambda: there.send(key, "after", wait_s=30).status_code == 200)


def test_a_key_that_is_deactivated_while_a_box_is_cut_off_stops_when_it_is_back(
    boxes: RunningBoxes, proxy: Proxy
) -> None:
    here, there = boxes.add("here", ports=0), boxes.add("there", ports=0, proxy=proxy)
    company, _ = boxes.company(here)
    made = here.run("key.add", company=company)
    there.knows(made["key"])
    proxy.cut()
    here.run("key.set", key=made["id"], changes={"active": False})
    proxy.heal()
    eventually(lambda: there.get("/sms/quota", made["key"]).status_code == 401)


def test_a_company_is_changed_from_another_box(boxes: RunningBoxes) -> None:
    here, there = boxes.add("here", ports=0), boxes.add("there")
    there.ready()
    company, key = boxes.company(here)
    there.knows(key, sims=1)
    there.run("company.set", company=company, changes={"quota": 0})
    assert here.send(key, "none is left").json()["error"] == "quota_exceeded"
    there.run("company.set", company=company, changes={"active": False})
    eventually(lambda: here.get("/sms/quota", key).status_code == 403)
