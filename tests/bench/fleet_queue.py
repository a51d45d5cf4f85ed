"""Two boxes claim, start and finish the messages of one queue as fast as they can, each in a process of its own."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gatewayd.fleet.postgres.connection import Connection, connect
from gatewayd.fleet.postgres.settings import ConnectionSettings
from gatewayd.fleet.queue import claims, starts, uploads
from gatewayd.fleet.queue.lanes import Lanes
from gatewayd.fleet.queue.names import Box, Outcome, Want
from tests.fleet.queue.boxes_of_a_fleet import AT, CALENDAR, NOW, TIMEOUT_S

_SEED = """
INSERT INTO messages (id, sms_id, task_id, company_id, recipient, text, priority, pinned, sim_id, parts, unsent, undelivered,
    cost, taken_day, day, created_at)
SELECT g, 'sms-' || g, g, 1 + g % 10, '+22370000001', 'Hello', CASE WHEN g % 10 = 0 THEN 1 ELSE 2 END, 0, 1 + g % 16, 1, 1, 1,
    0.05, '2026-09-21', '2026-09-21', 1
FROM generate_series({first}, {last}) g;
INSERT INTO parts (message_id, seq, sim_id, pinned, priority, company_id)
SELECT id, 1, sim_id, 0, priority, company_id FROM messages WHERE id BETWEEN {first} AND {last};
INSERT INTO queue (message_id, state, sim_id, pinned, priority, company_id, transactional, parts, accepted_by)
SELECT id, 'waiting', sim_id, 0, priority, company_id, 0, 1, 'a' FROM messages WHERE id BETWEEN {first} AND {last};
"""

_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Pace:
    """The work of one box, and the average time of each kind of transaction."""

    messages: int
    seconds: float
    claim_ms: float
    start_ms: float
    upload_ms: float


def seed(db: Connection, first: int, last: int) -> None:
    """Let messages wait, of ten companies, for 16 SIMs."""
    for begin in range(first, last + 1, _AT_ONCE):
        with db.transaction():
            db.run_script(_SEED.format(first=begin, last=min(last, begin + _AT_ONCE - 1)))


def work(db: Connection, box: Box, sims: Sequence[int], seconds: float, each: int) -> Pace:
    """Claim, start and finish messages for some time: `each` messages for each SIM at once."""
    lanes = Lanes(time.monotonic)
    number = 0
    done = 0
    spent = [0.0, 0.0, 0.0]
    turns = 0
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        marks = [time.monotonic()]
        with db.transaction():
            wants = [Want(sim_id, each) for sim_id in sims]
            claimed = claims.claim(db, box, wants, lanes=lanes, closed=frozenset(), at=AT, calendar=CALENDAR)
        marks.append(time.monotonic())
        with db.transaction():
            started = starts.start(db, box, [one.message_id for one in claimed])
        marks.append(time.monotonic())
        outcomes = []
        for one in started.values():
            number += 1
            outcomes.append(Outcome(number, NOW, "part", one.message_id, 1, _document(one.sim_id), box.epoch))
        if outcomes:
            with db.transaction():
                answer = uploads.upload(
                    db, box, outcomes, at=AT, calendar=CALENDAR, submit_timeout_s=TIMEOUT_S
                )
            done += len(answer.settled)
        marks.append(time.monotonic())
        turns += 1
        for place in range(3):
            spent[place] += marks[place + 1] - marks[place]
    passed = time.monotonic() - began
    return Pace(done, passed, *(round(one / turns * 1000, 2) for one in spent))


def _document(sim_id: int) -> dict[str, Any]:
    return {
        "state": "submitted",
        "sim_id": sim_id,
        "token": 1,
        "port": 1,
        "reference": 7,
        "attempts": 1,
        "started_at": NOW,
        "ended_at": NOW,
    }


def main() -> None:
    """One box, as a process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("dsn")
    parser.add_argument("box", help="JSON")
    parser.add_argument("sims", help="JSON")
    parser.add_argument("seconds", type=float)
    parser.add_argument("each", type=int)
    given = parser.parse_args()
    db = connect(ConnectionSettings(given.dsn, "bench"))
    pace = work(db, Box(**json.loads(given.box)), json.loads(given.sims), given.seconds, given.each)
    db.close()
    json.dump(asdict(pace), sys.stdout)


if __name__ == "__main__":
    main()
