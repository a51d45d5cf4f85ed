"""One modem from the opening of its device to its loss."""

from __future__ import annotations

import logging
from time import monotonic
from typing import Final

from config.language.text import Text
from modem.at.transport import ChannelError
from modem.driver.sim import SimState
from modem.port.connection import Connection
from modem.port.health import Health
from modem.port.inbound import Inbound
from modem.port.incoming_calls import IncomingCalls
from modem.port.late_references import report_late_references
from modem.port.modem_settings import ModemSettings
from modem.port.network_search import NetworkSearch
from modem.port.outcome_check import OutcomeCheck
from modem.port.recording_orders import RecordingOrders
from modem.port.sim_check import SimCheck
from modem.port.sim_slots import SimSlots
from modem.port.startup import Startup
from modem.port.status import PortState
from modem.port.stored_submission import StoredSubmissions
from modem.port.unsolicited import Unsolicited
from modem.port.ussd_orders import UssdOrders
from modem.port.work_loop import WorkLoop

log = logging.getLogger(__name__)

_SIM_DETAILS: Final = {
    SimState.UNKNOWN: Text("The SIM did not tell its number; it is asked again soon."),
    SimState.PIN_REQUIRED: Text("The SIM asks for its PIN: set `pin` for this port in the configuration."),
    SimState.PIN_REFUSED: Text(
        "The configured PIN is wrong, or too few attempts are left: correct `pin`; it is not tried again."
    ),
    SimState.PUK_REQUIRED: Text("The SIM is locked: unlock it with its PUK in a telephone."),
    SimState.MODEM_LOCKED: Text(
        "This modem is locked to another operator: have it unlocked, or use a SIM of that operator."
    ),
    SimState.ABSENT: Text("There is no SIM: insert one, or seat it again."),
    SimState.FAILURE: Text("The modem cannot use the SIM: seat it again, or replace it."),
}


