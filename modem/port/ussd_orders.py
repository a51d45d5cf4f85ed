"""Carries out USSD orders between two submissions."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from config.language.text import Text
from modem.driver.ussd import UssdAnswer, UssdError, UssdUnavailableError
from modem.port.connection import Connection
from modem.port.mailbox import UssdOrder
from modem.port.sim_slots import SimSlots
from modem.port.status import PortState


class UssdOrders:
    """Takes USSD orders from the mailbox of one connection and answers them."""

    def __init__(self, connection: Connection, sim_slots: SimSlots, switch: Callable[[int], None]) -> None:
        """`switch`: makes another slot the active one."""
        self._connection = connection
        self._sim_slots = sim_slots
        self._switch = switch

    def step(self) -> None:
        """Carry out one order. The last outcome is settled first, so that no message waits for the network's answer."""
        mailbox, reporter = self._connection.mailbox, self._connection.reporter
        if not mailbox.has_ussd_orders or monotonic() < reporter.back_at or not reporter.settle_alone():
            return
        order = mailbox.take_ussd_order()
        if not order.answer.set_running_or_notify_cancel():
            return
        mailbox.modem_is_busy()
        try:
            answer = self._carry_out(order)
        except UssdError as error:
            order.answer.set_exception(error)
        except BaseException:
            order.answer.set_exception(UssdUnavailableError(Text("The modem was lost, or the port stopped.")))
            raise
        else:
            order.answer.set_result(answer)
        mailbox.modem_is_free()
        reporter.publish(busy=False)

    def _carry_out(self, order: UssdOrder) -> UssdAnswer:
        reporter = self._connection.reporter
        if order.slot is not None and order.slot != reporter.status.active_slot:
            if not 1 <= order.slot <= len(reporter.status.slots):
                raise UssdUnavailableError(Text("There is no slot {slot}.", slot=order.slot))
            self._switch(order.slot)
            if reporter.status.active_slot != order.slot or reporter.status.state is not PortState.UP:
                raise UssdUnavailableError(Text("Slot {slot} has no SIM that works.", slot=order.slot))
            self._sim_slots.await_network(order.slot)
        reporter.publish(busy=True)
        replies = self._connection.modem.ussd(order.codes)
        active = reporter.status.active
        return UssdAnswer(
            reporter.status.port, active.slot, active.iccid, replies, unsaid=len(order.codes) - len(replies)
        )
