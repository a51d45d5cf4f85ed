"""SIM cards, their usage, and the PINs that were tried on them."""

from __future__ import annotations

from dataclasses import dataclass

from gatewayd.store.engine.connection import Connection
from gatewayd.store.tables import box_settings, engines, former_numbers

# Values that the operator of the box set come before those of the card.
_NUMBER = "coalesce(s.number, s.card_number)"
_OPERATOR = "coalesce(s.operator, s.card_operator)"

# The columns of `LimitedSim`, in its order.
_LIMITS = (
    "s.id, s.daily_limit, s.monthly_limit, s.daily_parts, s.monthly_parts, s.daily_recipients, s.monthly_recipients,"
    " s.reset_hour"
)

# The columns of `Sim`, in its order.
_SIM = f"""
    SELECT {_LIMITS}, s.iccid, s.name, {_NUMBER}, {_OPERATOR}, s.company_id, c.name, s.is_default, s.enabled, s.cost,
           s.balance, s.balance_at, s.port, s.slot, coalesce(d.sent, 0), coalesce(d.failed, 0),
           s.holder, s.registered_on, s.suspected_at, b.read_at, b.units, b.bundle_end, b.unreadable_since,
           b.renewed_at, s.renew_code
    FROM sims s
    LEFT JOIN companies c ON c.id = s.company_id
    LEFT JOIN sim_usage d ON d.sim_id = s.id AND d.day = :today
    LEFT JOIN sim_balances b ON b.sim_id = s.id
"""

# Only what the choice of a SIM needs: it is made for each message, among all SIMs of the box.
_ENABLED = f"SELECT {_LIMITS}, {_NUMBER}, {_OPERATOR}, s.company_id, s.is_default, s.cost FROM sims s WHERE s.enabled = 1 ORDER BY s.id"

_AT_WORK = f"SELECT {_LIMITS}, s.enabled, s.company_id, s.cost FROM sims s WHERE s.id = ?"

_INSERT = (
    "INSERT INTO sims ({id}iccid, imsi, card_number, card_operator, port, slot, first_seen_at)"
    " VALUES ({value}:iccid, :imsi, :number, :operator, :port, :slot, :now) RETURNING id"
)
_INSERT_ANY, _INSERT_WITH_ID = _INSERT.format(id="", value=""), _INSERT.format(id="id, ", value=":id, ")
_UPDATE = (
    "UPDATE sims SET port = :port, slot = :slot, box = NULL, imsi = iif(:imsi = '', imsi, :imsi),"
    " card_number = iif(:number = '', card_number, :number),"
    " card_operator = iif(:operator = '', card_operator, :operator) WHERE iccid = :iccid RETURNING id"
)


_FIRST_ID = "first_sim_id"

IDS_OF_A_BOX = 1_000_000
"""How many ids of SIMs each box of a fleet may give."""


@dataclass(frozen=True, slots=True)
class LimitedSim:
    """A SIM with its limits; None: without limit."""

    id: int
    daily_limit: int | None  # messages
    monthly_limit: int | None
    daily_parts: int | None
    monthly_parts: int | None
    daily_recipients: int | None  # different ones
    monthly_recipients: int | None
    reset_hour: int  # the hour of local time at which its days and months begin

    @property
    def limits_recipients(self) -> bool:
        """Whether its recipients are counted."""
        return self.daily_recipients is not None or self.monthly_recipients is not None

    @property
    def limits_more_than_messages(self) -> bool:
        """Whether it depends on a message whether its limits allow it."""
        return self.daily_parts is not None or self.monthly_parts is not None or self.limits_recipients


@dataclass(frozen=True, slots=True)
class EnabledSim(LimitedSim):
    """A SIM that may be chosen for a message."""

    shown_number: str
    shown_operator: str
    company_id: int | None
    is_default: int
    cost: float


@dataclass(frozen=True, slots=True)
class SimAtWork(LimitedSim):
    """A SIM that looks for a part to send."""

    enabled: int
    company_id: int | None
    cost: float


