"""The rows that a box brings into the fleet when it joins: companies, keys, SIMs, webhooks, opt-outs, and the use of limits.

All of it goes into one transaction of PostgreSQL, with the ids that it has there (`renumbered`). So a join that was
interrupted is repeated: the ids stand there, and what came along does not come a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from config.language.text import Text
from gatewayd.fleet.setup.errors import SetupError
from gatewayd.fleet.setup.matching import Answers, Named
from gatewayd.fleet.setup.sequences import last_of, of_table, raise_sequence
from gatewayd.store import Transaction
from gatewayd.store.tables.joining_rows import Rows
from gatewayd.store.tables.renumbering import Kind

Ids = dict[int, int]
NewIds = dict[Kind, Ids]

_COUNTS: Final = (
    "accepted",
    "sent",
    "delivered",
    "failed",
    "undelivered",
    "partly",
    "cancelled",
    "parts",
    "cost",
)
_AT_A_TIME: Final = 500


def companies(db: Transaction) -> list[Named]:
    """The companies of the fleet."""
    return [Named(*row) for row in db.execute("SELECT id, name FROM companies ORDER BY id")]


def known_ids(db: Transaction, box: str) -> NewIds:
    """The ids that a box brought, with those that they have here; of a join that was interrupted."""
    found: NewIds = {kind: {} for kind in Kind}
    for kind, old, new in db.execute("SELECT kind, old_id, new_id FROM renumbered WHERE box = ?", (box,)):
        found[Kind(kind)][old] = new
    return found


class Upload:
    """One upload of the rows of a box. `again`: the box was in this fleet before, so its counts are in those of the fleet."""

    def __init__(
        self, db: Transaction, box: str, rows: Mapping[str, Rows], known: NewIds, *, again: bool
    ) -> None:
        self._db = db
        self._box = box
        self._rows = rows
        self._again = again
        self.ids: NewIds = {kind: dict(known[kind]) for kind in Kind}
        self._fresh: dict[Kind, set[int]] = {kind: set() for kind in Kind}  # that come now

    def run(self, answers: Answers) -> NewIds:
        """Upload everything; each old id with its new one. Raises SetupError."""
        self._companies(answers)
        self._keys()
        self._sims()
        self._webhooks()
        self._opt_outs()
        self._quotas()
        self._usage()
        if not self._again:
            self._counts()
        self._note_ids()
        return self.ids

    def _companies(self, answers: Answers) -> None:
        same = {old: new for old, new in answers.items() if new is not None}
        self._take(Kind.COMPANY, "companies", self._rows["companies"], lambda row: same.get(row["id"]))

    def _keys(self) -> None:
        hashes = {
            bytes(row[0]): (row[1], row[2])
            for row in self._db.execute("SELECT hash, id, company_id FROM api_keys")
        }

        def same(row: dict[str, Any]) -> int | None:
            found = hashes.get(bytes(row["hash"]))
            if found is None:
                return None
            if found[1] != row["company_id"]:
                raise SetupError(
                    Text(
                        "the key {prefix}… is that of company {there} in the fleet: say that it is the same company with"
                        " --company",
                        prefix=row["prefix"],
                        there=found[1],
                    )
                )
            return int(found[0])

        self._take(Kind.KEY, "api_keys", [self._of_fleet(row) for row in self._rows["api_keys"]], same)
        origins = [(self.ids[Kind.KEY][old], self._box) for old in sorted(self._fresh[Kind.KEY])]
        self._db.executemany(
            "INSERT INTO key_origins (key_id, box) VALUES (?, ?) ON CONFLICT (key_id) DO NOTHING", origins
        )

    def _sims(self) -> None:
        cards = dict(self._db.execute("SELECT iccid, id FROM sims").fetchall())
        defaults = {
            row[0]
            for row in self._db.execute("SELECT coalesce(company_id, 0) FROM sims WHERE is_default = 1")
        }
        rows = []
        for each in self._rows["sims"]:
            row = self._of_fleet(each)
            if (row["company_id"] or 0) in defaults:
                row["is_default"] = 0
            rows.append({**row, "box": self._box})
        self._take(Kind.SIM, "sims", rows, lambda row: cards.get(row["iccid"]))

    def _webhooks(self) -> None:
        secrets = dict(self._db.execute("SELECT secret, id FROM webhooks").fetchall())
        rows = [self._of_fleet(row) for row in self._rows["webhooks"]]
        self._take(Kind.WEBHOOK, "webhooks", rows, lambda row: secrets.get(row["secret"]), never_again=True)
        newest = self._db.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()[0]
        self._db.executemany(
            "INSERT INTO webhook_progress (webhook_id, position) VALUES (?, ?) ON CONFLICT (webhook_id) DO NOTHING",
            [(self.ids[Kind.WEBHOOK][old], newest) for old in sorted(self._fresh[Kind.WEBHOOK])],
        )

    def _opt_outs(self) -> None:
        known = {
            tuple(row)
            for row in self._db.execute("SELECT company_id, recipient, sandbox, opted_out_at FROM opt_outs")
        }
        in_force = {
            tuple(row)
            for row in self._db.execute(
                "SELECT company_id, recipient, sandbox FROM opt_outs WHERE ended_at IS NULL"
            )
        }
        new = []
        for each in self._rows["opt_outs"]:
            row = {**self._of_fleet(each), "inbox_id": None}  # texts stay at the box
            del row["id"]
            subject = (row["company_id"], row["recipient"], row["sandbox"])
            if (*subject, row["opted_out_at"]) in known or (row["ended_at"] is None and subject in in_force):
                continue
            new.append(row)
        _insert(self._db, "opt_outs", new)

    def _quotas(self) -> None:
        """Of a company that two boxes had, both used its quota."""
        sum_ = (
            "greatest(company_usage.used, excluded.used)"
            if self._again
            else "company_usage.used + excluded.used"
        )
        rows = [self._of_fleet(row) for row in self._fresh_rows("company_usage", Kind.COMPANY, "company_id")]
        _insert(self._db, "company_usage", rows, f"(company_id, month) DO UPDATE SET used = {sum_}")

    def _usage(self) -> None:
        """The use that each card made of its limits, by day; a card that was in another box before has counts there already."""
        columns = ("taken", "sent", "failed", "taken_parts")
        self._add("sim_usage", "(sim_id, day)", columns)
        self._add("sim_recipients", "(sim_id, period, recipient)", ("messages",))
        periods = {
            (self.ids[Kind.SIM][row["sim_id"]], row["period"])
            for row in self._of_sims("sim_recipient_counts")
        }
        self._db.executemany(
            "INSERT INTO sim_recipient_counts (sim_id, period, recipients)"
            " SELECT :sim, :period, count(*) FROM sim_recipients WHERE sim_id = :sim AND period = :period"
            " ON CONFLICT (sim_id, period) DO UPDATE SET recipients = excluded.recipients",
            [{"sim": sim, "period": period} for sim, period in sorted(periods)],
        )

    def _counts(self) -> None:
        """The counts of statements and of figures over time."""
        for table, key in (
            ("hourly_counts", "(company_id, hour, sim_id)"),
            ("monthly_counts", "(company_id, month, sim_id, campaign_id)"),
        ):
            rows = [self._of_fleet(row) for row in self._fresh_rows(table, Kind.COMPANY, "company_id")]
            sums = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in _COUNTS)
            _insert(self._db, table, rows, f"{key} DO UPDATE SET {sums}")

    def _add(self, table: str, key: str, columns: Sequence[str]) -> None:
        """Add the counts of cards to those that the fleet has of them."""
        form = "greatest({0}.{1}, excluded.{1})" if self._again else "{0}.{1} + excluded.{1}"
        sums = ", ".join(f"{name} = {form.format(table, name)}" for name in columns)
        rows = [self._of_fleet(row) for row in self._of_sims(table)]
        _insert(self._db, table, rows, f"{key} DO UPDATE SET {sums}")

    def _of_sims(self, table: str) -> Rows:
        return self._fresh_rows(table, Kind.SIM, "sim_id")

    def _fresh_rows(self, table: str, kind: Kind, column: str) -> Rows:
        return [row for row in self._rows[table] if row[column] in self._fresh[kind]]

    def _of_fleet(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row with the ids that the fleet has for its company, key and SIM."""
        found = dict(row)
        for column, kind in (("company_id", Kind.COMPANY), ("key_id", Kind.KEY), ("sim_id", Kind.SIM)):
            if found.get(column) is not None:
                found[column] = self.ids[kind].get(found[column], found[column])
        return found

    def _take(
        self,
        kind: Kind,
        table: str,
        rows: Iterable[dict[str, Any]],
        same: Callable[[dict[str, Any]], int | None],
        *,
        never_again: bool = False,
    ) -> None:
        """Insert rows that the fleet does not have, under their own ids where these are free; the ids of all are noted.

        `never_again`: an id that was given once, and is free again, is not free.
        """
        ids = self.ids[kind]
        sequence = of_table(self._db, table)
        if sequence is None:
            raise ValueError(table)
        taken = {row[0] for row in self._db.execute(f"SELECT id FROM {table}")}  # noqa: S608 - our own name
        given = last_of(self._db, sequence) if never_again else 0
        new = []
        for row in rows:
            old = row["id"]
            if old in ids:
                continue
            self._fresh[kind].add(old)
            known = same(row)
            if known is not None:
                ids[old] = known
                continue
            ids[old] = self._free(old, taken, given)
            taken.add(ids[old])
            new.append({**row, "id": ids[old]})
        _insert(self._db, table, new)
        raise_sequence(self._db, sequence, max(taken, default=0))

    def _free(self, wanted: int, taken: set[int], given: int) -> int:
        if wanted not in taken and wanted > given:
            return wanted
        return max(max(taken, default=0), given) + 1

    def _note_ids(self) -> None:
        self._db.executemany(
            "INSERT INTO renumbered (box, kind, old_id, new_id) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (box, kind, old_id) DO UPDATE SET new_id = excluded.new_id",
            [
                (self._box, kind.value, old, self.ids[kind][old])
                for kind in Kind
                for old in sorted(self._fresh[kind])
            ],
        )


def _insert(db: Transaction, table: str, rows: Rows, conflict: str = "") -> None:
    """Insert rows of equal columns, some hundred with each statement. `conflict`: what stands behind ON CONFLICT."""
    for begin in range(0, len(rows), _AT_A_TIME):
        some = rows[begin : begin + _AT_A_TIME]
        names = list(some[0])
        marks = ", ".join([f"({', '.join('?' * len(names))})"] * len(some))
        behind = f" ON CONFLICT {conflict}" if conflict else ""
        db.execute(
            f"INSERT INTO {table} ({', '.join(names)}) VALUES {marks}{behind}",  # noqa: S608 - our own names
            [row[name] for row in some for name in names],
        )
