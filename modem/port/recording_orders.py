"""Carries out recordings of the modem between two submissions, and lets one-time codes pass."""

from __future__ import annotations

from modem.at.responses import Urc
from modem.at.transport import DeviceGoneError
from modem.port.connection import Connection
from modem.port.mailbox import RecordOrder
from modem.recording.line import DirectPdus, GivenUpError, LineLostError, RawLine
from modem.recording.recorder import NoModemError


class RecordingOrders:
    """Takes recording orders from the mailbox of one connection, one at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def step(self) -> bool:
        """Go on with a recording. Whether the modem was asked: then it must be set up again.

        The order stays in the mailbox while it gives way, and when the connection ends.
        """
        mailbox, reporter = self._connection.mailbox, self._connection.reporter
        order = mailbox.record_order
        if order is None:
            return False
        if order.answer.cancelled():
            mailbox.end_record_order()
            return False
        if order.gives_way() or not reporter.settle_alone():
            return False
        mailbox.modem_is_busy()
        reporter.publish(busy=True)
        try:
            self._carry_out(order)
        finally:
            reporter.publish(busy=False)
        return True

    def _carry_out(self, order: RecordOrder) -> None:
        channel, mailbox = self._connection.channel, self._connection.mailbox
        pdus = DirectPdus()

        def hear(octets: bytes) -> None:
            channel.urcs.extend(Urc(head, pdu) for head, pdu in pdus.feed(octets))

        def stop() -> bool:
            mailbox.attend()
            return order.answer.cancelled() or order.gives_way()

        channel.in_step = False
        try:
            recording = order.recorder.record(RawLine(channel.fd, stop, hear=hear))
        except GivenUpError:
            return  # it goes on later, unless it was cancelled
        except NoModemError as error:
            order.refuse(error.args[0])
        except LineLostError as error:
            raise DeviceGoneError(str(error)) from error
        else:
            order.succeed(recording)
        mailbox.end_record_order()
