"""Faults between a program and a modem, one switch each."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass
from enum import Enum


class Fault(Enum):
    """One fault. Its occasions are the things it affects: submissions, commands, answers, lines."""

    # A submission.
    NO_PROMPT = "no-prompt"  # +CMGS gets no prompt and no result
    ODD_PROMPT = "odd-prompt"  # the prompt looks as on other makes: without blank, without or with line ends
    OCTET_LOST = "octet-lost"  # one octet of the text is lost on the line
    OVERRUN = "overrun"  # of a text that comes without pauses the UART takes the first octets alone
    CTRL_Z_LOST = "ctrl-z-lost"  # the end of the text is lost on the line: the prompt stays
    REFUSED = "refused"  # +CMS ERROR: with `Faults.code`
    REFUSED_WORDS = "refused-words"  # +CMS ERROR: with words that no standard has
    SILENT_TAKEN = "silent-taken"  # the network takes the message, and the modem never confirms it
    SILENT_LOST = "silent-lost"  # the message is lost, and the modem does not answer
    LATE = "late"  # +CMGS and OK come a minute late
    REFERENCE_LATE = "reference-late"  # +CMGS comes with the next submission, before the reference of that
    RESET_BEFORE = "reset-before"  # the modem restarts before the network has the message
    RESET_AFTER = "reset-after"  # the modem restarts after the network took the message, before +CMGS
    ABANDONED = "abandoned"  # an ESC ends the command, and the submission continues without an answer
    VANISH = (
        "vanish"  # the device goes away in the middle of a submission, and comes back on another terminal
    )

    # A command.
    DEAF = "deaf"  # the modem reads commands and answers none
    STUCK_PROMPT = (
        "stuck-prompt"  # the modem is at a prompt that another program left: it takes the command for text
    )
    ECHO_BACK = "echo-back"  # echo is on again
    V0 = "v0"  # results are digits again
    RESET = "reset"  # the modem restarts instead
    RING = "ring"  # a call comes in; until it is ended submissions are refused with +CMS ERROR: 302
    SIM_BUSY = "sim-busy"  # +CMS ERROR: 314 or +CME ERROR: 14, as long as it lasts
    SIM_REMOVED = "sim-removed"  # the card is taken out, and put back after a while
    MODEM_LOCKED = "modem-locked"  # +CPIN: PH-NET PIN, as long as it lasts
    CHARSET_REFUSED = "charset-refused"  # +CSCS="GSM" is refused, and UCS-2 is in force
    ICCID_LOST = "iccid-lost"  # the number of the card cannot be read
    IMSI_LOST = "imsi-lost"  # likewise that of the subscriber
    URCS_ELSEWHERE = "urcs-elsewhere"  # another program sends unsolicited lines to another port of the modem
    REGISTRATION_LOST = "registration-lost"  # the network is gone for a while
    REGISTRATION_DENIED = "registration-denied"  # the network will not have the card for a while
    # Not at one that submits, or asks for the mode: between these two no program can notice it.
    TEXT_MODE = "text-mode"  # it is in text mode: another program, or a saved profile
    SETTINGS_LOST = (
        "settings-lost"  # all settings but those of the line are as after a restart, without a word
    )
    NOT_READY = "not-ready"  # it refuses all SMS commands for a while

    # An answer.
    IDENTITY_GLUED = "identity-glued"  # the answer to AT+CGMI and the like follows a URC on the same line
    ANSWER_LATE = "answer-late"  # it comes later than anyone waits for
    ANSWER_LOST = "answer-lost"  # all of it is lost on the line
    STRAY_ANSWER = "stray-answer"  # +CPIN: READY and OK come before the answer, unasked
    STRAY_OK = "stray-ok"  # ... an OK alone
    STRAY_ERROR = "stray-error"  # ... an ERROR alone
    RESULT_LOST = "result-lost"  # its final result is lost on the line
    RESULT_TWICE = "result-twice"  # ... or comes twice
    ODD_FORM = "odd-form"  # zeros before numbers, no quotes, or no information line at all
    NOISE = "noise"  # bytes of noise before it
    GARBLED = "garbled"  # one octet arrives with its eighth bit set
    URC_BEFORE = "urc-before"  # an unsolicited line right before it
    URC_INSIDE = "urc-inside"  # ... in the middle of it
    URC_AFTER = "urc-after"  # ... right after it, in the same read
    PAUSE_INSIDE = "pause-inside"  # it comes in two pieces, a third of a second apart
    TRICKLE = "trickle"  # it comes a few octets at a time

    # An unsolicited line.
    URC_SPLIT = "urc-split"  # a pause in the middle of it

    # An answer to USSD.
    USSD_LOST = "ussd-lost"  # it never comes
    USSD_LATE = "ussd-late"  # it comes a minute late
    USSD_NO_CARRIER = "ussd-no-carrier"  # NO CARRIER comes in its place
    USSD_ERROR = "ussd-error"  # +CME ERROR: 30 comes in its place, long after the OK

    # Incoming messages.
    REPORT_FIRST = "report-first"  # the status report comes before +CMGS
    REPORT_LOST = "report-lost"  # it never comes
    REPORT_LATE = "report-late"  # it comes a minute late
    REPORT_TWICE = "report-twice"
    REPORT_ZONE = "report-zone"  # its time stamps have octets for a time zone that are none
    REPORT_SHORT = "report-short"  # it names only the last eight digits of its recipient
    # A text comes again, because the network got no acknowledgement; never into a place beside the first one.
    INCOMING_TWICE = "incoming-twice"
    NO_TEXT = (
        "no-text"  # beside a text comes one that is none: of type 0, an indication of voicemail, SIM data
    )
    MALFORMED = "malformed"  # beside a text comes one that is no TPDU
    MEMORY_FULL = "memory-full"  # a text finds the memory full of old ones
    UNANNOUNCED = "unannounced"  # a text is stored without a URC
    INDICATOR = "indicator"  # ... and only an indicator announces it (+CIEV)
    OVERWRITTEN = "overwritten"  # another text takes the place of one that was just listed

    # The time.
    NO_NETWORK_TIME = "no-network-time"  # the network does not send it at a registration
    CLOCK_LIES = "clock-lies"  # +CCLK is years ahead
    CLOCK_STANDS = "clock-stands"  # +CCLK shows the same time again


ALWAYS = -1

_RULE = re.compile(
    r"(?P<name>[a-z0-9-]+)(:(?P<code>\d{1,3}))?(=(?P<rate>[0-9.]+))?(@(?P<port>\d+))?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Rule:
    """Faults by chance: which, how often (0 to 1 of their occasions), and at which port (None: at all)."""

    faults: tuple[Fault, ...]
    rate: float = 1.0
    port: int | None = None
    code: int | None = None  # the code that REFUSED answers

    @classmethod
    def read(cls, text: str) -> Rule:
        """Read `NAME[:CODE][=RATE][@PORT]`; the name `all` stands for every fault. Raises `ValueError`."""
        found = _RULE.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is not of the form NAME[:CODE][=RATE][@PORT]")
        name, rate = found["name"], float(found["rate"] or 1)
        if rate > 1:
            raise ValueError(f"{rate:g} is no share: it goes from 0 to 1")
        faults = tuple(Fault) if name == "all" else (Fault(name),)
        if found["code"] is not None and Fault.REFUSED not in faults:
            raise ValueError(f"{name} has no code")
        return cls(
            faults,
            rate,
            None if found["port"] is None else int(found["port"]),
            None if found["code"] is None else int(found["code"]),
        )


class Faults:
    """The switches of one modem: armed for a number of times, or by chance."""

    def __init__(self, random_source: random.Random) -> None:
        self.code = 500  # the code that REFUSED answers
        self.rates: dict[Fault, float] = {}  # how often each comes of itself, 0 to 1
        self.happened: Counter[Fault] = Counter()
        self._armed: dict[Fault, int] = {}
        self._random = random_source

    @property
    def any(self) -> bool:
        """Whether any fault is armed."""
        return bool(self._armed or self.rates)

    def arm(self, fault: Fault, times: int = 1) -> None:
        """Let a fault happen at its next occasions; `ALWAYS` until it is disarmed."""
        self._armed[fault] = times

    def apply(self, rule: Rule) -> None:
        """Let faults happen by chance from now on; a rate of 0 ends it."""
        for fault in rule.faults:
            self.rates[fault] = rule.rate
            if not rule.rate:
                del self.rates[fault]
        if rule.code is not None:
            self.code = rule.code

    def disarm(self, fault: Fault) -> None:
        """Let it happen no more."""
        self._armed.pop(fault, None)
        self.rates.pop(fault, None)

    def calm(self) -> None:
        """Let nothing happen any more."""
        self._armed.clear()
        self.rates.clear()

    def __contains__(self, fault: Fault) -> bool:
        """Whether a fault will happen at its next occasion, for sure."""
        return bool(self._armed.get(fault))

    def take(self, fault: Fault) -> bool:
        """Whether a fault happens at this occasion."""
        if not self.any or not self._comes(fault):
            return False
        self.happened[fault] += 1
        return True

    def _comes(self, fault: Fault) -> bool:
        left = self._armed.get(fault, 0)
        if left:
            if left == 1:
                del self._armed[fault]
            elif left > 0:
                self._armed[fault] = left - 1
            return True
        rate = self.rates.get(fault, 0.0)
        return rate > 0.0 and self._random.random() < rate
