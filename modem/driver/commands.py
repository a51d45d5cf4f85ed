"""Commands to a modem that may fail, or find its SIM busy: what all that is asked of one has in common."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from modem.at.answer_check import AnswerHabits, Response, head
from modem.at.channel import Channel
from modem.at.responses import ERROR, Result
from modem.at.transport import SilentError
from modem.driver.profiles import PLAIN, Profile
from modem.driver.ussd_session import UssdPatience

log = logging.getLogger(__name__)

_MUTE_SILENCES: Final = 3  # commands in a row without an answer, of a modem that answers AT
BUSY: Final = frozenset({("CME", 14), ("CMS", 314), ("CME", 515), ("CMS", 515), ("CMS", 532)})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what, in seconds. Tests shorten these."""

    command_s: float = 5.0  # as `at.ANSWER_S`
    sim_s: float = 20.0  # Telit lets a command to the SIM take that long
    function_s: float = 15.0  # +CFUN: Quectel's maximum
    search_s: float = 180.0  # AT+COPS=0: the maximum of Quectel and Telit
    list_s: float = 60.0  # 100 messages are 36 s of line time at 9600 baud
    busy_s: float = 30.0  # a SIM is busy for up to 20 s after it was started
    again_s: float = 1.0  # between two tries of what was busy
    slot_s: float = 20.0  # until another SIM answers than before the switch
    mute_s: float = 2.0  # for a modem that answers what it knows at once and nothing else at all
    appear_s: float = 5.0  # after which a slot where none answers is empty
    ussd: UssdPatience = field(default_factory=UssdPatience)


@dataclass(frozen=True, slots=True)
class Identity:
    """What the modem says it is (27.007, 5)."""

    manufacturer: str = ""
    model: str = ""
    revision: str = ""
    imei: str = ""

    def supplemented(self, found: Identity) -> Identity | None:
        """This, with what `found` says beside it; None where that is another modem. An answer may be missing in either."""
        pairs = [
            (self.manufacturer, found.manufacturer),
            (self.model, found.model),
            (self.imei, found.imei),
        ]
        if any(old and new and old != new for old, new in pairs):
            return None
        manufacturer, model, imei = (new or old for old, new in pairs)
        return Identity(manufacturer, model, found.revision or self.revision, imei)

    def is_surely(self, other: Identity) -> bool:
        """Whether both are the same modem, as far as modems can be told apart. One that says nothing of itself is none."""
        if not (self.imei or self.model):
            return False
        return (self.imei, self.manufacturer, self.model) == (other.imei, other.manufacturer, other.model)


class Commands:
    """What is said to one modem, and how patiently."""

    def __init__(self, channel: Channel, patience: Patience) -> None:
        self.channel = channel
        self.patience = patience
        self.identity = Identity()
        self.profile: Profile = PLAIN
        self.silences = 0  # commands in a row without an answer
        self.total_silences = 0  # commands without an answer, ever
        self._answered: set[str] = set()  # commands that this modem has answered
        self._unanswered: set[str] = set()  # commands that it never has

    @property
    def name(self) -> str:
        """The model for a person to read."""
        return " ".join(filter(None, (self.identity.manufacturer, self.identity.model))) or "the modem"

    @property
    def mute(self) -> bool:
        """Whether the modem seems to say nothing to commands that it does not know, instead of ERROR.

        One answer in time shows that answers were lost on the line.
        """
        return self.silences >= _MUTE_SILENCES

    def begin_anew(self, *, other: bool) -> None:
        """The modem is brought in step again. `other`: it may be another one."""
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
        """Say a command that may fail. Silence is an ERROR, with the information lines that came before it."""
        name = head(command)
        allowed_s = self._allowed_s(name, timeout_s or self.patience.command_s)
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
        """How long to wait for an answer. Only a mute modem gets less, and only for what it never answered.

        What takes long in every modem, such as a listing, gets its full time once all the same.
        """
        if not self.mute or name in self._answered:
            return wanted_s
        if name not in self._unanswered and wanted_s > self.patience.command_s:
            return wanted_s
        return min(wanted_s, self.patience.mute_s)

    def patiently(self, command: str, *prefixes: str, timeout_s: float | None = None) -> Response:
        """Say a command that needs the SIM, again and again while that is busy. Its answer may be bare."""
        deadline = monotonic() + self.patience.busy_s
        while True:
            answer = self.attempt(command, *prefixes, bare=True, timeout_s=timeout_s)
            if code_of(answer.result) not in BUSY or monotonic() >= deadline:
                return answer
            self.channel.pause(self.patience.again_s)


def code_of(result: Result) -> tuple[str, int]:
    """Family and code of a failure; -1 where it has no code."""
    cause_ = result.cause()
    return (cause_.family, -1 if cause_.code is None else cause_.code)
