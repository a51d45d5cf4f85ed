"""Judges a modem by the outcomes of its submissions."""

from __future__ import annotations

from typing import Final

from config.language.text import Text
from modem.at.transport import DeviceGoneError
from modem.errors import NO_PROMPT, NOT_WRITTEN, STILL_STORED, Cause
from modem.parts import InDoubt, Refused, Submitted
from modem.port.connection import Connection
from modem.port.health import Health
from modem.port.inbound import Inbound
from modem.port.late_references import report_late_references
from modem.port.modem_settings import ModemSettings
from modem.port.sim_check import SimCheck

_SILENT_SUBMISSIONS: Final = 2  # in a row: one may be the network's fault, more are the modem's

# So many recipients in a row refused by the modem itself are taken for a fault of the modem.
_REFUSED_RECIPIENTS: Final = 3


class ModemFaultError(Exception):
    """The modem answers, but does not do its work."""


class OutcomeCheck:
    """Counts outcomes that show a fault of the modem of one connection, and requests checks of the part that they name."""

    def __init__(
        self,
        connection: Connection,
        inbound: Inbound,
        modem_settings: ModemSettings,
        sim_check: SimCheck,
        health: Health,
    ) -> None:
        self._connection = connection
        self._inbound = inbound
        self._modem_settings = modem_settings
        self._sim_check = sim_check
        self._health = health
        self._proven = False
        self._silent = 0
        self._refused: set[str] = set()  # recipients in a row that the modem itself refused

    @property
    def proven(self) -> bool:
        """Whether the network took a part from this modem."""
        return self._proven

    def judge(self, result: Submitted | Refused | InDoubt, recipient: str) -> None:
        """Judge the modem by one result. Raises DeviceGoneError, ModemFaultError, OutOfStepError."""
        channel = self._connection.channel
        if channel.gone:
            raise DeviceGoneError(Text("the device was lost while a message was being sent"))
        if channel.restarted:
            return  # the next round brings the modem up again
        report_late_references(self._connection)
        if isinstance(result, Submitted):
            self._proven = True
            self._silent = 0
            self._refused.clear()
            self._connection.record.learn_references(tells=channel.tells_references)
            return
        silent = isinstance(result, InDoubt)
        if silent:
            self._inbound.list_now()  # the part's report may be stored there
        if isinstance(result, Refused):
            cause = result.cause
            silent = cause.family == "LOCAL" and cause.code in (NO_PROMPT, NOT_WRITTEN, STILL_STORED)
            self._look_into(cause)
            self._count_refusal(cause, recipient)
        if not silent:
            self._silent = 0
            return
        self._silent += 1
        if self._silent >= _SILENT_SUBMISSIONS:
            raise ModemFaultError(
                Text("the modem answers AT, but {count} messages in a row got no answer", count=self._silent)
            )
        if not channel.in_step:
            channel.resync()

    def _look_into(self, cause: Cause) -> None:
        """Request a check of the part that a refusal names, before the regular check is due."""
        if cause.wrong_mode:
            self._modem_settings.check_soon()
        if cause.sim_trouble:
            self._sim_check.want()
        elif cause.storage_full:
            self._inbound.list_now()
        elif cause.no_network:
            self._health.want_registration()

    def _count_refusal(self, cause: Cause, recipient: str) -> None:
        """Count recipients in a row that are refused without a reason of the network's. Raises ModemFaultError."""
        if cause.modem_failed:
            self._refused.add(recipient)
        else:
            self._refused.clear()
        if len(self._refused) >= _REFUSED_RECIPIENTS:
            raise ModemFaultError(
                Text(
                    "the modem answers AT, but refuses {count} recipients in a row", count=len(self._refused)
                )
            )
