"""Commands to a modem that may fail, or find its SIM busy: what all that is asked of one has in common."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from modem.at import Channel, Response
from modem.dialogue import UssdPatience
from modem.lines import ERROR, Result
from modem.profiles import PLAIN, Profile
from modem.wire import SilentError

log = logging.getLogger(__name__)

_MUTE_SILENCES: Final = 3  # commands without an answer, of a modem that answers AT
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


class Talk:
    """What is said to one modem, and how patiently."""

    def __init__(self, channel: Channel, patience: Patience) -> None:
        self.channel = channel
        self.patience = patience
        self.identity = Identity()
        self.profile: Profile = PLAIN
        self.silences = 0  # commands without an answer, since the modem was brought in step
        self.total_silences = 0  # likewise, ever

    @property
    def name(self) -> str:
        """The model for a person to read."""
        return " ".join(filter(None, (self.identity.manufacturer, self.identity.model))) or "the modem"

    @property
    def mute(self) -> bool:
        """Whether the modem says nothing to commands that it does not know, instead of ERROR."""
        return self.silences >= _MUTE_SILENCES

    def attempt(
        self,
        command: str,
        *prefixes: str,
        bare: bool = False,
        timeout_s: float | None = None,
        enough_s: float | None = None,
    ) -> Response:
        """Say a command that may fail; silence is an ERROR."""
        allowed_s = timeout_s or self.patience.command_s
        if self.mute:
            allowed_s = min(allowed_s, self.patience.mute_s)
        try:
            return self.channel.command(command, *prefixes, bare=bare, timeout_s=allowed_s, enough_s=enough_s)
        except SilentError as error:
            self.silences += 1
            self.total_silences += 1
            log.info("%s: %s", self.name, error)
            return Response((), ERROR)

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
