"""Send one command that may fail, or repeat it while the SIM is busy."""

from __future__ import annotations

import logging
from time import monotonic
from typing import Final

from modem.at.answer_check import AnswerHabits, Response, head
from modem.at.channel import Channel
from modem.at.responses import ERROR
from modem.at.transport import SilentError
from modem.driver.identity import Identity
from modem.driver.profiles import PLAIN, Profile
from modem.timeouts import CommandTimeouts

log = logging.getLogger(__name__)

_MUTE_SILENCES: Final = 3  # commands in a row without an answer, of a modem that answers AT


class Commands:
    """Commands to one modem, with its identity, its profile and its timeouts."""

    def __init__(self, channel: Channel, timeouts: CommandTimeouts) -> None:
        self.channel = channel
        self.timeouts = timeouts
        self.identity = Identity()
        self.profile: Profile = PLAIN
        self.silences = 0  # commands in a row without an answer
        self.total_silences = 0  # commands without an answer, ever
        self._answered: set[str] = set()  # commands that this modem has answered
        self._unanswered: set[str] = set()  # commands that it has never answered

    @property
    def name(self) -> str:
        """The manufacturer and model for logs."""
        return " ".join(filter(None, (self.identity.manufacturer, self.identity.model))) or "the modem"

    @property
    def mute(self) -> bool:
        """Whether the modem seems to stay silent for commands that it does not know, instead of answering ERROR.

        One answer in time ends this: then answers were only lost on the line.
        """
        return self.silences >= _MUTE_SILENCES

    def start_over(self, *, other: bool) -> None:
        """Start counting silences again, because the channel is resynchronised. `other`: it may be another modem."""
        self.silences = 0
        if other:
            self._answered.clear()
            self._unanswered.clear()
            self.channel.habits = AnswerHabits()

    def attempt(
        self,
        command: str,
        *prefixes: str,
        bare: bool = False,
        timeout_s: float | None = None,
        enough_s: float | None = None,
    ) -> Response:
        """Send a command that may fail. Silence counts as ERROR, with the information lines that came before it."""
        name = head(command)
        allowed_s = self._allowed_s(name, timeout_s or self.timeouts.command_s)
        try:
            answer = self.channel.command(
                command, *prefixes, bare=bare, timeout_s=allowed_s, enough_s=enough_s
            )
        except SilentError as error:
            self.silences += 1
            self.total_silences += 1
            if name not in self._answered:
                self._unanswered.add(name)
            log.info("%s: %s", self.name, error)
            return Response(error.lines, ERROR)
        self.silences = 0
        self._answered.add(name)
        self._unanswered.discard(name)
        return answer

    def _allowed_s(self, name: str, wanted_s: float) -> float:
        """The timeout of a command. It is shorter for a mute modem, for commands that it has never answered.

        A command that takes long in every modem, such as a listing, still gets its full time once.
        """
        if not self.mute or name in self._answered:
            return wanted_s
        if name not in self._unanswered and wanted_s > self.timeouts.command_s:
            return wanted_s
        return min(wanted_s, self.timeouts.mute_s)

    def patiently(self, command: str, *prefixes: str, timeout_s: float | None = None) -> Response:
        """Send a command that needs the SIM, again and again while the SIM is busy. Its answer may be bare."""
        deadline = monotonic() + self.timeouts.busy_s
        while True:
            answer = self.attempt(command, *prefixes, bare=True, timeout_s=timeout_s)
            if not answer.cause.busy or monotonic() >= deadline:
                return answer
            self.channel.pause(self.timeouts.again_s)
