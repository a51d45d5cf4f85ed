"""This box as a member of its fleet: its agent, and the store that it shares with the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from config.settings import Settings
from gatewayd.fleet.fleet import Fleet
from gatewayd.fleet.postgres.connection import Connection
from gatewayd.fleet.postgres.settings import ConnectionSettings
from gatewayd.fleet.queue.names import Box, Seen
from gatewayd.fleet.shared_store import SharedStore
from gatewayd.fleet.trouble import trouble_of
from gatewayd.sending.acceptance import StartedHere
from gatewayd.store.store import Store


class Membership:
    """The part of the fleet that the gateway needs (see `Member`)."""

    def __init__(self, fleet: Fleet, settings: Settings, local: Store) -> None:
        own = settings.fleet
        self._fleet = fleet
        self.name = own.name
        self.store = SharedStore(
            ConnectionSettings(
                own.dsn, own.name, password_file=own.password_file, sslrootcert=own.sslrootcert
            ),
            local,
        )
        self.follow_notices: Callable[[Callable[[], None]], None] = fleet.follow_notices
        self.follow_claimed: Callable[[Callable[[Mapping[int, int]], None]], None] = fleet.follow_claimed
        self.follow_settled: Callable[[Callable[[Sequence[str]], None]], None] = fleet.follow_settled

    def box(self) -> Box | None:
        """See `Member.box`."""
        return self._fleet.agent.status.box

    def seen(self) -> Seen | None:
        """See `Member.seen`."""
        return self._fleet.seen()

    def trouble(self) -> str | None:
        """See `Member.trouble`."""
        return trouble_of(self._fleet)

    def is_open(self) -> bool:
        """See `Member.is_open`."""
        return self._fleet.permit.is_open()

    def box_that_starts(self) -> Box | None:
        """See `Member.box_that_starts`."""
        return self._fleet.box_that_starts()

    def adopt(self, started: Sequence[StartedHere]) -> None:
        """See `Member.adopt`."""
        box = self._fleet.agent.status.box
        if box is None or any(one.epoch != box.epoch for one in started):
            self._fleet.lost_answer()  # the box began anew meanwhile
        else:
            self._fleet.take_started(started)

    def lost_answer(self) -> None:
        """See `Member.lost_answer`."""
        self._fleet.lost_answer()

    def wake(self) -> None:
        """See `Member.wake`."""
        self._fleet.wake()

    def connect(self) -> Connection:
        """A connection of the caller's own, which it closes. Raises StoreUnavailableError."""
        return self.store.connect()

    def close(self) -> None:
        """Close the connections of the store."""
        self.store.close()
