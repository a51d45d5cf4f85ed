"""Conditions of a port that need an operator although the port works, each with its remedy."""

from __future__ import annotations

from enum import Enum
from typing import Final

from config.language.text import Text


class Condition(Enum):
    """A fault of the modem that does not stop its port. The values are names for programs."""

    PDU_MODE_UNCONFIRMED = "pdu_mode_unconfirmed"  # AT+CMGF? did not confirm PDU mode: nothing is submitted
    TEXT_MODE_RESTORED = "text_mode_restored"  # the modem fell back to text mode lately and was set again
    TEXTS_NOT_ANNOUNCED = "texts_not_announced"  # no <mt> of AT+CNMI is in force: texts are polled for
    REPORTS_NOT_ANNOUNCED = "reports_not_announced"  # no <ds> of AT+CNMI is in force: no report comes
    STORAGE_NOT_SET = "storage_not_set"  # AT+CPMS is not confirmed
    MEMORY_NEARLY_FULL = "memory_nearly_full"  # 80 % of the memory for texts is in use
    MEMORY_FULL = "memory_full"  # no text can arrive
    SENT_ITEMS_FULL = "sent_items_full"  # the memory that parts are written to (AT+CMGW) is full
    DELETION_REFUSED = "deletion_refused"  # AT+CMGD is refused: memory fills up
    UNREADABLE_TEXTS = "unreadable_texts"  # texts that could not be read came since the start
    REGISTRATION_RESTARTED = "registration_restarted"  # the search was restarted, and found no network yet


REMEDIES: Final[dict[Condition, str]] = {
    Condition.PDU_MODE_UNCONFIRMED: (
        Text(
            "The modem does not confirm PDU mode (AT+CMGF=0), so nothing is sent: stop other programs that use this modem, or restart it."
        )
    ),
    Condition.TEXT_MODE_RESTORED: (
        Text("The modem fell back to text mode and was set right: stop other programs that use this modem.")
    ),
    Condition.TEXTS_NOT_ANNOUNCED: (
        Text(
            "The modem does not announce texts (AT+CNMI); the gateway looks for them once a minute. Restart the modem."
        )
    ),
    Condition.REPORTS_NOT_ANNOUNCED: (
        Text(
            "The modem passes on no delivery reports (AT+CNMI), so messages stay at sent. Restart the modem."
        )
    ),
    Condition.STORAGE_NOT_SET: (
        Text(
            "The modem does not confirm its memory for texts (AT+CPMS): texts may lie unread. Restart the modem."
        )
    ),
    Condition.MEMORY_NEARLY_FULL: (
        Text("The modem's memory for texts is nearly full: delete old texts with the SIM in a telephone.")
    ),
    Condition.MEMORY_FULL: (
        Text(
            "The modem's memory for texts is full, so none can arrive: delete old texts with the SIM in a telephone."
        )
    ),
    Condition.SENT_ITEMS_FULL: (
        Text("The memory for sent texts is full: delete sent texts with the SIM in a telephone.")
    ),
    Condition.DELETION_REFUSED: (
        Text(
            "The modem refuses to delete texts (AT+CMGD), so its memory fills up: restart the modem, or replace the SIM."
        )
    ),
    Condition.UNREADABLE_TEXTS: (
        Text("Texts that could not be read were set aside: `gatewayd inbox --unreadable` shows them.")
    ),
    Condition.REGISTRATION_RESTARTED: (
        Text(
            "The SIM has signal but no network, and the search was restarted: check with the operator that the SIM is active."
        )
    ),
}
