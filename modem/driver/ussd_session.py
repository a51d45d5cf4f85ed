"""A USSD session over one channel (27.007, 7.15): a code, its answer, replies to menus, the end."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import Final

from config.language.text import Text
from modem.at.answer_check import Response
from modem.at.channel import Channel
from modem.at.responses import CALL_ENDS, ERROR, Result
from modem.at.transport import SilentError
from modem.driver import parsers
from modem.driver.profiles import UssdWay
from modem.driver.ussd import Form, Reply, Session, UssdRefusedError, UssdSilentError, encode, parse
from modem.timeouts import UssdTimeouts

_ANSWER: Final = frozenset({"+CUSD"})
_ENDS: Final = _ANSWER | CALL_ENDS  # a Huawei E160 sends NO CARRIER instead of +CUSD: 2


class UssdSession:
    """One session at a time, while no part is being submitted. Methods raise as `Channel` does, and the errors they name."""

    def __init__(self, channel: Channel, timeouts: UssdTimeouts) -> None:
        self._channel = channel
        self._timeouts = timeouts
        self._cautious_until = 0.0  # monotonic seconds; an answer to an older code may still come
        self._known: UssdWay | None = None  # the way in which this modem accepted a code before

    def ask(self, ways: Sequence[UssdWay], codes: Sequence[str]) -> tuple[Reply, ...]:
        """Send the first code, and the others as replies while the network keeps the session open.

        A session that is open at the end is closed. Returns one `Reply` for each code that was sent.
        Raises UssdRefusedError, UssdSilentError.
        """
        ways = sorted(ways, key=lambda way: way != self._known)
        refusal = UssdRefusedError(Text("The modem knows no way to ask the network (AT+CUSD)"))
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
                raise UssdRefusedError(str(error)) from error  # another form would send all codes again
            if replies[-1].session is not Session.OPEN:
                break
        if replies[-1].session is Session.OPEN:
            self._cancel()
        return tuple(replies)

    def _say(self, way: UssdWay, code: str) -> Reply:
        """Send one code and wait for the network's answer."""
        self._drop_old()
        deadline = monotonic() + self._timeouts.answer_s
        self._channel.late_result = None
        try:
            response = self._channel.command(
                f'AT+CUSD=1,"{encode(code, way.form)}",15',
                *_ANSWER,
                timeout_s=self._timeouts.answer_s,
                enough_s=self._timeouts.result_s,
                ends=CALL_ENDS,
            )
        except SilentError:
            raise self._silent() from None
        if response.result.text in CALL_ENDS and not response.lines:
            return Reply(Session.ENDED, "", response.result.text)
        if not response.ok and not response.lines:
            cause = response.result.cause(self._channel.vendor)
            raise UssdRefusedError(
                Text("The modem refused the code: {reason}", reason=cause.text_en),
                misunderstood=cause.other_ussd_form,
            )
        line = response.lines[-1] if response.lines else self._await(deadline)
        if line is None:
            raise self._silent()
        if line in CALL_ENDS:
            return Reply(Session.ENDED, "", line)
        if self._cautious_until > monotonic():
            # It may be the answer to the code before; then the right one comes, too.
            line = self._await(min(deadline, monotonic() + self._timeouts.late_s), line) or line
        self._cautious_until = 0.0
        return parse(line, way.form, "UCS2" if way.form is Form.UCS2 else _charset(way))

    def _await(self, deadline: float, before: str | None = None) -> str | None:
        """The line that ends the wait for the network's answer; None without one.

        Raises UssdRefusedError on an error of the modem, unless there was an answer `before`.
        """
        found = self._channel.await_urc(_ENDS, deadline)
        if isinstance(found, Result):
            if before is not None:
                return None
            # The modem accepted the code, so it is not sent again in another form.
            raise UssdRefusedError(
                Text("The code was not answered: {reason}", reason=found.cause(self._channel.vendor).text_en)
            )
        if found is None or (before is not None and found.tag not in _ANSWER):
            return None
        return found.line

    def _silent(self) -> UssdSilentError:
        """Give up the code: close the session and drop a late answer."""
        self._cautious_until = monotonic() + self._timeouts.cautious_s
        if not self._channel.restarted:
            self._cancel()
            self._channel.pause(self._timeouts.cancel_s)
            self._drop_old()
            return UssdSilentError(
                Text("The network did not answer within {answer_s:g} s", answer_s=self._timeouts.answer_s)
            )
        return UssdSilentError(Text("The modem restarted before the network answered"))

    def _cancel(self) -> None:
        self._try("AT+CUSD=2", *_ANSWER)

    def _drop_old(self) -> None:
        """Drop earlier answers of the network: they cannot belong to the next code."""
        if any('"' in urc.line for urc in self._channel.drop_urcs(_ENDS)):
            self._cautious_until = 0.0  # the late answer has come

    # Settings

    def _apply(self, way: UssdWay) -> list[tuple[str, str]] | None:
        """Make the settings of a way. Returns the old values that differ; None where the modem refuses a setting."""
        changed: list[tuple[str, str]] = []
        for name, value in way.settings:
            said = self._try(f"AT{name}?", name)
            found = parsers.setting(said.lines[-1]) if said.lines else ""
            now = (
                value.replace(value.strip('"'), found) if found else ""
            )  # with quotes where `value` has them
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
        """Send a command that may fail; silence counts as ERROR."""
        try:
            return self._channel.command(command, *prefixes, timeout_s=self._timeouts.setting_s)
        except SilentError:
            return Response((), ERROR)


def _charset(way: UssdWay) -> str:
    """The character set of plain answers; "" where it is not known."""
    return dict(way.settings).get("+CSCS", "").strip('"')
