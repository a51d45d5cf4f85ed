"""Finds waiting messages that a box may claim, and holds them: others pass over them meanwhile."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gatewayd.fleet.queue.lanes import Lane, Lanes
from gatewayd.fleet.queue.sets import as_rows, columns, fetch, numbers
from gatewayd.records import Priority
from gatewayd.store import Transaction

# Before and behind all lanes of a SIM.
_BEGIN: Final = -1
_END: Final = 2**62

# The column `lane` of the queue.
_PRIORITY_BITS: Final = 41
_COMPANIES: Final = 2**40

# Lanes that are not known yet are found in the gaps between the known ones: one look into the index for each. The entries of
# lanes that are known, dead ones too, are never passed over.
_NEXT_LANE = """
    SELECT q.lane FROM queue q
    WHERE q.state = 'waiting' AND q.sim_id = g.sim_id AND q.pinned = g.pinned AND q.lane > g.lane AND q.lane < g.before
    ORDER BY q.lane LIMIT 1
"""
_LANES = f"""
    RECURSIVE sources AS (
        SELECT * FROM unnest(:s_sim::bigint[], :s_pinned::bigint[], :s_own::bigint[], :s_count::bigint[])
            AS s (sim_id, pinned, own, wanted)
    ), gaps AS (
        SELECT * FROM unnest(:g_sim::bigint[], :g_pinned::bigint[], :g_lane::bigint[], :g_before::bigint[])
            AS g (sim_id, pinned, lane, before)
    ), found AS (
        SELECT g.sim_id, g.pinned, f.lane, g.before FROM gaps g CROSS JOIN LATERAL ({_NEXT_LANE}) f
        UNION ALL
        SELECT g.sim_id, g.pinned, f.lane, g.before FROM found g CROSS JOIN LATERAL ({_NEXT_LANE}) f
    ), every_lane AS (
        SELECT sim_id, pinned, lane, 0::bigint AS after FROM found
        UNION ALL
        SELECT * FROM unnest(:k_sim::bigint[], :k_pinned::bigint[], :k_lane::bigint[], :k_after::bigint[])
            AS k (sim_id, pinned, lane, after)
    ), read_lanes AS (
        SELECT e.*, e.lane >> 41 AS priority, (e.lane >> 1) % {_COMPANIES} AS company_id, e.lane % 2 AS transactional FROM every_lane e
    ), lanes AS (
        SELECT l.*, s.own, s.wanted AS most,
            least(s.wanted, (2 * s.wanted) / count(*) OVER (PARTITION BY l.sim_id, l.priority) + 1) AS wanted
        FROM read_lanes l JOIN sources s ON s.sim_id = l.sim_id AND s.pinned = l.pinned
        WHERE NOT (l.priority = :bulk AND l.transactional = 0 AND l.company_id = ANY(:closed::bigint[]))
            AND (s.own = 1 OR :any_company = 1 OR l.company_id = ANY(:companies::bigint[]))
    )
