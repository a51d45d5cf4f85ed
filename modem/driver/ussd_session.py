"""A USSD session over one channel (27.007, 7.15): a code, the answer, replies to menus, the end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final

from modem.at.answer_check import Response
from modem.at.channel import Channel
from modem.at.responses import CALL_ENDS, ERROR, Result
from modem.at.transport import SilentError
from modem.driver.profiles import UssdWay
from modem.driver.ussd import Form, Reply, Session, UssdRefusedError, UssdSilentError, encode, parse

_ANSWER: Final = frozenset({"+CUSD"})
_ENDS: Final = _ANSWER | CALL_ENDS  # NO CARRIER is what a Huawei E160 says instead of +CUSD: 2

# What a modem answers to a code in a form that it does not take: nothing of it went to the network.
_MISUNDERSTOOD: Final = frozenset(
    {("ERROR", None), ("CME", 3), ("CME", 4), ("CME", 24), ("CME", 25), ("CME", 26), ("CME", 27), ("CME", 50)}
)


@dataclass(frozen=True, slots=True)
class UssdPatience:
    """How long to wait for what, in seconds. Tests shorten these."""

    answer_s: float = 30.0  # for the network; it answers within a few seconds or not at all
    result_s: float = 2.0  # for the OK once the answer is there
    setting_s: float = 5.0  # for what the modem knows by itself
    # After a code without an answer: how long the next code's answer is not believed to be the last one, and how long
    # that caution is kept up. No network holds a session for longer.
    late_s: float = 5.0
    cautious_s: float = 300.0
    cancel_s: float = 1.0  # for what the network still says after AT+CUSD=2


class UssdSession:
    """One session at a time, with no part in the air. Its methods raise as `Channel` does, beside what they name."""

    def __init__(self, channel: Channel, patience: UssdPatience) -> None:
        self._channel = channel
        self._patience = patience
        self._cautious_until = 0.0  # an answer to an older code may still come
        self._known: UssdWay | None = None  # the way that this modem took a code before

    def ask(self, ways: Sequence[UssdWay], codes: Sequence[str]) -> tuple[Reply, ...]:
        """Say the first code, and the others as replies for as long as the network keeps the session open.

        What is open in the end is closed. One `Reply` for each code that was said.
        Raises UssdRefusedError, UssdSilentError.
        """
        ways = sorted(ways, key=lambda way: way != self._known)
        refusal = UssdRefusedError("The modem knows no way to ask the network (AT+CUSD)")
        for way in ways:
            before = self._apply(way)
            if before is None:
                continue
            try:
                replies = self._converse(way, codes)
            except UssdRefusedError as error:
                self._put_back(before)
                if not error.misunderstood:
                    raise
                refusal = error
                continue
            except UssdSilentError:
                self._put_back(before)
                raise
            self._put_back(before)
            self._known = way
            return replies
        raise refusal

    def _converse(self, way: UssdWay, codes: Sequence[str]) -> tuple[Reply, ...]:
        replies: list[Reply] = []
        for code in codes:
            try:
                replies.append(self._say(way, code))
            except UssdRefusedError as error:
                if not replies:
                    raise
                self._cancel()
                raise UssdRefusedError(str(error)) from error  # in another form all would be said once more
            if replies[-1].session is not Session.OPEN:
                break
        if replies[-1].session is Session.OPEN:
            self._cancel()
        return tuple(replies)

    def _say(self, way: UssdWay, code: str) -> Reply:
        """One code and what the network says to it."""
        self._drop_old()
        deadline = monotonic() + self._patience.answer_s
        self._channel.late_result = None
        try:
            response = self._channel.command(
                f'AT+CUSD=1,"{encode(code, way.form)}",15',
                *_ANSWER,
                timeout_s=self._patience.answer_s,
                enough_s=self._patience.result_s,
                ends=CALL_ENDS,
            )
        except SilentError:
            raise self._silent() from None
        if response.result.text in CALL_ENDS and not response.lines:
            return Reply(Session.ENDED, "", response.result.text)
        if not response.ok and not response.lines:
            cause = response.result.cause(self._channel.vendor)
            misunderstood = (cause.family, cause.code) in _MISUNDERSTOOD
            raise UssdRefusedError(
                f"The modem refused the code: {cause.told_en}", misunderstood=misunderstood
            )
        line = response.lines[-1] if response.lines else self._await(deadline)
        if line is None:
            raise self._silent()
        if line in CALL_ENDS:
            return Reply(Session.ENDED, "", line)
        if self._cautious_until > monotonic():
            # It may be the answer to the code before; then this code's own comes, too.
            line = self._await(min(deadline, monotonic() + self._patience.late_s), line) or line
        self._cautious_until = 0.0
        return parse(line, way.form, "UCS2" if way.form is Form.UCS2 else _charset(way))

    def _await(self, deadline: float, before: str | None = None) -> str | None:
        """What ends the wait for the network's answer; None where nothing does.

        Raises UssdRefusedError where the modem says an error, unless there was an answer `before`.
        """
        found = self._channel.await_urc(_ENDS, deadline)
        if isinstance(found, Result):
            if before is not None:
                return None
            # It took the code, so it is not said again in another form.
            raise UssdRefusedError(f"The code was not answered: {found.cause(self._channel.vendor).told_en}")
        if found is None or (before is not None and found.tag not in _ANSWER):
            return None
        return found.line

    def _silent(self) -> UssdSilentError:
        """Give the code up: close the session and let a late answer pass."""
        self._cautious_until = monotonic() + self._patience.cautious_s
        if not self._channel.restarted:
            self._cancel()
            self._channel.pause(self._patience.cancel_s)
            self._drop_old()
            return UssdSilentError(f"The network did not answer within {self._patience.answer_s:g} s")
        return UssdSilentError("The modem restarted before the network answered")

    def _cancel(self) -> None:
        self._try("AT+CUSD=2", *_ANSWER)

    def _drop_old(self) -> None:
        """What the network said before cannot answer what is said next."""
        if any('"' in urc.line for urc in self._channel.drop_urcs(_ENDS)):
            self._cautious_until = 0.0  # the late answer has come

    # Settings

    def _apply(self, way: UssdWay) -> list[tuple[str, str]] | None:
        """Make the settings of a way. What they were before, where that was something else; None: the modem refuses."""
        changed: list[tuple[str, str]] = []
        for name, value in way.settings:
            said = self._try(f"AT{name}?", name)
            found = re.search(r":\s*\"?([A-Za-z0-9-]{1,12})\"?", said.lines[-1]) if said.lines else None
            now = value.replace(value.strip('"'), found[1]) if found else ""  # in quotes where that is
            if now == value:
                continue
            if not self._try(f"AT{name}={value}").ok:
                self._put_back(changed)
                return None
            if now:
                changed.append((name, now))
        return changed

    def _put_back(self, settings: Sequence[tuple[str, str]]) -> None:
        for name, value in reversed(settings):
            self._try(f"AT{name}={value}")

    def _try(self, command: str, *prefixes: str) -> Response:
        """Say a command that may fail; silence is an ERROR."""
        try:
            return self._channel.command(command, *prefixes, timeout_s=self._patience.setting_s)
        except SilentError:
            return Response((), ERROR)


def _charset(way: UssdWay) -> str:
    """The character set that answers in plain text come in; "" where it is not known."""
    return dict(way.settings).get("+CSCS", "").strip('"')
