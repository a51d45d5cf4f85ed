"""A box that leaves takes the opt-outs and the used quotas of the fleet along."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gatewayd.fleet.setup.errors import SetupError
from gatewayd.fleet.setup.leaving import Leave, Left
from gatewayd.timekeeping.clock import Calendar, Clock
from tests.conftest import eventually
from tests.fleet.databases import Database
from tests.fleet.setup.fleets import MONTH, Fleet, OwnBox, begin_fleet, configured, join, own_box

pytestmark = pytest.mark.postgres

_WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


def test_what_others_knew_of_a_company_comes_along(fleet_database: Database, tmp_path: Path) -> None:
    fleet = begin_fleet(fleet_database, tmp_path)
    with own_box(tmp_path, "a") as first, own_box(tmp_path, "b") as second:
        for box, number in ((first, "+22370000001"), (second, "+22370000002")):
            box.opt_out(box.company("Mairie", used=5), number)
            join(fleet, box, "bamako" if box is first else "kayes")
        webhook = first.webhook(1, "secret")
        _leave(fleet, first)
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


@pytest.mark.parametrize("change", ["epoch = epoch + 1, alive = 0", "epoch = epoch + 1, state = 'excluded'"])
def test_a_box_that_another_one_changes_meanwhile_is_asked_to_repeat_the_command(
    fleet_database: Database, tmp_path: Path, change: str
) -> None:
    fleet = begin_fleet(fleet_database, tmp_path)
    with own_box(tmp_path, "a") as box, ThreadPoolExecutor(1) as pool:
        join(fleet, box, "bamako")
        with fleet.connected() as db, db.transaction():
            db.execute("SELECT 1 FROM fleet FOR UPDATE").fetchall()
            leave = pool.submit(_leave, fleet, box)
            eventually(lambda: fleet.rows(_WAITING))
            db.execute(f"UPDATE boxes SET {change}")
        with pytest.raises(SetupError, match="repeat the command"):
            leave.result(60)
        _leave(fleet, box)
        assert fleet.rows("SELECT state FROM boxes") != [("member",)]


def _leave(fleet: Fleet, box: OwnBox) -> Left:
    settings = configured()
    at = Clock().moment(Calendar(settings.numbers.zone))
    with fleet.connected() as db:
        return Leave(db, box.store, settings, at).run(force=False)