class Session:
    """One connection: composes the collaborators that bring the modem up and do its work.

    `run` ends by raising the reason. The port opens a new connection then.
    Raises DeviceGoneError, OutOfStepError, RestartNeededError, ModemFaultError, StoppingError.
    """

    def __init__(self, connection: Connection, unread_octets: int | None = None) -> None:
        """`unread_octets`: that came while an older process had left the line open; None: the line is new."""
        self._connection = connection
        self._timing = connection.timing
        self._mailbox = connection.mailbox
        self._reporter = connection.reporter
        self._channel = connection.channel
        self._modem = connection.modem
        self._came_up = False
        self._sim_slots = SimSlots(connection, self._pass_on)
        self._sim_check = SimCheck(connection, self._sim_slots)
        self._inbound = Inbound(connection)
        self._modem_settings = ModemSettings(connection, self._inbound)
        self._stored_submissions = StoredSubmissions(connection)
        self._search = NetworkSearch(connection)
        self._calls = IncomingCalls(connection)
        self._startup = Startup(connection, self._sim_slots, self._inbound, unread_octets)
        self._health = Health(
            connection,
            self._sim_slots,
            self._sim_check,
            self._modem_settings,
            on_network=self._look_for_work,
        )
        self._unsolicited = Unsolicited(
            connection, self._modem_settings, self._inbound, self._health, self._sim_check, self._calls
        )
        self._outcome_check = OutcomeCheck(
            connection, self._inbound, self._modem_settings, self._sim_check, self._health
        )
        self._work_loop = WorkLoop(
            connection,
            self._inbound,
            self._modem_settings,
            self._sim_check,
            self._stored_submissions,
            self._outcome_check,
            self._switch,
        )
        self._ussd_orders = UssdOrders(connection, self._sim_slots, self._switch)
        self._recording_orders = RecordingOrders(connection)

    @property
    def came_up(self) -> bool:
        """Whether the modem was brought in step and its SIM looked at."""
        return self._came_up

    @property
    def proven(self) -> bool:
        """Whether the network took a part from this modem."""
        return self._outcome_check.proven

    def run(self) -> None:
        """Bring the modem up and work until something ends it."""
        try:
            self._start()
            while True:
                if self._reporter.status.state is PortState.UP:
                    self._serve()
                else:
                    self._wait_for_sim()
        finally:
            self._mailbox.modem_is_busy()
            self._inbound.close(self._channel.urcs)

    def restart_modem(self) -> None:
        """Tell the modem to restart, even if it no longer answers. Close and open the device after a while."""
        try:
            if self._channel.in_step:
                self._modem.reset()
            else:
                self._channel.write_command_blindly(self._modem.profile.reset)
        except ChannelError as error:
            log.info("port %d: while restarting the modem: %s", self._connection.port, error)

    def _start(self) -> None:
        """Bring the modem up, then the port."""
        self._startup.bring_up()
        self._come_up()

    def _come_up(self) -> None:
        """Publish whether the port works now, and begin its tasks."""
        self._came_up = True
        sim = self._reporter.status.active.sim
        if sim is not SimState.READY:
            self._reporter.publish(state=PortState.SICK, detail=_SIM_DETAILS[sim])
            self._search.forget()
            return
        self._reporter.publish(state=PortState.UP, detail=self._health.sentence())
        self._health.begin()
        self._inbound.list_now()
        self._modem_settings.begin_anew()
        self._stored_submissions.begin_anew(kept_power=self._startup.take_kept_power())
        self._work_loop.look_now()

    def _wait_for_sim(self) -> None:
        """With a SIM that does not work: answer questions, and look at it at intervals or when the modem speaks of it."""
        deadline = monotonic() + self._timing.sim_s
        self._mailbox.modem_is_free()
        self._sim_check.clear()
        while monotonic() < deadline and not self._channel.restarted:
            deadline = min(deadline, self._sim_check.due_at)
            self._answer_requests()
            self._reporter.settle_when_due()
            waits_to_settle = self._reporter.outcome is not None
            self._channel.wait(min(deadline, self._reporter.back_at) if waits_to_settle else deadline)
            self._unsolicited.sort()
            report_late_references(self._connection)
        self._mailbox.modem_is_busy()
        if self._channel.restarted:
            self._start()
            return
        self._sim_check.looked()
        self._sim_slots.look()
        self._come_up()

    def _serve(self) -> None:
        """Do one round: take what came in, do what is due, send the next part; then wait."""
        self._mailbox.modem_is_free()
        if self._startup.modem_restarted():
            log.warning("port %d: the modem restarted; it is set up again", self._connection.port)
            self._mailbox.modem_is_busy()
            self._start()
            return
        self._answer_requests()
        self._ussd_orders.step()
        if self._recording_orders.step():
            self._start()
            return
        self._unsolicited.sort()
        report_late_references(self._connection)
        self._modem_settings.tend()
        self._stored_submissions.recall()
        if self._reporter.outcome is None or self._modem.acknowledges:
            self._inbound.hand_over()
        else:
            # The rest of what came is handed over while the network has the next part.
            self._inbound.leave_reports()
        self._inbound.fetch()
        self._calls.end()
        if self._health.refresh():
            self._come_up()
        if self._health.look_at_changes():
            self._come_up()
        if self._reporter.status.state is PortState.UP and self._search.step():
            self._start()
            return
        is_up = self._reporter.status.state is PortState.UP
        if is_up and not self._work_loop.step() and not self._health.has_steps:
            self._channel.wait(self._due_at())

    def _look_for_work(self) -> None:
        self._work_loop.look_now()

    def _pass_on(self, everything: bool) -> None:
        """Pass on all URCs, or only those that came before the modem reported a registration."""
        if everything:
            self._unsolicited.sort()
        else:
            self._unsolicited.sort_until_registered()

    def _answer_requests(self) -> None:
        self._mailbox.take_orders()
        self._mailbox.answer_asks(lambda: self._modem.answers(self._timing.ask_s))

    def _due_at(self) -> float:
        """Return when there is something to do without a URC or a request, in monotonic seconds."""
        return min(
            self._health.due_at,
            self._inbound.due_at,
            self._stored_submissions.due_at,
            self._modem_settings.due_at,
            self._search.due_at,
            self._work_loop.due_at,
        )

    def _switch(self, slot: int) -> None:
        """Make another slot the active one, by the gateway's order. Raises ValueError where there is none."""
        reporter, record = self._reporter, self._connection.record
        reporter.publish(busy=False)
        if not 1 <= slot <= len(reporter.status.slots):
            raise ValueError(Text("port {port} has no slot {slot}", port=self._connection.port, slot=slot))
        status = reporter.status
        before = status.active_slot
        if slot == before:
            return
        self._mailbox.modem_is_busy()
        if not self._sim_slots.enter(slot) and reporter.status.slots[before - 1].sim is SimState.READY:
            self._sim_slots.enter(before)
        report_late_references(self._connection, status)  # no other SIM has submitted a part yet
        self._channel.owed = 0
        record.set_owed(0)
        self._come_up()
