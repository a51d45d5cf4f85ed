"""One open line to a modem, and the objects that the collaborators of a session share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from config.settings import PortSettings
from modem.at.channel import Channel
from modem.at.transcript import Transcript
from modem.driver.modem import Modem
from modem.hardware.sysfs import Tty
from modem.parts import Via
from modem.port.mailbox import Mailbox
from modem.port.modem_record import ModemRecord
from modem.port.reporter import Reporter
from modem.timeouts import Timing


@dataclass(frozen=True, slots=True)
class Connection:
    """The channel and the modem of one session, with the objects of the port that outlive it."""

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


def connect(
    fd: int,
    settings: PortSettings,
    mailbox: Mailbox,
    reporter: Reporter,
    record: ModemRecord,
    transcript: Transcript,
    submit_timeout_s: float,
    timing: Timing,
    wiring: Callable[[], Tty | None],
) -> Connection:
    """Return a connection over the open line `fd`, which is not closed with it. Nothing is sent yet."""
    channel = Channel(
        fd,
        mailbox.fd,
        mailbox.attend,
        name=f"port {settings.port}",
        timeouts=timing.channel,
        transcript=transcript,
    )
    channel.owed = record.owed
    if reporter.note is not None:
        channel.sending = reporter.note.type
        channel.read_with(reporter.note.hear)
    modem = Modem(
        channel,
        smsc=settings.smsc,
        slot_command=settings.slot_command,
        timeouts=timing.commands,
        writes=settings.submit_via == Via.STORAGE.value,
        wiring=wiring,
    )
    return Connection(settings, timing, submit_timeout_s, mailbox, reporter, record, channel, modem)
