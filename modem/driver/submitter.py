"""Submit one part: in PDU mode, with the link kept for the parts that follow, and again after a passing refusal."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, TypeVar

from modem.at.channel import Channel
from modem.at.transport import ChannelError, DeviceGoneError
from modem.driver import submission as transaction
from modem.driver.commands import Commands
from modem.driver.message_storage import MessageStorage
from modem.driver.parsers import SENT, UNSENT, Record
from modem.driver.pdu_mode import PduMode
from modem.driver.service_centre import ServiceCentre
from modem.errors import DEVICE_GONE, NO_PROMPT, TEXT_MODE, UNENCODABLE, cause
from modem.parts import InDoubt, Place, Refused, StoredState, Submission, Submitted
from modem.sms import tpdu
from modem.sms.submit_fingerprint import fingerprint

log = logging.getLogger(__name__)

T = TypeVar("T")

_NOT_SUPPORTED: Final = 303  # 27.005, 3.2.5
_BUSY_TRIES: Final = 3


class Submitter:
    """Submits parts through one modem, directly or from its memory."""

    def __init__(
        self,
        channel: Channel,
        commands: Commands,
        mode: PduMode,
        storage: MessageStorage,
        service_centre: ServiceCentre,
    ) -> None:
        self._channel = channel
        self._commands = commands
        self._mode = mode
        self._storage = storage
        self._service_centre = service_centre
        self._links_parts = True  # the modem has not refused AT+CMMS yet
        self._linked: int | None = None  # the message for whose parts the link is kept

    def submit(
        self, submission: Submission, timeout_s: float, meanwhile: Callable[[], None]
    ) -> Submitted | Refused | InDoubt:
        """Submit one part with AT+CMGS. `meanwhile` is called while the network works on it."""
        pdu = _pdu(submission)
        if isinstance(pdu, Refused):
            return pdu
        self._keep_link(submission)
        return self._insist(
            lambda: (
                self._wrong_mode()
                or transaction.submit(
                    self._channel, pdu.length, pdu.hex, timeout_s, meanwhile, submission.permitted
                )
            )
        )

    def write(self, submission: Submission) -> Place | Refused:
        """Write one part to the modem's memory, to be sent from there.

        After a refusal with a LOCAL cause the part may be in the memory; it was not sent.
        """
        pdu = _pdu(submission)
        if isinstance(pdu, Refused):
            return pdu
        memory = self._storage.outgoing
        if memory is None:
            return Refused(cause("CMS", _NOT_SUPPORTED))
        self._keep_link(submission)
        timeout_s = self._commands.timeouts.sim_s
        index = self._insist(
            lambda: self._wrong_mode() or transaction.write(self._channel, pdu.length, pdu.hex, timeout_s)
        )
        return Place(memory, index) if isinstance(index, int) else index

    def send_written(
        self, submission: Submission, place: Place, timeout_s: float, meanwhile: Callable[[], None]
    ) -> Submitted | Refused | InDoubt:
        """Send the part that `write` wrote. Otherwise as `submit`."""
        return self._insist(
            lambda: transaction.send_written(
                self._channel, place.index, timeout_s, meanwhile, submission.permitted
            )
        )

    def stored_state(self, submission: Submission, place: Place) -> StoredState | None:
        """The state of a written part in the modem's memory; None where the memory cannot be read now."""
        record = self._storage.record(place.index, place.memory)
        if record is None:
            return StoredState.GONE if self._storage.is_empty(place.index, place.memory) else None
        return stored_state_of(record, submission)

    def _wrong_mode(self) -> Refused | None:
        """The reason why no PDU can be sent now; None where the modem is in PDU mode.

        Checked before each PDU: a modem that fell back to text mode does not report it, still prompts, and sends
        the PDU as a text to a wrong number.
        """
        try:
            if self._mode.ensure():
                return None
        except DeviceGoneError:
            return Refused(cause("LOCAL", DEVICE_GONE))
        except ChannelError as error:
            log.warning("%s: no part was submitted: %s", self._channel.name, error)
            return Refused(cause("LOCAL", NO_PROMPT))
        return Refused(cause("LOCAL", TEXT_MODE if self._channel.in_step else NO_PROMPT))

    def _keep_link(self, submission: Submission) -> None:
        """Keep the link to the network for the parts of a long message that follow (27.005, 3.5.6): this halves their time.

        Set once per message, because the modem drops the link by itself some seconds after a part.
        """
        if submission.seq >= submission.total or submission.message_id == self._linked:
            return
        if not (self._commands.profile.links_parts and self._links_parts):
            return
        self._linked = submission.message_id
        self._links_parts = self._commands.attempt("AT+CMMS=1").ok

    def _insist(self, submit: Callable[[], T]) -> T:
        """Submit, and submit again after a refusal that passes."""
        set_centre = repeated = False
        busy = _BUSY_TRIES
        while True:
            try:
                outcome = submit()
            finally:
                slowly, self._channel.slowly = self._channel.slowly, False
            if not isinstance(outcome, Refused) or not self._channel.in_step:
                return outcome
            why = outcome.cause
            if why.busy and busy:
                busy -= 1
                self._channel.pause(self._commands.timeouts.again_s)
            elif why.no_service_centre and not set_centre:
                set_centre = True
                if not self._service_centre.provide(missing=True):
                    return outcome
            elif why.repeat_once and not repeated:
                repeated = True  # the mode is checked again before the PDU
            elif why.malformed and not slowly:
                # Octets may have been lost on the line: old UARTs lose some at full speed.
                self._channel.pause(self._commands.timeouts.again_s)
                self._channel.slowly = True
            else:
                return outcome


def stored_state_of(record: Record, submission: Submission) -> StoredState:
    """The state of a part by a record in a modem's memory; GONE where the record is another message."""
    pdu = _pdu(submission)
    ours = None if isinstance(pdu, Refused) else fingerprint(pdu.hex)
    found = fingerprint(record.pdu)
    if ours is None or found is None or not found.startswith(ours):  # a memory may add filler
        return StoredState.GONE
    return {SENT: StoredState.SENT, UNSENT: StoredState.UNSENT}.get(record.stat, StoredState.GONE)


def _pdu(submission: Submission) -> tpdu.Pdu | Refused:
    """The SMS-SUBMIT of a part, or the reason why there is none."""
    try:
        return tpdu.submit(
            submission.recipient,
            submission.segment,
            seq=1 if submission.alone else submission.seq,
            total=1 if submission.alone else submission.total,
            reference=submission.reference,
            validity_s=submission.validity_s,
            reject_duplicates=submission.reject_duplicates,
            message_reference=submission.message_reference,
        )
    except ValueError as error:
        log.error("part %d of message %d cannot be sent: %s", submission.seq, submission.message_id, error)
        return Refused(cause("LOCAL", UNENCODABLE))
