"""The functions of the gateway that the agent calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from config.language.text import Text
from gatewayd.fleet.queue.keeping import TextTaken
from gatewayd.fleet.queue.names import Box
from gatewayd.store import Transaction


@dataclass(frozen=True, slots=True)
class Hooks:
    """The functions that the agent calls, on its thread: quickly, and without failing.

    Those with a transaction run within it, and raise what its statements raise.
    """

    queued: Callable[[Mapping[int, int]], None]  # parts by SIM id that were queued here
    wake_ports: Callable[[], None]  # parts may be claimed again
    joined: Callable[[Box], None]
    claimed: Callable[[Mapping[int, int]], None]  # messages by SIM id that do not wait in the queue any more
    settled: Callable[[Sequence[str]], None]  # sms_ids of messages whose status changed
    refused: Callable[
        [Transaction], Text | None
    ]  # asked before each join: why this box may not act for the fleet
    text_taken: TextTaken
