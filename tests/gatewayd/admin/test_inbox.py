"""Replies to received texts leave from the SIM that received the text, where that SIM can send for the company."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewayd.admin import companies, inbox, sims
from gatewayd.errors import AdminError
from gatewayd.store.tables import inbound
from gatewayd.store.tables.inbound import Nature
from tests.gatewayd.played_ports import A, B, PlayedGateway, administration_context

SENDER = "+22370123456"


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    """Two SIMs, of which A is the default, and a text that came in on B."""
    played = PlayedGateway(tmp_path, ports=2)
    played.up(1, A)
    played.up(2, B)
    sims.set_(administration_context(played), played.sim(A), {"company_id": played.company}, default=True)
    played.store.write(
        lambda db: inbound.keep_text(
            db, played.sim(B), SENDER, "Bonjour", nature=Nature(), sent_at=None, now=1, incomplete=False
        )
    )
    yield played
    played.close()


def sim_of_reply(played: PlayedGateway) -> int:
    """The SIM that a reply is given to."""
    shown = inbox.reply(administration_context(played), SENDER, "Bien reçu", played.company)
    sim_id: int = played.row("SELECT sim_id FROM messages WHERE sms_id = ?", shown["sms_id"])[0]
    return sim_id


def test_a_reply_leaves_from_the_sim_that_received_the_text(played: PlayedGateway) -> None:
    assert sim_of_reply(played) == played.sim(B)


@pytest.mark.parametrize("change", ["disabled", "of another company", "at its limit", "gone"])
def test_a_reply_leaves_from_another_sim_where_that_one_cannot_send(
    played: PlayedGateway, change: str
) -> None:
    admin, sim = administration_context(played), played.sim(B)
    match change:
        case "disabled":
            sims.set_(admin, sim, {"enabled": False})
        case "of another company":
            other = companies.add(admin, "Autre")
            sims.set_(admin, sim, {"company_id": int(str(other["id"]))})
        case "at its limit":
            sims.set_(admin, sim, {"daily_limit": 0})
        case "gone":
            played.down(2)
            played.clock.passed += 3600.0
    assert sim_of_reply(played) == played.sim(A)


def test_a_reply_to_a_name_is_refused(played: PlayedGateway) -> None:
    with pytest.raises(AdminError, match="recipient"):
        inbox.reply(administration_context(played), "Orange", "Bien reçu", played.company)


def test_texts_are_marked_as_read_in_several_steps(
    played: PlayedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatewayd.store.tables.conversations._MARKED_AT_A_TIME", 1)
    for _ in range(3):
        played.store.write(
            lambda db: inbound.keep_text(
                db, played.sim(B), SENDER, "Encore", nature=Nature(), sent_at=None, now=1, incomplete=False
            )
        )
    inbox.mark_read(administration_context(played), SENDER, 3)
    assert played.row("SELECT group_concat(read, '') FROM inbox")[0] == "1110"
