"""A box that leaves takes the opt-outs and the used quotas of the fleet along."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatewayd.fleet.setup.leaving import Leave
from gatewayd.timekeeping.clock import Calendar, Clock
from tests.fleet.databases import Database
from tests.fleet.setup.fleets import MONTH, begin_fleet, configured, join, own_box

pytestmark = pytest.mark.postgres


def test_what_others_knew_of_a_company_comes_along(fleet_database: Database, tmp_path: Path) -> None:
    fleet, settings = begin_fleet(fleet_database, tmp_path), configured()
    with own_box(tmp_path, "a") as first, own_box(tmp_path, "b") as second:
        for box, number in ((first, "+22370000001"), (second, "+22370000002")):
            box.opt_out(box.company("Mairie", used=5), number)
            join(fleet, box, "bamako" if box is first else "kayes")
        webhook = first.webhook(1, "secret")
        with fleet.connected() as db:
            Leave(db, first.store, settings, Clock().moment(Calendar(settings.numbers.zone))).run(force=False)
        assert first.rows("SELECT recipient FROM opt_outs ORDER BY 1") == [
            ("+22370000001",),
            ("+22370000002",),
        ]
        assert first.rows("SELECT company_id, month, used FROM company_usage") == [(1, MONTH, 10)]
        assert first.rows("SELECT webhook_id, position FROM webhook_progress") == [(webhook, 0)]
        assert fleet.rows("SELECT name, state FROM boxes ORDER BY number") == [
            ("bamako", "left"),
            ("kayes", "member"),
        ]
