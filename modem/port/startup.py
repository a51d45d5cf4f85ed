"""Brings a modem up: reads earlier output, synchronises, identifies the modem, reads its SIMs."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic

from config.language.text import Text
from modem.at.channel import OutOfStepError
from modem.at.responses import Result
from modem.driver import submission_outcome
from modem.parts import Refused
from modem.port import left_line
from modem.port.connection import Connection
from modem.port.inbound import Inbound
from modem.port.sim_slots import SimSlots
from modem.port.status import PortState
from modem.port.submission_note import Phase


class Startup:
    """Brings up the modem of one connection, first when it opens and again whenever the modem restarted."""

    def __init__(
        self, connection: Connection, sim_slots: SimSlots, inbound: Inbound, unread_octets: int | None
    ) -> None:
        """`unread_octets`: that came while an older process had left the line open; None: the line is new."""
        self._connection = connection
        self._sim_slots = sim_slots
        self._inbound = inbound
        self._unread_octets = unread_octets  # None once they were read
        self._adopted = False  # the line was left open by an older process, and its SIMs were not read yet
        self._failure: Result | None = None  # what the modem answered to the part that an older process left
        self._kept_power = True
        self._echoes: int | None = (
            None  # echoed commands when echo was off; None: echo cannot be switched off
        )

    def bring_up(self) -> None:
        """Bring the modem up and look at its SIMs.

        Raises DeviceGoneError, OutOfStepError, UnusableError.
        """
        mailbox, reporter, channel = (
            self._connection.mailbox,
            self._connection.reporter,
            self._connection.channel,
        )
        reporter.publish(
            state=PortState.STARTING, detail=Text("The modem is being brought in step."), busy=False
        )
        reporter.settle_when_due()
        self._read_left_line()
        channel.told_e0 = channel.told_v1 = False
        self._get_in_step()
        self._settle_left_part()
        echoes = channel.echoes
        self._connection.modem.answers(self._connection.timing.ask_s)
        self._echoes = echoes if echoes == channel.echoes else None
        channel.told_e0 = self._echoes is not None
        channel.told_v1 = True
        mailbox.modem_answered(ok=True)
        self._publish_identity()
        self._look_at_sims()
        self._publish_identity()  # a modem may tell its identity only once its SIM is unlocked

    def modem_restarted(self) -> bool:
        """Return whether the modem restarted: it said so, or it echoes commands again."""
        channel = self._connection.channel
        return channel.restarted or (self._echoes is not None and channel.echoes > self._echoes)

    def take_kept_power(self) -> bool:
        """Return whether the modem was not restarted since the last connection, as far as it shows. True from then on."""
        kept_power, self._kept_power = self._kept_power, True
        return kept_power

    def _read_left_line(self) -> None:
        """Read what came while an older process had left the line open, before any command is sent.

        The answer to the part that it handed over may be among it, or still to come.
        """
        reporter, channel = self._connection.reporter, self._connection.channel
        left, unread, self._unread_octets = reporter.left, self._unread_octets, None
        if left is None and unread is None:
            return
        self._adopted = unread is not None
        wait_s = 0.0
        if left is not None and unread is not None:
            wait_s = min(self._connection.timing.kept_s, reporter.busy_s())
        answer = left_line.listen(channel, left.heard if left is not None else b"", unread, wait_s)
        self._failure = answer.failure
        if answer.taken is None:
            return
        if left is not None:
            reporter.recover(left.claim, answer.taken)
        else:
            channel.keep_late(answer.taken)

    def _settle_left_part(self) -> None:
        """Tell the gateway what is known of the part that an older process handed over. Else it stays in doubt."""
        reporter, channel = self._connection.reporter, self._connection.channel
        left = reporter.take_left()
        late_result = channel.late_result if self._adopted else None
        failure, self._failure = self._failure or late_result, None
        if left is None:
            return
        late = channel.take_late() if self._adopted else []
        if late:
            # That part was the last one before the process ended.
            reporter.recover(left.claim, late.pop())
            for each in late:
                channel.keep_late(each)
        elif failure is not None and not failure.ok and left.phase is Phase.TYPED:
            verdict = submission_outcome.verdict(channel, failure)
            if isinstance(verdict, Refused):
                reporter.recover(left.claim, verdict)

    def _look_at_sims(self) -> None:
        """Look at the SIMs. URCs that came while the line was left open belong to the SIM that was active then."""
        adopted, self._adopted = self._adopted, False
        if not adopted or self._connection.settings.slots == 1:
            self._sim_slots.look()
            return
        name = self._sim_slots.active_name()
        waiting = self._connection.channel.urcs
        urcs = list(waiting)
        waiting.clear()
        self._sim_slots.look()
        status = self._connection.reporter.status
        slot = next((each.slot for each in status.slots if name and each.iccid == name), status.active_slot)
        for urc in urcs:
            if not self._inbound.take(urc, replace(status, active_slot=slot)):
                waiting.append(urc)

    def _get_in_step(self) -> None:
        """Bring the modem in step.

        It may still be busy with a part of an older connection and then tell the result. A restart now would leave
        that part in doubt, so the port tries for as long as the modem may be busy.
        """
        channel = self._connection.channel
        echoes, restarted = channel.echoes, channel.restarted
        busy_s = self._connection.reporter.busy_s()
        busy_until = monotonic() + busy_s
        if restarted:
            channel.owed = 0
        elif busy_s > 0:
            channel.owed = max(1, channel.owed)
        while True:
            try:
                self._connection.modem.begin()
                break
            except OutOfStepError:
                if monotonic() >= busy_until:
                    raise
                channel.pause(self._connection.timing.reopen_s)
        self._kept_power = not (restarted or channel.restarted or channel.echoes > echoes)

    def _publish_identity(self) -> None:
        modem, record = self._connection.modem, self._connection.record
        identity = modem.identity
        record.recognise(identity)
        self._connection.channel.tells_references = record.tells_references
        self._connection.reporter.publish(imei=identity.imei, model=modem.name if identity.model else "")
