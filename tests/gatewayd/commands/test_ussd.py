"""`gatewayd ussd`, with and without a running daemon."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

import pytest

from gatewayd.errors import ConflictError, InvalidRequestError, NotFoundError, UssdFailedError
from gatewayd.sims import ussd
from modem.driver.ussd import Reply, Session, UssdAnswer, UssdRefusedError, UssdUnavailableError
from tests.conftest import Process, Running
from tests.gatewayd.played_ports import PlayedGateway, PlayedPort


def test_a_code_is_answered_on_the_command_line(running: Running) -> None:
    answer = running.cli("ussd", 1, "#123#")
    assert (answer["port"], answer["slot"], answer["session"]) == (1, 1, "done")
    assert answer["answer"].startswith("Votre solde est de 1250 FCFA")
    text_output = running.cli_raw("ussd", 1, "#123#")
    assert text_output.stdout.strip() == answer["answer"]


def test_further_arguments_are_replies_in_the_same_session(running: Running) -> None:
    answer = running.cli("ussd", 1, "*100#", "2")
    assert answer["answers"] == ["1 Solde\n2 Mon numéro", "Votre numéro: +22370000001"]
    open_session = running.cli_raw("ussd", 1, "*100#")
    assert open_session.returncode == 0
    assert "waits for a reply" in open_session.stderr
    too_many_replies = running.cli_raw("ussd", 1, "*100#", "1", "1")
    assert too_many_replies.returncode == 1
    assert "ended the session before all replies were sent" in too_many_replies.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (("9", "#123#"), 1, "There is no port 9"),
        (("1", "#123é#"), 2, "code must be"),
        (("1", "#123#", 'a"b'), 2, "replies.0 must be"),
        (("1", "#123#", "--slot", "2"), 2, "slot must be 1 to 1"),
        (("1", "*9999#"), 1, "does not know this code"),
    ],
)
def test_an_invalid_request_is_a_clear_error(
    running: Running, arguments: tuple[str, ...], code: int, error: str
) -> None:
    result = running.cli_raw("ussd", *arguments)
    assert result.returncode == code
    assert error in result.stderr


def test_without_a_daemon_the_error_says_so(tmp_path: Path) -> None:
    config = tmp_path / "gatewayd.toml"
    config.write_text(f'[store]\npath = "{tmp_path}/gatewayd.db"\n')
    process = Process("--config", config, "ussd", "1", "#123#")
    assert process.wait() == 1
    assert "no gatewayd is running" in "".join(process.stderr)


def test_neither_codes_nor_answers_are_logged(running: Running) -> None:
    running.cli_raw("ussd", 1, "#144*4321#")
    running.cli("ussd", 1, "#123#")
    log = "".join(running.process.stderr)
    assert "4321" not in log
    assert "solde" not in log


class WaitingPort(PlayedPort):
    """A port whose answers come from the test."""

    def __init__(self) -> None:
        super().__init__()
        self.future: Future[UssdAnswer] = Future()

    def ussd(self, *_: object) -> Future[UssdAnswer]:
        return self.future


@pytest.fixture
def port() -> WaitingPort:
    return WaitingPort()


def ask(port: WaitingPort) -> UssdAnswer:
    return ussd.ask({1: port}, {}, 1, "#123#", (), None)


def test_a_busy_port_is_not_waited_for(port: WaitingPort, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ussd, "BEGIN_TIMEOUT_S", 0.01)
    with pytest.raises(ConflictError, match="busy"):
        ask(port)
    assert port.future.cancelled()


def test_a_port_that_has_begun_is_waited_for_until_the_time_limit(
    port: WaitingPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ussd, "BEGIN_TIMEOUT_S", 0.01)
    monkeypatch.setattr(ussd, "_SLOT_TIMEOUT_S", 0.01)
    monkeypatch.setattr(ussd, "_CODE_TIMEOUT_S", 0.01)
    port.future.set_running_or_notify_cancel()
    with pytest.raises(ConflictError, match="did not come to an end"):
        ask(port)


def test_the_last_reply_of_the_network_decides(port: WaitingPort) -> None:
    answers: list[tuple[Reply, bool]] = [
        (Reply(Session.DONE, ""), True),
        (Reply(Session.OPEN, "menu"), True),
        (Reply(Session.ENDED, "Au revoir"), True),
        (Reply(Session.ENDED, ""), False),
        (Reply(Session.ENDED, "", "NO CARRIER"), False),
        (Reply(Session.ELSEWHERE, ""), False),
        (Reply(Session.NOT_SUPPORTED, "text"), False),
        (Reply(Session.TIMED_OUT, ""), False),
    ]
    for reply, accepted in answers:
        port.future = Future()
        port.future.set_result(UssdAnswer(1, 1, "8922", (reply,), 0))
        if accepted:
            assert ask(port).text == reply.text
            continue
        with pytest.raises(UssdFailedError) as caught:
            ask(port)
        assert (caught.value.session, caught.value.answer) == (reply.session.value, reply.text)
        assert reply.reason in str(caught.value)


@pytest.mark.parametrize(
    ("error", "kind"),
    [(UssdUnavailableError("no"), ConflictError), (UssdRefusedError("no"), UssdFailedError)],
)
def test_the_reason_of_a_missing_answer_is_passed_on(
    port: WaitingPort, error: Exception, kind: type[Exception]
) -> None:
    port.future.set_exception(error)
    with pytest.raises(kind, match="no"):
        ask(port)


def test_all_faults_of_a_request_are_reported_at_once(tmp_path: Path) -> None:
    played = PlayedGateway(tmp_path)
    played.up(1, "8922302000000000010")
    try:
        with pytest.raises(InvalidRequestError) as caught:
            played.gateway.ussd(1, "é", ["1", ""], 2)
        assert [fault.field for fault in caught.value.faults] == ["code", "replies.1", "slot"]
        with pytest.raises(InvalidRequestError):
            played.gateway.ussd(1, "#1#", ["1"] * 11)
        with pytest.raises(NotFoundError):
            played.gateway.ussd(3, "#1#")
    finally:
        played.close()
