"""`gatewayd ussd`: send USSD codes through a port."""

from __future__ import annotations

from gatewayd.admin.context import Context
from gatewayd.errors import AdminError, GatewayError, InvalidRequestError


def ussd(context: Context, port: int, codes: list[str], slot: int | None = None) -> dict[str, object]:
    """Send the first code, and the others as replies in the same session; return the answers of the network."""
    gateway = context.running()
    if not codes:
        raise AdminError("there is no code to send")
    try:
        answer = gateway.ussd(port, codes[0], codes[1:], slot)
    except InvalidRequestError as error:
        raise AdminError("; ".join(f"{fault.field} {fault.message}" for fault in error.faults)) from error
    except GatewayError as error:
        raise AdminError(str(error)) from error
    return {
        "port": answer.port,
        "slot": answer.slot,
        "answer": answer.text,
        "session": answer.session.value,
        "answers": [reply.text for reply in answer.replies],
        "replies_unsaid": answer.unsaid,
    }