"""

# A message that never was claimed was refused by no SIM. A bound one waits in the lane of its own SIM only. Of one's own queue only
# those are held that will be claimed; of others, which several boxes want at once, some more.
_IN_LANES = f"""
    WITH {_LANES}, served AS (
        SELECT * FROM unnest(:t_sim::bigint[], :t_priority::bigint[], :t_company::bigint[]) AS t (sim_id, priority, company_id)
    ), seen AS (
        SELECT l.*, q.message_id,
            row_number() OVER (PARTITION BY l.sim_id, l.priority, l.company_id ORDER BY q.message_id) AS place
        FROM lanes l CROSS JOIN LATERAL (
            SELECT q.message_id FROM queue q
            WHERE q.state = 'waiting' AND q.sim_id = l.sim_id AND q.pinned = l.pinned AND q.lane = l.lane
                AND q.message_id > l.after
                AND q.returned = 0 AND (q.expires_at IS NULL OR q.expires_at > :now)
            ORDER BY q.message_id LIMIT l.wanted
        ) q
    ), ranked AS (
        SELECT s.*, row_number() OVER (PARTITION BY s.sim_id ORDER BY s.priority, s.place,
            CASE WHEN s.company_id <= t.company_id THEN 1 ELSE 0 END, s.company_id) AS rank
        FROM seen s LEFT JOIN served t ON t.sim_id = s.sim_id AND t.priority = s.priority
    )
    {
    as_rows(
        '''
        SELECT r.sim_id, r.pinned, r.priority, r.company_id, r.transactional, r.own, r.message_id, NULL::bigint[] AS refused_by
        FROM ranked r CROSS JOIN LATERAL (
            SELECT 1 FROM queue q WHERE q.message_id = r.message_id AND q.state = 'waiting' FOR UPDATE SKIP LOCKED
        ) held
        WHERE r.own = 0 OR r.rank <= r.most
        '''
    )
}
"""

# Those that were claimed before are few; they may lie before the place from which a lane is read. A SIM that refused a message gets
# it again only where no other SIM can send it now.
_RETURNED = as_rows("""
    SELECT q.sim_id, q.pinned, q.priority, q.company_id, q.transactional,
        CASE WHEN q.sim_id = ANY(:own::bigint[]) AND (r.refused_by IS NULL OR NOT q.sim_id = ANY(r.refused_by))
            THEN 1 ELSE 0 END AS own,
        q.message_id, r.refused_by
    FROM queue q CROSS JOIN LATERAL (
        SELECT array_agg(DISTINCT f.sim_id) AS sim_ids FROM refusals f
        WHERE f.message_id = q.message_id AND f.outcome = 'refused'
    ) refused CROSS JOIN LATERAL (
        SELECT CASE WHEN q.bound_sim IS NULL AND q.pinned = 0 AND EXISTS (
                SELECT 1 FROM unnest(:able::bigint[], :able_companies::bigint[]) AS a (sim_id, company_id)
                WHERE NOT a.sim_id = ANY(refused.sim_ids) AND (a.company_id IS NULL OR a.company_id = q.company_id))
            THEN refused.sim_ids END AS refused_by
    ) r
    WHERE q.state = 'waiting' AND q.returned = 1 AND NOT q.message_id = ANY(:known::bigint[]) AND (q.expires_at IS NULL OR q.expires_at > :now)
        AND NOT (q.priority = :bulk AND q.transactional = 0 AND q.company_id = ANY(:closed::bigint[]))
        AND (
            q.sim_id = ANY(:own::bigint[]) AND (r.refused_by IS NULL OR NOT q.sim_id = ANY(r.refused_by))
            OR q.pinned = 0 AND q.bound_sim IS NULL
                AND (q.sim_id = ANY(:orphans::bigint[]) OR q.sim_id = ANY(r.refused_by))
                AND (:any_company = 1 OR q.company_id = ANY(:companies::bigint[]))
                AND (r.refused_by IS NULL OR EXISTS
                    (SELECT 1 FROM unnest(:own::bigint[]) AS w (sim_id) WHERE NOT w.sim_id = ANY(r.refused_by)))
        )
    ORDER BY q.priority, q.company_id, q.message_id LIMIT :wanted FOR UPDATE OF q SKIP LOCKED
""")

# How long the queues of SIMs are, counted to a limit.
_COUNT = """
    SELECT s.sim_id, c.waiting FROM unnest(?::bigint[]) AS s (sim_id) CROSS JOIN LATERAL (
        SELECT count(*) AS waiting FROM (
            SELECT 1 FROM queue q WHERE q.state = 'waiting' AND q.sim_id = s.sim_id AND q.pinned = 0 LIMIT ?
        ) counted
    ) c WHERE c.waiting > 0 ORDER BY c.waiting DESC, s.sim_id
