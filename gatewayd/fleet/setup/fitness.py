"""Whether a box that is configured for a fleet may act for it: asked whenever its daemon takes an epoch."""

from __future__ import annotations

from config.language.text import Text
from config.settings import Settings
from gatewayd.fleet.setup import agreement
from gatewayd.store import Transaction
from gatewayd.store.store import Store
from gatewayd.store.tables import membership


def refused(db: Transaction, own: Store, settings: Settings) -> Text | None:
    """Why the box may not; None: it may. A name of which the fleet knows no store is not judged."""
    row = db.execute("SELECT store FROM boxes WHERE name = ?", (settings.fleet.name,)).fetchone()
    if row is None or not row[0]:
        return None
    with own.readers.lend() as local:
        fits = membership.joined_as(local) == settings.fleet.name and membership.store_id(local) == row[0]
    if not fits:
        return Text(
            "the database of this box is not that of {name} in the fleet, or it is from before it joined: stop the daemon and repeat"
            " `gatewayd fleet join`",
            name=settings.fleet.name,
        )
    if different := agreement.differences(agreement.of_fleet(db), agreement.of_settings(settings)):
        return Text(
            "this box and the fleet must agree: {differences}. Change the configuration of this box",
            differences="; ".join(different),
        )
    return None
