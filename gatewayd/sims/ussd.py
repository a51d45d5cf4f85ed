"""Sends a USSD code through a port and waits for the answer of the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, Future

from config.language.text import Sentences, Text, text_of
from gatewayd.errors import ConflictError, Fault, InvalidRequestError, NotFoundError, UssdFailedError
from gatewayd.sims.port_control import PortControl
from modem.driver.ussd import LONGEST_CODE, Session, UssdAnswer, UssdError, UssdUnavailableError, is_code
from modem.port.status import PortStatus

MOST_REPLIES = 10
"""The most replies in one session: no menu is deeper."""

# A submission normally takes 3 to 6 s, but may take minutes: a request does not wait that long.
BEGIN_TIMEOUT_S = 20.0

# The longest times of a port (see `Port.ussd`) for a change of slot, and for each code.
_SLOT_TIMEOUT_S = 150.0
_CODE_TIMEOUT_S = 60.0


def timeout_s(codes: int) -> float:
    """The longest time of `ask` for this many codes, in seconds."""
    return BEGIN_TIMEOUT_S + _SLOT_TIMEOUT_S + _CODE_TIMEOUT_S * codes


def ask(
    ports: Mapping[int, PortControl],
    statuses: Mapping[int, PortStatus],
    port: int,
    code: str,
    replies: Sequence[str],
    slot: int | None,
) -> UssdAnswer:
    """Send a code, then the replies to its menus, and wait for the last answer.

    Raises:
        InvalidRequestError: the code, a reply or the slot is not valid.
        NotFoundError: there is no such port.
        ConflictError: the port is not up, or is busy.
        UssdFailedError: the modem or the network refused, or did not answer.
    """
    face = ports.get(port)
    if face is None:
        raise NotFoundError(Text("There is no port {port}", port=port))
    faults = _faults(code, replies)
    status = statuses.get(port)
    if status is not None and slot is not None and not 1 <= slot <= len(status.slots):
        faults.append(Fault("slot", Text("must be 1 to {last} on this port", last=len(status.slots))))
    if faults:
        raise InvalidRequestError(faults)
    future = face.ussd(code, replies, slot)
    try:
        answer = _wait(future, timeout_s(1 + len(replies)))
    except UssdUnavailableError as error:
        raise ConflictError(
            Text("Port {port} cannot ask the network now: {reason}", port=port, reason=text_of(error))
        ) from error
    except UssdError as error:
        raise UssdFailedError(text_of(error), port=port) from error
    if not answer.session.answered and not (answer.session is Session.ENDED and answer.text):
        reason = answer.replies[-1].reason
        sentence = Sentences([_SENTENCES[answer.session], f"({reason})" if reason else ""])
        raise UssdFailedError(sentence, port=port, answer=answer.text, session=answer.session.value)
    return answer


def _wait(future: Future[UssdAnswer], at_most_s: float) -> UssdAnswer:
    try:
        return future.result(BEGIN_TIMEOUT_S)
    except CancelledError:
        raise UssdUnavailableError(Text("it was stopped.")) from None
    except TimeoutError:
        if future.cancel():
            raise UssdUnavailableError(Text("it is busy. Ask again later.")) from None
    try:
        return future.result(at_most_s - BEGIN_TIMEOUT_S)
    except TimeoutError:
        raise UssdUnavailableError(Text("the modem did not come to an end.")) from None


def _faults(code: str, replies: Sequence[str]) -> list[Fault]:
    sentence = Text(
        "must be 1 to {longest} characters of digits, *, #, +, ASCII letters and plain punctuation",
        longest=LONGEST_CODE,
    )
    faults = [] if is_code(code) else [Fault("code", sentence)]
    if len(replies) > MOST_REPLIES:
        return [*faults, Fault("replies", Text("must hold at most {most}", most=MOST_REPLIES))]
    wrong = [index for index, reply in enumerate(replies) if not is_code(reply)]
    return [*faults, *(Fault(f"replies.{index}", sentence) for index in wrong)]


_SENTENCES = {
    Session.ENDED: Text("The network ended the session without an answer"),
    Session.ELSEWHERE: Text("Another program on the modem got the answer"),
    Session.NOT_SUPPORTED: Text("The network does not know this code, or does not allow it to this SIM"),
    Session.TIMED_OUT: Text("The network did not answer in time"),
}
