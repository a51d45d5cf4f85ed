"""`gatewayd loop-test`: the SIMs of this box send texts to each other."""

from __future__ import annotations

import time
from collections.abc import Generator
from concurrent.futures import CancelledError
from typing import Annotated

from pydantic import Field

from config.language.text import Text, text_of
from gatewayd.admin.context import Context
from gatewayd.errors import AdminError, GatewayError, WrongUseError
from gatewayd.gateway import Gateway
from gatewayd.loop_test.plan import SimAddress
from gatewayd.loop_test.rounds import LONGEST_S, Round
from gatewayd.records import LoopTestRecord
from gatewayd.store.tables import loop_tests
from gatewayd.timekeeping.clock import iso

_BATCH_S = 0.5  # between empty batches, which show that the test continues
_LATE_S = 30.0  # a test may end later than its timeout if the disk is slow


def loop_test(
    context: Context, source: str | None = None, target: str | None = None, timeout_s: float | None = None
) -> Generator[list[dict[str, object]], None, None]:
    """Start a round and wait for its end: yield empty batches, then one with the result."""
    gateway = context.running()
    if timeout_s is not None and not 1 <= timeout_s <= LONGEST_S:
        raise WrongUseError(Text("the timeout must be 1 to {longest_s:g} seconds", longest_s=LONGEST_S))
    try:
        round_ = gateway.loop_tests.begin(_place(source), _place(target), timeout_s)
    except (GatewayError, ValueError) as error:
        raise AdminError(text_of(error)) from error
    return _result(gateway, round_)


def list_(context: Context, limit: Annotated[int, Field(ge=1, le=1000)] = 50) -> list[dict[str, object]]:
    """List the newest tests, newest first."""
    with context.store.readers.lend() as db:
        return [shown(row) for row in loop_tests.newest_first(db, limit)]


def shown(view: LoopTestRecord) -> dict[str, object]:
    """Convert the record of one loop test to JSON types."""
    return {
        "from": f"{view.from_port}.{view.from_slot}",
        "from_sim": view.from_sim,
        "to": f"{view.to_port}.{view.to_slot}",
        "to_sim": view.to_sim,
        "started_at": iso(view.started_at),
        "outcome": view.outcome,
        "arrived": view.arrived,
        "submit_s": view.submit_s,
        "arrive_s": view.arrive_s,
        "report_s": view.report_s,
        "sms_id": view.sms_id,
        "reason": view.reason,
        "detail": view.detail,
        "detail_fr": view.detail_fr,
    }


def _result(gateway: Gateway, round_: Round) -> Generator[list[dict[str, object]], None, None]:
    deadline = time.monotonic() + round_.timeout_s + _LATE_S
    while True:
        try:
            round_.done.result(_BATCH_S)
            break
        except TimeoutError:
            if time.monotonic() > deadline:
                raise AdminError(Text("the test did not end in time: does the database work?")) from None
            yield []
        except CancelledError:
            raise AdminError(Text("the daemon stopped before the test ended")) from None
    tests = gateway.loop_tests.of(round_)
    yield [
        {
            "all_arrived": all(test.arrived for test in tests),
            "tests": [shown(test) for test in tests],
            "notes": round_.notes,
        }
    ]


def _place(text: str | None) -> SimAddress | None:
    return None if text is None else SimAddress.read(text)
