"""One modem from the opening of its device to its loss: bring it up, carry what the house has, take in what comes."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from time import monotonic
from typing import Any, Final

from config.settings import PortSettings
from modem.at.channel import Channel, OutOfStepError
from modem.at.responses import RINGS, Result, Urc
from modem.at.transport import ChannelError, DeviceGoneError
from modem.driver import submission_outcome
from modem.driver.modem import Modem
from modem.driver.sim import SimState
from modem.driver.ussd import UssdAnswer, UssdError, UssdUnavailableError
from modem.errors import NO_PROMPT, NOT_WRITTEN, STILL_STORED, Cause
from modem.hardware.sysfs import Tty
from modem.parts import InDoubt, Refused, Submission, Submitted, Via
from modem.port import left_line, status_text
from modem.port.conditions import Condition
from modem.port.inbound import Inbound
from modem.port.interface import Outcome, Switch
from modem.port.mailbox import Mailbox, UssdOrder
from modem.port.modem_settings import STEPS, ModemSettings
from modem.port.network_search import NetworkSearch
from modem.port.sim_slots import SimSlots
from modem.port.status import PortState, SlotStatus
from modem.port.stored_submission import StoredSubmissions
from modem.port.submission_note import Phase
from modem.timeouts import Timing

log = logging.getLogger(__name__)

_SILENT_SUBMISSIONS: Final = 2  # one may be the network's; in a row they are the modem's

# Recipients in a row that a modem refuses by itself, until that is taken for its own fault and not for theirs.
_REFUSED_RECIPIENTS: Final = 3

# Multiples of it lie as far apart as can be, however many there are (the golden ratio's).
_SPREAD: Final = 0.618034

_REFRESHED: Final = ("registration", "signal", "operator", "time", "sim", *STEPS)
_REGISTRATION_TAGS: Final = frozenset({"+CREG", "+CGREG", "+CEREG", "+C5GREG"})
_SIM_TAGS: Final = frozenset({"+CPIN", "+QUSIM", "^SIMST", "#QSS", "+UUSIMSTAT", "^SCKS"})

# What is told of a part where an exception leaves open what became of it.
_FAILED: Final = InDoubt("The gateway failed while the message was in the air.")

_SIM_DETAILS: Final = {
    SimState.UNKNOWN: "The SIM did not tell its number; it is asked again soon.",
    SimState.PIN_REQUIRED: "The SIM asks for its PIN: set `pin` for this port in the configuration.",
    SimState.PIN_REFUSED: "The configured PIN is wrong, or too few attempts are left: correct `pin`; it is not tried again.",
    SimState.PUK_REQUIRED: "The SIM is locked: unlock it with its PUK in a telephone.",
    SimState.MODEM_LOCKED: "This modem is locked to another operator: have it unlocked, or use a SIM of that operator.",
    SimState.ABSENT: "There is no SIM: insert one, or seat it again.",
    SimState.FAILURE: "The modem cannot use the SIM: seat it again, or replace it.",
}


class SickError(Exception):
    """The modem answers, but does not do its work."""


class Session:
    """One connection. `run` ends by raising what ended it; a new one is made then.

    Raises DeviceGoneError, OutOfStepError, RestartNeededError, SickError, StoppingError.
    """

    def __init__(
        self,
        settings: PortSettings,
        mailbox: Mailbox,
        fd: int,
        submit_timeout_s: float,
        timing: Timing,
        wiring: Callable[[], Tty | None] = lambda: None,
        kept: int | None = None,
    ) -> None:
        """`kept`: octets that came while an older process had left the line open; None: the line was opened for this one."""
        self.came_up = False  # the modem was brought in step, and its SIM looked at
        self.proven = False  # the network took something from this modem
        self._settings = settings
        self._mailbox = mailbox
        self._timing = timing
        self._submit_timeout_s = submit_timeout_s
        self._channel = Channel(
            fd,
            mailbox.fd,
            mailbox.attend,
            name=f"port {settings.port}",
            waits=timing.waits,
            transcript=mailbox.transcript,
        )
        self._channel.owed = mailbox.owed
        self.modem = Modem(
            self._channel,
            smsc=settings.smsc,
            slot_command=settings.slot_command,
            patience=timing.patience,
            writes=settings.submit_via == Via.STORAGE.value,
            wiring=wiring,
        )
        if mailbox.note is not None:
            self._channel.sending = mailbox.note.type
            self._channel.read_with(mailbox.note.hear)
        self._sim_slots = SimSlots(settings, mailbox, self.modem, timing.register_s)
        self._inbound = Inbound(mailbox, self.modem, timing.list_s)
        self._modem_settings = ModemSettings(mailbox, self.modem, self._inbound)
        self._stored_submissions = StoredSubmissions(mailbox, self.modem)
        self._search = NetworkSearch(mailbox, self.modem, timing.anew_s, timing.refresh_s)
        self._kept = kept  # until it was read
        # The line was left open by an older process, and its SIMs were not looked at yet.
        self._adopted = False
        # What the modem said of the part that an older process handed over.
        self._failure: Result | None = None
        self._kept_power = True  # the modem was not restarted since the last connection, as far as it shows
        self._refreshes: deque[str] = deque()
        self._refresh_at = 0.0
        self._claim_at: float | None = 0.0  # None: when woken
        self._held_back = False  # the modem could take nothing until now
        self._sim_changed = False
        self._sim_unsure = False  # nothing is sent until the SIM was looked at
        self._sim_looked_at = float("-inf")
        self._registration_changed = False
        self._registration_seen_at = float("-inf")
        self._ringing = False
        self._hung_up_at = float("-inf")
        self._silent = 0
        self._refused: set[str] = set()  # recipients in a row that the modem itself refused
        self._echoes: int | None = None  # commands echoed once echo was off; None: it cannot be switched off

    def run(self) -> None:
        """Bring the modem up and work until something ends it."""
        try:
            self._start()
            while True:
                if self._mailbox.status.state is PortState.UP:
                    self._serve()
                else:
                    self._wait_for_sim()
        finally:
            self._mailbox.listens = False
            self._inbound.close(self._channel.urcs)

    def restart_modem(self) -> None:
        """Tell the modem to restart, whether it still listens or not. Close and open the device after a while."""
        try:
            if self._channel.in_step:
                self.modem.reset()
            else:
                self._channel.say_blindly(self.modem.profile.reset)
        except ChannelError as error:
            log.info("port %d: while restarting the modem: %s", self._settings.port, error)

    # Coming up

    def _start(self) -> None:
        mailbox = self._mailbox
        mailbox.publish(state=PortState.STARTING, detail="The modem is being brought in step.", busy=False)
        self._settle()
        self._listen_first()
        self._channel.told_e0 = self._channel.told_v1 = False
        self._begin()
        self._tell_left()
        echoes = self._channel.echoes
        self.modem.answers(self._timing.ask_s)
        self._echoes = echoes if echoes == self._channel.echoes else None
        self._channel.told_e0 = self._echoes is not None
        self._channel.told_v1 = True
        mailbox.answering = True
        self._introduce()
        self._look_at_cards()
        self._introduce()  # a modem whose SIM was locked may only now have told it
        self._come_up()

    def _listen_first(self) -> None:
        """Hear what came while an older process had left the line open, and the answer to the part that it handed over,
        before anything is said. The answer may still be to come.
        """
        left, kept, self._kept = self._mailbox.left, self._kept, None
        if left is None and kept is None:
            return
        self._adopted = kept is not None
        wait_s = (
            min(self._timing.kept_s, self._mailbox.busy_s()) if left is not None and kept is not None else 0.0
        )
        heard = left_line.listen(self._channel, left.heard if left is not None else b"", kept, wait_s)
        self._failure = heard.failure
        if heard.taken is None:
            return
        if left is not None:
            self._mailbox.recover(left.claim, heard.taken)
        else:
            self._channel.keep_late(heard.taken)

    def _tell_left(self) -> None:
        """Tell the house what is known by now of the part that an older process handed over. Without a word it stays in doubt."""
        left, self._mailbox.left = self._mailbox.left, None
        late_result = self._channel.late_result if self._adopted else None
        failure, self._failure = self._failure or late_result, None
        if left is None:
            return
        late = self._channel.take_late() if self._adopted else []
        if late:
            self._mailbox.recover(
                left.claim, late.pop()
            )  # that part was the last one before the process ended
            for each in late:
                self._channel.keep_late(each)
        elif failure is not None and not failure.ok and left.phase is Phase.TYPED:
            verdict = submission_outcome.verdict(self._channel, failure)
            if isinstance(verdict, Refused):
                self._mailbox.recover(left.claim, verdict)

    def _look_at_cards(self) -> None:
        """Look at the SIMs. What came while the line was left open came for the SIM that was active then."""
        adopted, self._adopted = self._adopted, False
        if not adopted or self._settings.slots == 1:
            self._sim_slots.look()
            return
        name = self._sim_slots.active_name()
        urcs = list(self._channel.urcs)
        self._channel.urcs.clear()
        self._sim_slots.look()
        status = self._mailbox.status
        slot = next((each.slot for each in status.slots if name and each.iccid == name), status.active_slot)
        for urc in urcs:
            if not self._inbound.take(urc, replace(status, active_slot=slot)):
                self._channel.urcs.append(urc)

    def _begin(self) -> None:
        """Bring the modem in step. It may yet be busy with what an older connection handed to it, and say what became
        of that; to restart it then would leave that in doubt.
        """
        channel = self._channel
        echoes, restarted = channel.echoes, channel.restarted
        busy_s = self._mailbox.busy_s()
        busy_until = monotonic() + busy_s
        if restarted:
            channel.owed = 0
        elif busy_s > 0:
            channel.owed = max(1, channel.owed)
        while True:
            try:
                self.modem.begin()
                break
            except OutOfStepError:
                if monotonic() >= busy_until:
                    raise
                channel.pause(self._timing.reopen_s)
        self._kept_power = not (restarted or channel.restarted or channel.echoes > echoes)

    def _hear_late(self) -> None:
        """Tell the house what the modem said of parts after nobody waited for that any more."""
        channel, mailbox = self._channel, self._mailbox
        late = channel.take_late()
        if not late:
            return
        owed = channel.owed + len(late)
        mailbox.owed = channel.owed
        if mailbox.outcome is not None and isinstance(mailbox.outcome.result, InDoubt):
            if len(late) < owed:
                log.info(
                    "port %d: a late reference may be of more than one part: of none", mailbox.status.port
                )
                return
            mailbox.outcome = replace(mailbox.outcome, result=late.pop())
        for each in late:
            mailbox.tell_late(each.reference)

    def _introduce(self) -> None:
        identity = self.modem.identity
        self._mailbox.recognise(identity)
        self._channel.tells_references = self._mailbox.tells_references
        self._mailbox.publish(imei=identity.imei, model=self.modem.name if identity.model else "")

    def _come_up(self) -> None:
        """Say whether the port works now, and what to do first."""
        self.came_up = True
        sim = self._mailbox.status.active.sim
        if sim is not SimState.READY:
            self._mailbox.publish(state=PortState.SICK, detail=_SIM_DETAILS[sim])
            self._search.forget()
            return
        self._mailbox.publish(state=PortState.UP, detail=self._sentence(self._mailbox.status.active))
        now = monotonic()
        registered = self._mailbox.status.active.registration.carries_sms
        self._refresh_at = now + (self._first_refresh_s() if registered else self._timing.search_s)
        self._refreshes.extend(("signal", "operator", "time"))
        self._sim_changed = False
        self._inbound.list_now()
        self._modem_settings.begin_anew()
        self._stored_submissions.begin_anew(kept_power=self._kept_power)
        self._kept_power = True
        self._claim_at = now

    def _first_refresh_s(self) -> float:
        """Half of the usual time to all of it, by the port's number: ports that came up together do not go on to refresh
        together, each in the way of the other.
        """
        return self._timing.refresh_s * (1 - self._settings.port * _SPREAD % 1 / 2)

    def _wait_for_sim(self) -> None:
        """With a SIM that does not work: answer who asks, and look again now and then or when the modem speaks of it."""
        deadline = monotonic() + self._timing.sim_s
        self._mailbox.listens = True
        self._sim_changed = False
        while monotonic() < deadline and not self._channel.restarted:
            if self._sim_changed:
                deadline = min(deadline, self._sim_look_at())
            self._tend()
            self._settle()
            self._channel.wait(
                deadline if self._mailbox.outcome is None else min(deadline, self._mailbox.back_at)
            )
            self._sort_urcs()
            self._hear_late()
        self._mailbox.listens = False
        if self._channel.restarted:
            self._start()
            return
        self._sim_looked_at = monotonic()
        self._sim_slots.look()
        self._come_up()

    # At work

    def _serve(self) -> None:
        """One round: what came in, what is due, what is to be sent; then wait."""
        self._mailbox.listens = True
        if self._began_anew():
            return
        self._tend()
        self._ask_network()
        self._sort_urcs()
        self._hear_late()
        self._modem_settings.tend()
        self._stored_submissions.recall()
        if self._mailbox.outcome is None or self.modem.acknowledges:
            self._inbound.hand_over()
        else:
            self._inbound.leave_reports()  # and what else came is handed over while the network has the next part
        self._inbound.fetch()
        self._hang_up()
        self._refresh()
        self._look_at_what_changed()
        if self._mailbox.status.state is PortState.UP and self._search.step():
            self._start()
            return
        if self._mailbox.status.state is PortState.UP and not self._work() and not self._refreshes:
            self._channel.wait(self._wake_at())

    def _tend(self) -> None:
        self._mailbox.take_orders()
        self._mailbox.answer_asks(lambda: self.modem.answers(self._timing.ask_s))

    def _settle(self) -> None:
        if self._mailbox.outcome is not None and monotonic() >= self._mailbox.back_at:
            self._mailbox.settle()

    def _wake_at(self) -> float:
        """When there is something to do though nobody says so."""
        due = [
            self._refresh_at,
            self._inbound.due_at,
            self._stored_submissions.due_at,
            self._modem_settings.due_at,
            self._search.due_at,
        ]
        if self._sim_changed:
            due.append(self._sim_look_at())
        if self._registration_changed:
            due.append(self._registration_seen_at + self._timing.registration_look_s)
        if self._mailbox.outcome is not None or self._mailbox.ussd_orders:
            due.append(self._mailbox.back_at)
        if self._asks_for_work():
            if self._mailbox.woken:
                due.append(self._mailbox.back_at)
            elif self._claim_at is not None:
                due.append(max(self._claim_at, self._mailbox.back_at))
        return min(due)

    def _asks_for_work(self) -> bool:
        """A port with several slots asks without a network too: another slot may have one."""
        if not self._modem_settings.may_submit:
            return False
        return self._mailbox.status.active.registration.carries_sms or self._settings.slots > 1

    def _work(self) -> bool:
        """Settle what was sent, claim what is next and carry it. Whether there was something to do."""
        mailbox = self._mailbox
        now = monotonic()
        if now < mailbox.back_at or not self._stored_submissions.recalled:
            return False
        if self._sim_unsure or not self._modem_settings.may_submit:
            self._settle()
            self._held_back = True
            return False
        if self._held_back:
            self._held_back, self._claim_at = False, now
        if mailbox.outcome is None:
            due = mailbox.woken or (self._claim_at is not None and now >= self._claim_at)
            if not due or not self._asks_for_work():
                return False
        mailbox.woken = False
        order = mailbox.next()
        if isinstance(order, Submission):
            self._claim_at = now
            self._carry(order)
            return True
        if isinstance(order, Switch):
            self._claim_at = now
            self._switch(order.slot)
            return True
        self._claim_at = None if order.seconds is None else now + order.seconds
        mailbox.publish(busy=False)
        self._stored_submissions.tidy()
        return False

    def _carry(self, submission: Submission) -> None:
        """Hand one part to the network. Its outcome is settled with the next claim."""
        mailbox = self._mailbox
        mailbox.in_the_air = True
        if not mailbox.status.busy:
            mailbox.publish(busy=True)
        result: Submitted | Refused | InDoubt = _FAILED
        started_at = monotonic()
        if mailbox.note is not None:
            mailbox.note.begin(submission)
        try:
            self._stored_submissions.tidy()
            submit = self._stored_submissions.submit if submission.via is Via.STORAGE else self.modem.submit
            result = submit(submission, self._submit_timeout_s, self._inbound.hand_over_meanwhile)
        finally:
            mailbox.in_the_air = False
            mailbox.outcome = Outcome(submission, result, started_at, monotonic())
            mailbox.owed = self._channel.owed
            if mailbox.note is not None:
                mailbox.note.end(submission, result, self._channel.vendor)
        self._judge(result, submission.recipient)

    def _judge(self, result: Submitted | Refused | InDoubt, recipient: str) -> None:
        """What an outcome says of the modem."""
        if self._channel.gone:
            raise DeviceGoneError("the device was lost while a message was being sent")
        if self._channel.restarted:
            return  # brought up anew in the next round
        self._hear_late()
        if isinstance(result, Submitted):
            self.proven = True
            self._silent = 0
            self._refused.clear()
            self._mailbox.tells_references = self._channel.tells_references
            return
        silent = isinstance(result, InDoubt)
        if silent:
            self._inbound.list_now()  # a report on it may lie there
        if isinstance(result, Refused):
            code = (result.cause.family, result.cause.code)
            silent = code[0] == "LOCAL" and code[1] in (NO_PROMPT, NOT_WRITTEN, STILL_STORED)
            self._look_into(result.cause)
            self._count_refusal(result.cause, recipient)
        if not silent:
            self._silent = 0
            return
        self._silent += 1
        if self._silent >= _SILENT_SUBMISSIONS:
            raise SickError(f"the modem answers AT, but {self._silent} messages in a row got no answer")
        if not self._channel.in_step:
            self._channel.resync()

    def _look_into(self, cause: Cause) -> None:
        """Have that looked at which a refusal speaks of, rather than wait until it is due."""
        if cause.wrong_mode:
            self._modem_settings.check_soon()
        if cause.sim_trouble:
            self._sim_changed = True
        elif cause.storage_full:
            self._inbound.list_now()
        elif cause.no_network:
            self._registration_changed = True

    def _count_refusal(self, cause: Cause, recipient: str) -> None:
        """A modem that refuses one recipient after the other, and gives no reason of the network's, is sick."""
        if cause.modem_failed:
            self._refused.add(recipient)
        else:
            self._refused.clear()
        if len(self._refused) >= _REFUSED_RECIPIENTS:
            raise SickError(f"the modem answers AT, but refuses {len(self._refused)} recipients in a row")

    def _switch(self, slot: int) -> None:
        """Another slot, by order of the house."""
        mailbox = self._mailbox
        mailbox.publish(busy=False)
        if not 1 <= slot <= len(mailbox.status.slots):
            raise ValueError(f"port {self._settings.port} has no slot {slot}")
        if slot == mailbox.status.active_slot:
            return
        before = mailbox.status.active_slot
        mailbox.listens = False
        self._sort_urcs()  # what came until now came for the SIM that is left
        self._hear_late()
        if not self._sim_slots.enter(slot) and mailbox.status.slots[before - 1].sim is SimState.READY:
            self._sim_slots.enter(before)
        self._channel.take_late()  # of the SIM that was left, which the house would not know
        self._channel.owed = mailbox.owed = 0
        self._come_up()

    # USSD

    def _ask_network(self) -> None:
        """Carry out one USSD order; what was sent before is settled first, so that nobody waits for that."""
        mailbox = self._mailbox
        if not mailbox.ussd_orders or monotonic() < mailbox.back_at or not mailbox.settle_alone():
            return
        order = mailbox.ussd_orders.popleft()
        if not order.answer.set_running_or_notify_cancel():
            return
        mailbox.listens = False
        try:
            answer = self._converse(order)
        except UssdError as error:
            order.answer.set_exception(error)
        except BaseException:
            order.answer.set_exception(UssdUnavailableError("The modem was lost, or the port stopped."))
            raise
        else:
            order.answer.set_result(answer)
        mailbox.listens = True
        mailbox.publish(busy=False)

    def _converse(self, order: UssdOrder) -> UssdAnswer:
        mailbox = self._mailbox
        if order.slot is not None and order.slot != mailbox.status.active_slot:
            if not 1 <= order.slot <= len(mailbox.status.slots):
                raise UssdUnavailableError(f"There is no slot {order.slot}.")
            self._switch(order.slot)
            if mailbox.status.active_slot != order.slot or mailbox.status.state is not PortState.UP:
                raise UssdUnavailableError(f"Slot {order.slot} has no SIM that works.")
            self._sim_slots.await_network(order.slot)
        mailbox.publish(busy=True)
        replies = self.modem.ussd(order.codes)
        asker = mailbox.status.active
        return UssdAnswer(
            mailbox.status.port, asker.slot, asker.iccid, replies, unsaid=len(order.codes) - len(replies)
        )

    # What the modem says of its own accord

    def _sort_urcs(self) -> None:
        urcs = self._channel.urcs
        while urcs:
            self._sort(urcs.popleft())

    def _sort(self, urc: Urc) -> None:
        self._modem_settings.hear(urc)
        if self._inbound.take(urc):
            return
        name = urc.tag
        if name in _REGISTRATION_TAGS:
            self._registration_changed = True
        elif name in _SIM_TAGS:
            self._sim_changed = True
        elif name in RINGS:
            self._ringing = True
        else:
            log.debug("port %d: %s", self._settings.port, name)

    def _hang_up(self) -> None:
        """End a call that comes in: while it rings, many modems refuse to send. No more often than `hang_up_s`."""
        if not self._ringing:
            return
        self._ringing = False  # it rings again where that does not end it
        if monotonic() - self._hung_up_at < self._timing.hang_up_s:
            return
        self._hung_up_at = monotonic()
        done = self.modem.hang_up()
        log.info("port %d: an incoming call was %s", self._settings.port, "ended" if done else "not ended")

    def _sim_look_at(self) -> float:
        """When a SIM that the modem spoke of may be looked at again."""
        return self._sim_looked_at + self._timing.sim_look_s

    def _look_at_what_changed(self) -> None:
        """Look at SIM and registration where the modem spoke of them, but not again and again."""
        now = monotonic()
        if self._sim_changed and now >= self._sim_look_at():
            self._check_sim()
        if (
            self._registration_changed
            and now >= self._registration_seen_at + self._timing.registration_look_s
            and "registration" not in self._refreshes
        ):
            self._refreshes.append("registration")

    def _began_anew(self) -> bool:
        """Bring the modem up again if it restarted: it said so, or echoes what it was told not to."""
        echoed = self._echoes is not None and self._channel.echoes > self._echoes
        if not self._channel.restarted and not echoed:
            return False
        log.warning("port %d: the modem restarted; it is set up again", self._settings.port)
        self._mailbox.listens = False
        self._start()
        return True

    # Keeping up with the network

    def _refresh(self) -> None:
        """One step of what is due, so that sending waits for one command at most."""
        now = monotonic()
        if now >= self._refresh_at:
            searching = not self._mailbox.status.active.registration.carries_sms
            self._refresh_at = now + (self._timing.search_s if searching else self._timing.refresh_s)
            steps = ("registration",) if searching else _REFRESHED
            self._refreshes.extend(step for step in steps if step not in self._refreshes)
        if not self._refreshes:
            return
        step = self._refreshes.popleft()
        slot = self._mailbox.status.active_slot
        if step in STEPS:
            self._modem_settings.check(step)
        elif step == "sim":
            self._check_sim()
        elif step == "signal":
            self._publish_standing(slot, signal_dbm=self.modem.network.signal_dbm())
        elif step == "operator":
            self._mailbox.publish_slot(slot, operator=self.modem.network.operator())
        elif step == "time":
            self._read_time()
        else:
            self._see_registration(slot)

    def _see_registration(self, slot: int) -> None:
        before = self._mailbox.status.active.registration
        self._registration_changed = False
        self._registration_seen_at = monotonic()
        state = self.modem.network.registration()
        self._sim_slots.see_registration(state)
        self._publish_standing(slot, registration=state)
        if state.carries_sms and not before.carries_sms:
            # Another card, put in without a word, may be what found its network.
            self._sim_changed = self._sim_unsure = True
            self._claim_at = monotonic()
            self._refreshes.extend(("signal", "operator", "time"))
        elif before.carries_sms and not state.carries_sms:
            self._refresh_at = monotonic() + self._timing.search_s

    def _read_time(self) -> None:
        """What time it is for the network; without one the modem's clock is anybody's."""
        told = self.modem.network_time() if self._mailbox.status.active.registration.carries_sms else None
        self._mailbox.publish(network_time=None if told is None else (told, monotonic()))

    def _publish_standing(self, slot: int, **changes: Any) -> None:
        """Tell the house how the active slot stands with its network now."""
        slots = self._mailbox.slots_with(slot, **changes)
        self._mailbox.publish(slots=slots, detail=self._sentence(slots[slot - 1]))

    def _sentence(self, slot: SlotStatus) -> str:
        return status_text.sentence(
            slot, anew=Condition.REGISTRATION_RESTARTED in self._mailbox.status.conditions
        )

    def _check_sim(self) -> None:
        """Whether the SIM is still the one that was looked at."""
        self._sim_changed = self._sim_unsure = False
        self._sim_looked_at = monotonic()
        if not self._sim_slots.changed():
            return
        active = self._mailbox.status.active_slot
        log.warning("port %d: the SIM in slot %d changed", self._settings.port, active)
        self._mailbox.listens = False
        self._mailbox.publish(state=PortState.STARTING, detail="The SIM changed; it is being looked at.")
        self._sim_slots.look_at(active)
        self._come_up()