@dataclass(frozen=True, slots=True)
class Sim(LimitedSim):
    """A SIM as it is shown. `shown_number`, `shown_operator`: as the operator of the box set them, else as the card reports them."""

    iccid: str
    name: str | None
    shown_number: str
    shown_operator: str
    company_id: int | None
    company_name: str | None
    is_default: int
    enabled: int
    cost: float
    balance: float
    balance_at: int | None
    port: int
    slot: int
    today_sent: int
    today_failed: int
    holder: str | None  # the person or firm in whose name it is registered
    registered_on: str | None  # `YYYY-MM-DD`
    suspected_at: int | None  # since when its operator is suspected of blocking it; None: it is not
    balance_read_at: int | None  # when a balance or a bundle was last read
    bundle_units: int | None  # texts left in its bundle; None: not told
    bundle_end: int | None
    unreadable_since: int | None  # since when the answers cannot be read; None: the last one could
    renewed_at: int | None  # when the gateway last renewed its bundle
    renew_code: str | None  # instead of the configured one

    @property
    def shown_name(self) -> str:
        """Its name, else its operator and the end of its ICCID."""
        return self.name or f"{self.shown_operator} {self.iccid[-4:]}".strip()


def seen(
    db: Connection, iccid: str, imsi: str, number: str, operator: str, port: int, slot: int, now: int
) -> int:
    """Note the place of a card and the data that it tells; its id.

    A card that was known by its IMSI only, now or before, is the same SIM under its ICCID.
    """
    iccid = _known_as(db, iccid, imsi)
    known = id_of(db, iccid)
    before = "" if known is None else number_of(db, known)
    values = {
        "iccid": iccid,
        "imsi": imsi,
        "number": number,
        "operator": operator,
        "port": port,
        "slot": slot,
        "now": now,
    }
    # An insert that finds the row would cost an id on PostgreSQL, at each start of a box.
    if known is not None:
        row = db.execute(_UPDATE, values).fetchone()
    elif (new_id := _new_id(db)) is None:
        row = db.execute(_INSERT_ANY, values).fetchone()
    else:
        row = db.execute(_INSERT_WITH_ID, values | {"id": new_id}).fetchone()
    sim_id: int = row[0]
    note_change(db, sim_id, before, now)
    return sim_id


def first_id_of(number: int) -> int:
    """The first id that the box with this number gives. Ids below all of them are of boxes before they joined."""
    return (number + 1) * IDS_OF_A_BOX


def number_from(db: Connection, first_id: int) -> None:
    """Give SIMs that are seen for the first time ids from here on, which no other box of a fleet gives."""
    box_settings.keep(db, _FIRST_ID, str(first_id))


def _new_id(db: Connection) -> int | None:
    """The id of a SIM that is seen for the first time; None: any."""
    first = None if engines.is_shared(db) else box_settings.all_of(db).get(_FIRST_ID)
    if first is None:
        return None
    row = db.execute(
        "SELECT coalesce(max(id) + 1, :first) FROM sims WHERE id >= :first AND id < :first + :range",
        {"first": int(first), "range": IDS_OF_A_BOX},
    ).fetchone()
    new_id: int = row[0]
    return new_id


def _known_as(db: Connection, iccid: str, imsi: str) -> str:
    """The ICCID under which a card has its row, or will have one."""
    if not imsi:
        return iccid
    by_imsi = f"imsi:{imsi}"
    rows = dict(
        db.execute(
            "SELECT iccid, imsi FROM sims WHERE iccid IN (?, ?) OR imsi = ? ORDER BY id",
            (iccid, by_imsi, imsi),
        ).fetchall()
    )
    if iccid == by_imsi:
        named = [each for each in rows if not each.startswith("imsi:")]
        return named[-1] if named and iccid not in rows else iccid
    if by_imsi not in rows:
        return iccid
    if iccid in rows:  # a card with several subscribers has a row for each
        return iccid if rows[iccid] in ("", imsi) else by_imsi
    db.execute("UPDATE sims SET iccid = ? WHERE iccid = ?", (iccid, by_imsi))
    db.execute("UPDATE stored_parts SET iccid = ? WHERE iccid = ?", (iccid, by_imsi))
    return iccid


def number_of(db: Connection, sim_id: int) -> str:
    """The number that is shown for a SIM; "" where there is none."""
    row = db.execute("SELECT coalesce(number, card_number) FROM sims WHERE id = ?", (sim_id,)).fetchone()
    return "" if row is None else row[0]


def company_of(db: Connection, sim_id: int) -> int | None:
    """The company of a SIM; None where it has none."""
    row = db.execute("SELECT company_id FROM sims WHERE id = ?", (sim_id,)).fetchone()
    return None if row is None else row[0]


def note_change(db: Connection, sim_id: int, before: str, now: int) -> None:
    """Note the number `before` as a former number of a SIM, if the SIM has another one now."""
    if before and number_of(db, sim_id) != before:
        former_numbers.remember(db, sim_id, before, now)


