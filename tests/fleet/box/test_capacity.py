"""How many messages a box takes, and which of them it starts ahead."""

from __future__ import annotations

from gatewayd.fleet.box.capacity import to_start, wants
from gatewayd.fleet.queue.names import Want
from gatewayd.sims.port_registry import Presence
from gatewayd.store.tables.shared_messages import Load


def sim(sim_id: int, port: int, *, active: bool = True) -> Presence:
    """A SIM that can send."""
    return Presence(sim_id, port, 1, True, True, active, False, 0.0)


def test_a_sim_takes_what_it_can_send_in_the_time_and_no_less_than_two() -> None:
    able = {1: sim(1, 1), 2: sim(2, 2)}
    assert wants(able, {}, {1: 1.0, 2: 30.0}, 10) == [Want(1, 10, helps=True), Want(2, 2, helps=True)]


def test_a_sim_that_still_has_half_of_it_takes_nothing() -> None:
    able = {1: sim(1, 1)}
    assert wants(able, {1: Load(unsent_parts=6)}, {1: 1.0}, 10) == []
    assert wants(able, {1: Load(unsent_parts=5)}, {1: 1.0}, 10) == [Want(1, 5, helps=True)]


def test_a_sim_whose_slot_is_not_active_takes_little_and_helps_nobody() -> None:
    assert wants({1: sim(1, 1, active=False)}, {}, {1: 0.1}, 10) == [Want(1, 2, helps=False)]


def test_two_messages_of_a_port_are_started_ahead_also_where_it_has_several_sims() -> None:
    able = {1: sim(1, 1), 2: sim(2, 1, active=False), 3: sim(3, 2)}
    waiting = [(10, 1), (11, 2), (12, 1), (13, 3), (14, 9)]
    assert to_start(able, {}, waiting) == [10, 11, 13]
    assert to_start(able, {1: Load(started=1), 3: Load(started=2)}, waiting) == [10]
