"""What the collaborators of one session share."""

from __future__ import annotations

from dataclasses import dataclass

from config.settings import PortSettings
from modem.at.channel import Channel
from modem.driver.modem import Modem
from modem.port.mailbox import Mailbox
from modem.port.modem_record import ModemRecord
from modem.port.reporter import Reporter
from modem.port.timing import Timing


@dataclass(frozen=True, slots=True)
class Connection:
    """One open line to a modem, with the port's lasting objects around it."""

    settings: PortSettings
    timing: Timing
    submit_timeout_s: float
    mailbox: Mailbox
    reporter: Reporter
    record: ModemRecord
    channel: Channel
    modem: Modem

    @property
    def port(self) -> int:
        """The port's number."""
        return self.settings.port
