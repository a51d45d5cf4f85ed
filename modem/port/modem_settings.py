"""Reads the modem's settings back, restores lost ones, and tries refused ones again.

A modem may restart or load a saved profile without a URC, and another program may change its settings. What it refuses
right after its start it accepts some seconds later. So every setting is checked again and again, and a refusal only
means "cannot" once the modem has been ready for some time.
"""

from __future__ import annotations

import logging
from time import monotonic
from typing import Final

from config.language.text import Text
from modem.at.responses import Urc, is_ready, is_text_form
from modem.driver.modem import UnusableError
from modem.port.conditions import Condition
from modem.port.connection import Connection
from modem.port.inbound import Inbound

log = logging.getLogger(__name__)

STEPS: Final = ("mode", "announcements", "storage")  # of the regular check, each with one or two commands

_MOST_PAUSES: Final = 10  # the longest pause between two tries, in multiples of the first
# Interval between two checks that URCs cause, as a share of the time that a modem has to become ready.
_BETWEEN_SIGNS: Final = 1 / 10
_RESTORED_S: Final = 3600.0  # how long the condition of a fall-back to text mode is published


class ModemSettings:
    """PDU mode, storage, announcements and identity of the modem of one connection. Methods raise as those of `Modem`."""

    def __init__(self, connection: Connection, inbound: Inbound) -> None:
        self._reporter = connection.reporter
        self._modem = connection.modem
        self._inbound = inbound
        self._timeouts = connection.modem.timeouts
        self._at = float("inf")  # when to try unconfirmed settings again, in monotonic seconds
        self._pause_s = self._timeouts.again_s
        self._began_at = 0.0  # when the modem came up, or last said that it is ready
        self._checked_at = float("-inf")
        self._check_all = False
        self._fallbacks = 0
        self._restored_until = 0.0

    @property
    def due_at(self) -> float:
        """When to try again, in monotonic seconds."""
        return self._at

    @property
    def may_submit(self) -> bool:
        """Whether PDU mode is confirmed. Otherwise a PDU could go out as a text."""
        return self._modem.mode.confirmed

    def begin_anew(self) -> None:
        """The modem was brought up and got all settings: publish which it confirmed."""
        self._began_at = monotonic()
        self._pause_s = self._timeouts.again_s
        self._publish()
        self._at = self._began_at + self._pause_s if self._is_open else float("inf")

    def hear(self, urc: Urc) -> None:
        """Note a URC that shows that the modem became ready, or is in text mode."""
        if is_ready(urc.line) or is_text_form(urc.line):
            now = monotonic()
            self._began_at, self._pause_s = now, self._timeouts.again_s
            self.check_soon()

    def check_soon(self) -> None:
        """Check all settings soon: something showed that one is not as it should be."""
        self._check_all = True
        at = max(monotonic(), self._checked_at + self._timeouts.busy_s * _BETWEEN_SIGNS)
        self._at = min(self._at, at)

    def tend(self) -> None:
        """Check all settings if that was asked for, and try unconfirmed ones again when that is due."""
        if self._modem.mode.fallbacks != self._fallbacks:
            self.check_soon()  # other settings may be lost too
            self._publish()
        now = monotonic()
        if now < self._at:
            return
        if self._check_all:
            self._check_all, self._checked_at = False, now
            for step in STEPS:
                self.check(step)
        self._try_again()
        self._publish()
        if self._is_open:
            self._at = monotonic() + self._pause_s
            self._pause_s = min(2 * self._pause_s, _MOST_PAUSES * self._timeouts.again_s)
        else:
            self._at = float("inf")

    def check(self, step: str) -> None:
        """Do one step of the regular check: read one setting back, and restore all if it was lost."""
        if step == "mode":
            before = self._modem.mode.fallbacks
            self._modem.mode.ensure()
            lost = self._modem.mode.fallbacks != before
        elif step == "announcements":
            lost = not self._modem.notifications.hold()
        else:
            self._inbound.look()
            lost = self._modem.storage.lost
            self._modem.storage.lost = False
        if lost:
            log.warning(
                "port %d: the modem lost its settings; they are set again", self._reporter.status.port
            )
            self._modem.prepare()
            self._inbound.list_now()  # texts may have come that were not announced
            self._began_at, self._pause_s = monotonic(), self._timeouts.again_s
            self._at = min(self._at, monotonic() + self._pause_s)
        elif self._is_unset and self._at == float("inf"):
            self._at = monotonic()  # tried again once a minute while the modem refuses
        self._publish()

    def _try_again(self) -> None:
        modem = self._modem
        if not modem.is_identified and modem.identify():
            identity = modem.identity
            log.info("port %d: the modem is %s", self._reporter.status.port, modem.name)
            self._reporter.publish(imei=identity.imei, model=modem.name if identity.model else "")
            modem.prepare()  # among them the settings of its vendor
        if not modem.mode.confirmed and not modem.mode.set():
            self._give_up_mode()
        if not modem.knows_service:
            modem.choose_service()
        if modem.storage.usual is None or (modem.storage.may_do_better and not self._is_ready_long):
            before = modem.storage.usual
            modem.choose_memories(again=True)
            if modem.storage.usual != before:
                self._inbound.list_now()
        if modem.notifications.form is None or (
            modem.notifications.may_do_better and not self._is_ready_long
        ):
            modem.notifications.choose()

    def _give_up_mode(self) -> None:
        """Decide what to do with a modem that refuses PDU mode. Raises UnusableError if it stays in text mode."""
        mode = self._modem.mode
        if mode.text_since is not None and monotonic() - mode.text_since > self._timeouts.busy_s:
            raise UnusableError(Text("the modem does not leave text mode (AT+CMGF=0)"))
        if self._is_ready_long:
            mode.accept()

    @property
    def _is_ready_long(self) -> bool:
        """Whether the modem has been up long enough to accept every setting that it knows."""
        return monotonic() - self._began_at > self._timeouts.busy_s

    @property
    def _is_unset(self) -> bool:
        """Whether the modem has accepted no form at all of some setting."""
        modem = self._modem
        return (
            not modem.mode.confirmed
            or modem.storage.usual is None
            or modem.notifications.form is None
            or not modem.is_identified
        )

    @property
    def _is_open(self) -> bool:
        """Whether some setting is to be tried again soon."""
        modem = self._modem
        if not modem.mode.confirmed:
            return True
        better = modem.storage.may_do_better or modem.notifications.may_do_better or not modem.knows_service
        return not self._is_ready_long and (self._is_unset or better)

    def _publish(self) -> None:
        """Publish the conditions that the settings make."""
        modem, set_condition = self._modem, self._reporter.set_condition
        if modem.mode.fallbacks != self._fallbacks:
            self._fallbacks = modem.mode.fallbacks
            self._restored_until = monotonic() + _RESTORED_S
        set_condition(Condition.PDU_MODE_UNCONFIRMED, present=not modem.mode.confirmed)
        set_condition(Condition.TEXT_MODE_RESTORED, present=monotonic() < self._restored_until)
        set_condition(Condition.STORAGE_NOT_SET, present=modem.storage.usual is None)
        set_condition(Condition.TEXTS_NOT_ANNOUNCED, present=not modem.notifications.announces_texts)
        set_condition(Condition.REPORTS_NOT_ANNOUNCED, present=not modem.notifications.announces_reports)
