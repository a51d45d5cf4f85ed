"""A PIN is tried once on each SIM, also across restarts and power cuts."""

from __future__ import annotations

from tests.gatewayd.played_ports import A, B, PlayedGateway


def test_a_refused_pin_is_remembered_across_restarts_until_it_is_changed(played: PlayedGateway) -> None:
    work = played.gateway.dispatcher
    assert work.try_pin(A, 1, "1234", None)
    work.pin_tried(A, 1, "1234", accepted=False)
    played.restart()
    work = played.gateway.dispatcher
    assert not work.try_pin(A, 1, "1234", 3)
    assert work.try_pin(A, 1, "4321", None)
    assert work.try_pin(B, 1, "1234", None)
    assert played.row("SELECT count(*) FROM pins WHERE digest LIKE '%1234%'")[0] == 0


def test_an_interrupted_pin_try_is_repeated_only_where_no_attempt_is_missing(
    played: PlayedGateway,
) -> None:
    assert played.gateway.dispatcher.try_pin(A, 1, "1234", 3)
    played.restart()
    work = played.gateway.dispatcher
    assert not work.try_pin(A, 1, "1234", None)
    assert not work.try_pin(A, 1, "1234", 2)
    assert work.try_pin(A, 1, "1234", 3)


def test_an_accepted_pin_is_tried_again_after_a_power_cut(played: PlayedGateway) -> None:
    work = played.gateway.dispatcher
    work.try_pin(A, 1, "1234", None)
    work.pin_tried(A, 1, "1234", accepted=True)
    assert work.try_pin(A, 1, "1234", None)
    played.restart()
    work = played.gateway.dispatcher
    assert work.try_pin(A, 1, "1234", None)
    work.pin_tried(A, 1, "1234", accepted=False)
    assert not work.try_pin(A, 1, "1234", 3)
