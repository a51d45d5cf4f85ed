"""Texts that opt their senders out: the words, the company that they concern, and what they stop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import InboxSettings
from gatewayd.messages.reasons import OPTED_OUT
from gatewayd.receiving.opt_out_texts import OptOutWords, Wish
from gatewayd.records import TRANSACTIONAL, Draft, Options, Priority, Status
from gatewayd.store.tables import accounts, opt_outs
from gatewayd.timekeeping.clock import DAY
from modem.parts import Submission, Submitted
from modem.sms.gsm7 import Alphabet
from modem.sms.tpdu import Deliver
from tests.gatewayd.played_ports import RECIPIENT, PlayedGateway

WORDS = OptOutWords(InboxSettings())


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("STOP", Wish.OPT_OUT),
        ("stop", Wish.OPT_OUT),
        (" Stop. ", Wish.OPT_OUT),
        ("S.T.O.P", Wish.OPT_OUT),
        ("Arre\u0302t", Wish.OPT_OUT),
        ("arret", Wish.OPT_OUT),
        ("ARRÊT !!", Wish.OPT_OUT),
        ("Désabonner", Wish.OPT_OUT),
        ("«\u202fstop\u202f»", Wish.OPT_OUT),
        ("start", Wish.OPT_IN),
        ("Reprendre", Wish.OPT_IN),
        ("stop svp", None),
        ("non stop", None),
        ("", None),
        ("...", None),
        ("stopp", None),
    ],
)
def test_a_text_that_is_one_of_the_words_states_a_wish(text: str, wish: Wish | None) -> None:
    assert WORDS.wish(text) is wish


@given(st.text(max_size=40))
def test_any_text_is_read(text: str) -> None:
    assert WORDS.wish(text) in (None, *Wish)


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    gateway = PlayedGateway(tmp_path, inbox=InboxSettings(opt_out_confirmation="Désinscrit."))
    gateway.up(1, "8922301")
    yield gateway
    gateway.close()


def stop(played: PlayedGateway, text: str = "STOP", at: int = 1) -> None:
    """A text from the recipient comes in, `at` seconds after the others."""
    sent_at = datetime(2026, 11, 22, tzinfo=UTC) + timedelta(seconds=at)
    received = Deliver("", RECIPIENT, text, sent_at, None, Alphabet.GSM7, None, 0, 0)
    played.gateway.dispatcher.received(played.statuses[1], received)


def out(played: PlayedGateway, company: int | None = None) -> bool:
    with played.store.readers.lend() as db:
        return opt_outs.is_opted_out(db, played.company if company is None else company, RECIPIENT)


def test_on_a_sim_of_no_company_it_concerns_the_company_that_last_sent_to_its_sender(
    played: PlayedGateway,
) -> None:
    other = played.store.write(lambda db: accounts.add_company(db, "Other", None, 0))
    stop(played, at=1)
    assert not out(played)
    played.send()
    played.settle(1, played.claim(1), Submitted(7))
    played.clock.at += 29 * DAY
    stop(played, at=2)
    assert out(played)
    assert not out(played, other)


def test_a_company_that_sent_long_ago_is_not_concerned(played: PlayedGateway) -> None:
    played.send()
    played.settle(1, played.claim(1), Submitted(7))
    played.clock.at += 31 * DAY
    stop(played)
    assert not out(played)


def test_a_campaigns_message_that_waits_fails_and_an_ordinary_one_is_sent(played: PlayedGateway) -> None:
    played.set_sim("8922301", company_id=played.company)
    waiting = played.send(priority=Priority.BULK)
    ordinary = played.send()
    stop(played)
    texts = []
    step = played.next(1)
    while isinstance(step, Submission):
        texts.append(step.segment.text)
        step = played.settle(1, step, Submitted(len(texts)))
    assert sorted(texts) == ["Désinscrit.", "hello"]
    assert played.view(ordinary).status is Status.SENT
    played.next(1)
    ended = played.view(waiting)
    assert (ended.status, ended.failure_reason) == (Status.FAILED, OPTED_OUT.text)


def test_an_opt_out_is_confirmed_once_a_day(played: PlayedGateway) -> None:
    played.set_sim("8922301", company_id=played.company)
    count = "SELECT count(*) FROM messages WHERE company_id = 0"
    for second, text in enumerate(("stop", "start", "stop", "start", "stop"), 1):
        stop(played, text, at=second)
    assert played.row(count)[0] == 1
    played.clock.at += 2 * DAY
    stop(played, "start", at=6)
    stop(played, "stop", at=7)
    assert played.row(count)[0] == 2


def test_a_transactional_message_passes(played: PlayedGateway) -> None:
    played.set_sim("8922301", company_id=played.company)
    stop(played)
    options = Options(campaign_id=4, transactional=True)
    caller = replace(played.caller, rights=frozenset({TRANSACTIONAL}))
    played.gateway.submit(caller, Draft(RECIPIENT, "code"), options, None, 0)
