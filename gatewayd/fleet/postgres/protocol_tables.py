"""The tables of the shared queue itself; `tables.py` has those that mirror the store of a box.

No clock of a box or of PostgreSQL decides anything here: a box counts the beats of the others on its own clock. Columns that
end in `_at` hold microseconds since the epoch, for people.
"""

from __future__ import annotations

from typing import Final

PROTOCOL_TABLES: Final = """
CREATE TABLE fleet (                       -- one row: what all boxes must agree on
    id bigint PRIMARY KEY CHECK (id = 1),
    time_zone text NOT NULL,
    numbering text NOT NULL,               -- the numbering plan: JSON
    retention_days bigint NOT NULL,
    in_doubt text NOT NULL,                -- retry, hold or fail
    in_doubt_wait_s double precision NOT NULL,
    max_pending bigint NOT NULL,
    beat_s double precision NOT NULL DEFAULT 5,
    lease_s double precision NOT NULL DEFAULT 25,
    dead_after_s double precision NOT NULL DEFAULT 35,
    doubt_extra_s double precision NOT NULL DEFAULT 30,
    look_s double precision NOT NULL DEFAULT 2,
    recovering bigint NOT NULL DEFAULT 0,  -- 1: PostgreSQL fell behind what it had acknowledged; nobody claims
    created_at bigint NOT NULL
);

CREATE TABLE boxes (
    name text PRIMARY KEY,
    number bigint NOT NULL UNIQUE,         -- of its channel, and in its task ids
    state text NOT NULL DEFAULT 'member',  -- member, left or excluded
    epoch bigint NOT NULL DEFAULT 0,       -- raised by itself when it joins, and by a box that finds it dead
    beat bigint NOT NULL DEFAULT 0,
    alive bigint NOT NULL DEFAULT 0,       -- 1 from its join until another box finds it dead, or it leaves
    store text NOT NULL DEFAULT '',        -- the identity of its SQLite store, which its backups have too
    incarnation text NOT NULL,             -- of its SQLite file
    acknowledged bigint NOT NULL DEFAULT 0,-- the highest number of its outcomes that is kept here
    journal bigint NOT NULL DEFAULT 0,     -- the highest state of its journal that it told
    caught_up bigint NOT NULL DEFAULT 1,   -- while recovering: 1 once it has told everything again
    submit_timeout_s double precision NOT NULL,
    version text NOT NULL,
    joined_at bigint NOT NULL,
    seen_at bigint NOT NULL,               -- by the clock of PostgreSQL, for people only
    -- So a change of the epoch waits for each transaction that holds the row FOR KEY SHARE, and a beat waits for none.
    UNIQUE (name, epoch)
);

CREATE TABLE queue (                       -- messages that are not final; the history is in `messages`
    message_id bigint PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('waiting', 'claimed', 'started', 'in_doubt')),
    box text,                              -- NULL while it waits
    epoch bigint,                          -- of that box, when it claimed, started or stamped the row
    incarnation text,                      -- of that box, when it started the message
    sim_id bigint NOT NULL,                -- planned; of the box that has it once it is claimed
    bound_sim bigint,                      -- the SIM that sent a part of it: no other SIM may send the rest
    pinned bigint NOT NULL,                -- 1: its client named the SIM
    priority bigint NOT NULL,
    company_id bigint NOT NULL,
    transactional bigint NOT NULL,
    -- Priority, company and transactional as one number: PostgreSQL looks up ranges of one column, but reads on behind a range
    -- of several.
    lane bigint NOT NULL GENERATED ALWAYS AS ((priority << 41) + (company_id << 1) + transactional) STORED,
    parts bigint NOT NULL,
    expires_at bigint,
    told bigint NOT NULL DEFAULT 0,        -- 1: the doubt was told by the journal of its own box
    retried bigint NOT NULL DEFAULT 0,     -- doubts of it that were retried
    accepted_by text,                      -- the box whose client may wait for it
    returned bigint NOT NULL DEFAULT 0,    -- 1: it was claimed before, so it may lie before the place from which boxes read
    CHECK ((state = 'waiting') = (box IS NULL)),
    CHECK ((box IS NULL) = (epoch IS NULL))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX queue_lanes ON queue (sim_id, pinned, lane, message_id) WHERE state = 'waiting';
CREATE INDEX queue_returned ON queue (priority, company_id, message_id) WHERE state = 'waiting' AND returned = 1;
CREATE INDEX queue_of_box ON queue (box) WHERE box IS NOT NULL;
CREATE INDEX queue_expiry ON queue (expires_at) WHERE state IN ('waiting', 'claimed');

CREATE TABLE sent_parts (                  -- each part that a SIM sent, whoever told it; only ever added to
    message_id bigint NOT NULL,
    seq bigint NOT NULL,
    sim_id bigint NOT NULL,
    box text NOT NULL,
    reference bigint,                      -- TP-MR
    sent_at bigint NOT NULL,
    delivered_at bigint,
    service_centre_at bigint,
    PRIMARY KEY (message_id, seq, sim_id)
);
CREATE INDEX sent_parts_reported ON sent_parts (sim_id, reference, sent_at);

CREATE TABLE sim_places (                  -- where each SIM is and whether it can send, as its box last told
    sim_id bigint PRIMARY KEY,
    box text NOT NULL,
    port bigint NOT NULL,
    slot bigint NOT NULL,
    up bigint NOT NULL,
    registered bigint NOT NULL,
    active bigint NOT NULL,
    busy bigint NOT NULL,
    dead bigint NOT NULL,
    there bigint NOT NULL,
    rests_s double precision NOT NULL,     -- seconds for which it claims nothing
    load_parts bigint NOT NULL             -- parts that its box has for it and has not sent
);

CREATE TABLE duties (                      -- what one box does for all; it holds a duty while `epoch` is that of its box
    name text PRIMARY KEY,
    box text,
    epoch bigint
);

CREATE TABLE in_flight (                   -- requests with an idempotency key that a box is answering
    key_id bigint NOT NULL,
    key text NOT NULL,
    box text NOT NULL,
    epoch bigint NOT NULL,                 -- of that box: an older one means that the request has ended without an answer
    PRIMARY KEY (key_id, key)
);

CREATE TABLE copies (                      -- raised by each change of a small table that boxes keep a copy of
    table_name text PRIMARY KEY,
    version bigint NOT NULL
);

CREATE SEQUENCE message_ids;
"""
