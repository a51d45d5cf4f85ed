"""The commands of a GSM modem, one function each, by family."""

from __future__ import annotations

from modem.simulator.commands import card, clock, general, network, sms, storage, supplementary
from modem.simulator.core.modem import Handler

COMMANDS: dict[str, Handler] = {
    **general.COMMANDS,
    **card.COMMANDS,
    **clock.COMMANDS,
    **network.COMMANDS,
    **sms.COMMANDS,
    **storage.COMMANDS,
    **supplementary.COMMANDS,
}
"""The commands common to all makes, by name."""