def shown(db: Connection, today: str) -> list[Sim]:
    """All SIMs, with the usage of today."""
    return [Sim(*row) for row in db.execute(f"{_SIM} ORDER BY s.id", {"today": today})]


def shown_one(db: Connection, sim_id: int, today: str) -> Sim | None:
    """One SIM, with the usage of today."""
    row = db.execute(f"{_SIM} WHERE s.id = :id", {"today": today, "id": sim_id}).fetchone()
    return None if row is None else Sim(*row)


def id_of(db: Connection, iccid: str) -> int | None:
    """The SIM of a card; None where it was never seen."""
    row = db.execute("SELECT id FROM sims WHERE iccid = ?", (iccid,)).fetchone()
    return None if row is None else row[0]


def iccid_of(db: Connection, sim_id: int) -> str:
    """The ICCID of a SIM; "" where there is none with this id."""
    row = db.execute("SELECT iccid FROM sims WHERE id = ?", (sim_id,)).fetchone()
    return "" if row is None else row[0]


def at_work(db: Connection, sim_id: int) -> SimAtWork | None:
    """One SIM, enabled or not."""
    row = db.execute(_AT_WORK, (sim_id,)).fetchone()
    return None if row is None else SimAtWork(*row)


def enabled(db: Connection) -> list[EnabledSim]:
    """The SIMs that are enabled."""
    return [EnabledSim(*row) for row in db.execute(_ENABLED)]


def disabled(db: Connection) -> set[int]:
    """The ids of the disabled SIMs."""
    return {row[0] for row in db.execute("SELECT id FROM sims WHERE enabled = 0")}


def places(db: Connection) -> list[tuple[int, int, int]]:
    """The place where each SIM of this box was last seen: id, port, slot."""
    found = db.execute("SELECT id, port, slot FROM sims WHERE box IS NULL ORDER BY id")
    return [(row[0], row[1], row[2]) for row in found]


def exists(db: Connection, sim_id: int) -> bool:
    """Whether there is a SIM with this id."""
    return db.execute("SELECT 1 FROM sims WHERE id = ?", (sim_id,)).fetchone() is not None


def make_default(db: Connection, sim_id: int) -> None:
    """Make a SIM, which must exist, the default among those of its company (or of none)."""
    db.execute(
        "UPDATE sims SET is_default = 0 WHERE is_default = 1"
        " AND coalesce(company_id, 0) = (SELECT coalesce(company_id, 0) FROM sims WHERE id = ?)",
        (sim_id,),
    )
    db.execute("UPDATE sims SET is_default = 1 WHERE id = ?", (sim_id,))


def give_to(db: Connection, sim_id: int, company_id: int | None) -> None:
    """Give a SIM to a company, or to none. It stays a default only where that company has no other."""
    db.execute(
        "UPDATE sims SET is_default = iif(is_default = 1 AND NOT EXISTS (SELECT 1 FROM sims s WHERE s.is_default = 1"
        "  AND coalesce(s.company_id, 0) = coalesce(:company, 0) AND s.id <> :sim), 1, 0), company_id = :company WHERE id = :sim",
        {"company": company_id, "sim": sim_id},
    )


def set_balance(db: Connection, sim_id: int, balance: float, now: int) -> None:
    """Note the balance of a SIM."""
    db.execute("UPDATE sims SET balance = ?, balance_at = ? WHERE id = ?", (balance, now, sim_id))


def set_suspected(db: Connection, sim_id: int, since: int | None) -> None:
    """Note since when a SIM is suspected of being blocked; None: it is not."""
    db.execute("UPDATE sims SET suspected_at = ? WHERE id = ?", (since, sim_id))


def suspected(db: Connection) -> list[int]:
    """The SIMs that are suspected of being blocked."""
    return [row[0] for row in db.execute("SELECT id FROM sims WHERE suspected_at IS NOT NULL ORDER BY id")]


def pin_state(db: Connection, card: str, digest: bytes) -> str | None:
    """The state of a PIN for a card: `trying`, `accepted` or `refused`; None if it was never tried."""
    row = db.execute("SELECT state FROM pins WHERE card = ? AND digest = ?", (card, digest)).fetchone()
    return None if row is None else row[0]


def set_pin_state(db: Connection, card: str, digest: bytes, state: str, now: int) -> None:
    """Note the state of a PIN for a card."""
    db.execute("INSERT OR REPLACE INTO pins VALUES (?, ?, ?, ?)", (card, digest, state, now))