"""


@dataclass(frozen=True, slots=True)
class Picked:
    """A message that waits, and that is held."""

    lane: Lane
    own: bool  # its planned SIM is one for which it is picked
    message_id: int
    refused_by: frozenset[int]
    returned: bool

    @property
    def planned(self) -> int:
        """The SIM for which it waits."""
        return self.lane[0]

    @property
    def priority(self) -> int:
        """Its priority; the lower is first."""
        return self.lane[2]

    @property
    def company_id(self) -> int:
        """Its company."""
        return self.lane[3]


@dataclass(frozen=True, slots=True)
class Terms:
    """The messages that a claim may take. `companies` None: of any company, by SIMs that are not planned."""

    now: int  # what has expired by then is passed over
    closed: Collection[int]
    companies: Collection[int] | None


def in_lanes(
    db: Transaction, sources: Sequence[tuple[int, int, int]], lanes: Lanes, terms: Terms
) -> list[Picked]:
    """Messages of the queues of SIMs, from the beginning of each lane. `sources`: SIM, 1 where it is one's own, and how many.

    Of SIMs that are not one's own, without pinned ones.
    """
    if not sources:
        return []
    rows = [
        (sim_id, pinned, own, count) for sim_id, own, count in sources for pinned in ((0, 1) if own else (0,))
    ]
    pairs = {(row[0], row[1]) for row in rows}
    known = [(lane, after) for lane, after in lanes.known(row[0] for row in rows) if lane[:2] in pairs]
    s_sim, s_pinned, s_own, s_count = columns(rows, 4)
    k_sim, k_pinned, k_lane, k_after = columns(
        ((*lane[:2], _number(lane), after) for lane, after in known), 4
    )
    t_sim, t_priority, t_company = columns(lanes.served(sim_id for sim_id, own, _ in sources if own), 3)
    g_sim, g_pinned, g_lane, g_before = columns(_gaps(sorted(pairs), [lane for lane, _ in known]), 4)
    found = fetch(
        db,
        _IN_LANES,
        {
            "s_sim": s_sim,
            "s_pinned": s_pinned,
            "s_own": s_own,
            "s_count": s_count,
            "k_sim": k_sim,
            "k_pinned": k_pinned,
            "k_lane": k_lane,
            "k_after": k_after,
            "g_sim": g_sim,
            "g_pinned": g_pinned,
            "g_lane": g_lane,
            "g_before": g_before,
            "t_sim": t_sim,
            "t_priority": t_priority,
            "t_company": t_company,
            **_values(terms),
        },
    )
    return [_picked(row, returned=False) for row in found]


def _gaps(pairs: Sequence[tuple[int, int]], known: Sequence[Lane]) -> list[tuple[int, ...]]:
    """The gaps before, between and behind the known lanes of each SIM."""
    found: list[tuple[int, ...]] = []
    for pair in pairs:
        begin = _BEGIN
        for lane in known:
            if lane[:2] == pair:
                found.append((*pair, begin, _number(lane)))
                begin = _number(lane)
        found.append((*pair, begin, _END))
    return found


def _number(lane: Lane) -> int:
    """A lane of a SIM as the column of the queue has it."""
    _, _, priority, company_id, transactional = lane
    return (priority << _PRIORITY_BITS) + (company_id << 1) + transactional


def returned(
    db: Transaction,
    own: Collection[int],
    orphans: Collection[int],
    able: Mapping[int, int | None],
    known: Collection[int],
    count: int,
    terms: Terms,
) -> list[Picked]:
    """Messages that wait again after a claim, without those that are `known`: of one's own SIMs, of `orphans`, and those that their own SIM refused.

    `able`: the SIMs of the fleet that can send now, with the company of each.
    """
    able_sims, able_companies = columns(sorted(able.items()), 2)
    values = {
        "own": numbers(sorted(own)),
        "orphans": numbers(sorted(orphans)),
        "able": able_sims,
        "able_companies": able_companies,
        "known": numbers(sorted(known)),
        "wanted": count,
        **_values(terms),
    }
    return [_picked(row, returned=True) for row in fetch(db, _RETURNED, values)]


def lengths(db: Transaction, sim_ids: Collection[int], limit: int) -> dict[int, int]:
    """How many messages that are not pinned wait for each of these SIMs, counted up to a limit, the longest first."""
    return {row[0]: row[1] for row in db.execute(_COUNT, (numbers(sorted(sim_ids)), limit))}


def _values(terms: Terms) -> dict[str, object]:
    return {
        "now": terms.now,
        "bulk": int(Priority.BULK),
        "closed": numbers(sorted(terms.closed)),
        "any_company": int(terms.companies is None),
        "companies": numbers(sorted(terms.companies or ())),
    }


def _picked(row: Mapping[str, Any], *, returned: bool) -> Picked:
    return Picked(
        (row["sim_id"], row["pinned"], row["priority"], row["company_id"], row["transactional"]),
        bool(row["own"]),
        row["message_id"],
        frozenset(row["refused_by"] or ()),
        returned,
    )
