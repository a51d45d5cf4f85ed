"""The schema, as migrations. A released migration is never edited; a change is a new migration below it.

Times are microseconds since the epoch, UTC. Days and months are those of the configured time zone, as
`YYYY-MM-DD` and `YYYY-MM`.
"""

from __future__ import annotations

from sqlite3 import complete_statement

from sqlite_utils import Database, Migrations

from gatewayd.store.engine.connection import SqliteConnection
from gatewayd.store.engine.errors import StoreVersionError

migrations = Migrations("gatewayd")


def migrate(db: SqliteConnection) -> None:
    """Bring the database to this program's schema.

    Raises:
        StoreVersionError: the database knows migrations that this program does not.
    """
    database = Database(db)
    with Database(memory=True) as empty:
        known = {migration.name for migration in migrations.pending(empty)}
    ahead = {migration.name for migration in migrations.applied(database)} - known
    if ahead:
        raise StoreVersionError(
            f"the database was written by a newer gatewayd (it has {', '.join(sorted(ahead))}): "
            "install that version again, or restore the backup made before the upgrade"
        )
    migrations.apply(database)


def _execute(db: Database, script: str) -> None:
    """Run a script within the transaction of the migration. `executescript` would commit it first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if complete_statement(statement):
            db.execute(statement)
            statement = ""


@migrations()
def m001_accounts(db: Database) -> None:
    _execute(
        db,
        """
        CREATE TABLE companies (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL,
            active INTEGER NOT NULL DEFAULT 1,
            quota INTEGER,                    -- messages a month; NULL: unlimited
            created_at INTEGER NOT NULL
        );
        CREATE TABLE api_keys (
            id INTEGER PRIMARY KEY,
            company_id INTEGER NOT NULL,
            prefix TEXT NOT NULL,             -- the first characters of the key, to know it by
            hash BLOB NOT NULL UNIQUE,        -- SHA-256 of the key
            service TEXT NOT NULL,
            admin INTEGER NOT NULL,
            active INTEGER NOT NULL DEFAULT 1,
            expires_at INTEGER,
            created_at INTEGER NOT NULL
        );
        CREATE TABLE company_usage (          -- what a company has taken of its quota
            company_id INTEGER NOT NULL,
            month TEXT NOT NULL,
            used INTEGER NOT NULL,
            PRIMARY KEY (company_id, month)
        ) WITHOUT ROWID;
        CREATE TABLE idempotency (
            key_id INTEGER NOT NULL,
            key TEXT NOT NULL,
            fingerprint BLOB NOT NULL,        -- SHA-256 of endpoint and body
            sms_ids TEXT NOT NULL,            -- JSON list, null for what found no room
            single INTEGER NOT NULL,          -- of a send, not of a bulk
            http_status INTEGER,              -- with body: what the first request was answered
            body TEXT,
            created_at INTEGER NOT NULL,
            PRIMARY KEY (key_id, key)
        ) WITHOUT ROWID;
        CREATE INDEX idempotency_created ON idempotency (created_at);
    """,
    )


@migrations()
def m002_sims(db: Database) -> None:
    _execute(
        db,
        """
        CREATE TABLE sims (
            id INTEGER PRIMARY KEY,
            iccid TEXT NOT NULL UNIQUE,
            imsi TEXT NOT NULL DEFAULT '',
            card_number TEXT NOT NULL DEFAULT '',    -- as the card and the network tell
            card_operator TEXT NOT NULL DEFAULT '',
            number TEXT,                             -- as the operator of the box set them; these win
            operator TEXT,
            name TEXT,
            company_id INTEGER,                      -- NULL: every company may use it
            is_default INTEGER NOT NULL DEFAULT 0,
            enabled INTEGER NOT NULL DEFAULT 1,
            daily_limit INTEGER,
            monthly_limit INTEGER,
            cost REAL NOT NULL DEFAULT 0,            -- price of one part
            balance REAL NOT NULL DEFAULT 0,
            port INTEGER NOT NULL,                   -- where it was last seen
            slot INTEGER NOT NULL,
            first_seen_at INTEGER NOT NULL
        );
        CREATE TABLE sim_usage (
            sim_id INTEGER NOT NULL,
            day TEXT NOT NULL,
            taken INTEGER NOT NULL DEFAULT 0,        -- messages reserved against the limits
            sent INTEGER NOT NULL DEFAULT 0,
            failed INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (sim_id, day)
        ) WITHOUT ROWID;
        CREATE TABLE refused_pins (
            card TEXT NOT NULL,                      -- ICCID, or the port where the locked card does not tell it
            digest BLOB NOT NULL,
            refused_at INTEGER NOT NULL,
            PRIMARY KEY (card, digest)
        ) WITHOUT ROWID;
    """,
    )


@migrations()
def m003_messages(db: Database) -> None:
    _execute(
        db,
        """
        CREATE TABLE messages (
            id INTEGER PRIMARY KEY,
            sms_id TEXT NOT NULL UNIQUE,
            task_id INTEGER NOT NULL,
            company_id INTEGER NOT NULL,
            recipient TEXT NOT NULL,
            text TEXT NOT NULL,
            status TEXT NOT NULL DEFAULT 'pending',
            priority INTEGER NOT NULL,
            pinned INTEGER NOT NULL,
            sim_id INTEGER NOT NULL,
            campaign_id INTEGER,
            parts INTEGER NOT NULL,
            unsent INTEGER NOT NULL,          -- parts the network has not taken yet
            undelivered INTEGER NOT NULL,     -- parts not reported delivered yet
            cost REAL NOT NULL,
            taken_day TEXT NOT NULL,          -- the day in whose month it takes from the company's quota
            day TEXT NOT NULL,                -- the day whose limits of its SIM it takes from
            created_at INTEGER NOT NULL,
            expires_at INTEGER,
            sent_at INTEGER,
            delivered_at INTEGER,
            failed_at INTEGER,
            failure_reason TEXT,
            retry_count INTEGER NOT NULL DEFAULT 0
        );
        CREATE INDEX messages_company ON messages (company_id);
        CREATE TABLE parts (
            message_id INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            state TEXT NOT NULL DEFAULT 'queued',
                -- queued, submitting, in_doubt, submitted, delivered, failed, cancelled
            deferred INTEGER NOT NULL DEFAULT 0,   -- queued, but not before its back-off has passed
            sim_id INTEGER NOT NULL,
            pinned INTEGER NOT NULL,
            priority INTEGER NOT NULL,
            token INTEGER NOT NULL DEFAULT 0,      -- of the last claim: a late writer with an older one changes nothing
            attempts INTEGER NOT NULL DEFAULT 0,   -- submissions that reached a modem
            reference INTEGER,                     -- TP-MR
            started_at INTEGER,                    -- the last submission's window
            ended_at INTEGER,
            PRIMARY KEY (message_id, seq)
        ) WITHOUT ROWID;
        CREATE TABLE refusals (                    -- submissions that a modem or a network refused
            message_id INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            token INTEGER NOT NULL,
            sim_id INTEGER NOT NULL,
            cause TEXT NOT NULL,                   -- family and code, as the modem told it
            refused_at INTEGER NOT NULL,
            PRIMARY KEY (message_id, seq, token)
        ) WITHOUT ROWID;
        CREATE INDEX parts_queue ON parts (sim_id, pinned, priority)
            WHERE state = 'queued' AND deferred = 0;
        CREATE INDEX parts_deferred ON parts (sim_id) WHERE deferred = 1;
        CREATE INDEX parts_open ON parts (sim_id, state) WHERE state IN ('submitting', 'in_doubt');
        CREATE INDEX parts_awaiting ON parts (sim_id, reference) WHERE state = 'submitted';
    """,
    )


@migrations()
def m004_inbound(db: Database) -> None:
    _execute(
        db,
        """
        CREATE TABLE inbox (
            id INTEGER PRIMARY KEY,
            sim_id INTEGER NOT NULL,
            sender TEXT NOT NULL,
            text TEXT NOT NULL,
            sent_at INTEGER,                  -- TP-SCTS
            received_at INTEGER NOT NULL,
            incomplete INTEGER NOT NULL DEFAULT 0
        );
        CREATE INDEX inbox_sim ON inbox (sim_id);
        CREATE TABLE inbox_parts (
            sim_id INTEGER NOT NULL,
            sender TEXT NOT NULL,
            width INTEGER NOT NULL,           -- of the concatenation reference, in bits
            reference INTEGER NOT NULL,
            total INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            text BLOB NOT NULL,               -- UTF-16BE: it may begin or end with half of a surrogate pair
            sent_at INTEGER,
            received_at INTEGER NOT NULL,
            PRIMARY KEY (sim_id, sender, width, reference, total, seq)
        ) WITHOUT ROWID;
        CREATE TABLE inbound_seen (           -- what a crash or the network brings a second time is kept once
            digest BLOB PRIMARY KEY,          -- of the card and the PDU
            seen_at INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE INDEX inbound_seen_at ON inbound_seen (seen_at);
        CREATE TABLE unreadable (             -- PDUs set aside as the modem told them
            id INTEGER PRIMARY KEY,
            sim_id INTEGER NOT NULL,
            pdu TEXT NOT NULL,
            reason TEXT NOT NULL,
            received_at INTEGER NOT NULL
        );
        CREATE TABLE reports (                -- status reports that no part claims yet
            id INTEGER PRIMARY KEY,
            sim_id INTEGER NOT NULL,
            reference INTEGER NOT NULL,
            recipient TEXT NOT NULL,
            service_centre_at INTEGER,
            status INTEGER NOT NULL,          -- TP-ST
            received_at INTEGER NOT NULL
        );
        CREATE INDEX reports_reference ON reports (sim_id, reference);
    """,
    )


@migrations()
def m005_receiving(db: Database) -> None:
    _execute(
        db,
        """
        -- Whose SIM it came in on: a SIM that changes hands takes no texts with it. NULL: a SIM of none.
        ALTER TABLE inbox ADD COLUMN company_id INTEGER;
        UPDATE inbox SET company_id = (SELECT company_id FROM sims WHERE sims.id = inbox.sim_id);
        CREATE TABLE assemblies (             -- long texts, while their parts come and for some days after
            id INTEGER PRIMARY KEY,
            sim_id INTEGER NOT NULL,
            sender TEXT NOT NULL,
            width INTEGER NOT NULL,           -- of the concatenation reference, in bits
            reference INTEGER NOT NULL,
            total INTEGER NOT NULL,
            sent_at INTEGER NOT NULL,         -- TP-SCTS of the part that came first, or when that came
            began_at INTEGER NOT NULL,        -- when the part that came first came
            inbox_id INTEGER                  -- the text that was kept of it; NULL: it still waits for parts
        );
        CREATE INDEX assemblies_series ON assemblies (sim_id, sender, width, reference, total);
        CREATE INDEX assemblies_began ON assemblies (began_at);
        CREATE TABLE assembly_parts (
            assembly_id INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            text BLOB NOT NULL,               -- UTF-16BE: it may begin or end with half of a surrogate pair
            sent_at INTEGER,
            received_at INTEGER NOT NULL,
            PRIMARY KEY (assembly_id, seq)
        ) WITHOUT ROWID;
        INSERT INTO assemblies (sim_id, sender, width, reference, total, sent_at, began_at)
            SELECT sim_id, sender, width, reference, total, coalesce(min(sent_at), min(received_at)), min(received_at)
            FROM inbox_parts GROUP BY sim_id, sender, width, reference, total;
        INSERT INTO assembly_parts
            SELECT a.id, p.seq, p.text, p.sent_at, p.received_at
            FROM inbox_parts p JOIN assemblies a USING (sim_id, sender, width, reference, total);
        DROP TABLE inbox_parts;
        -- TP-SCTS as the reports of a part tell it: the service centre's mark of this submission.
        ALTER TABLE parts ADD COLUMN service_centre_at INTEGER;
        CREATE INDEX parts_reported ON parts (sim_id, reference, service_centre_at)
            WHERE service_centre_at IS NOT NULL;
    """,
    )


@migrations()
def m006_balance(db: Database) -> None:
    _execute(
        db,
        """
        ALTER TABLE sims ADD COLUMN balance_at INTEGER;    -- when it was read; NULL: never
    """,
    )


@migrations()
def m007_storage(db: Database) -> None:
    _execute(
        db,
        """
        CREATE TABLE stored_parts (           -- claims whose parts are sent from a modem's memory
            message_id INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            token INTEGER NOT NULL,
            modem TEXT NOT NULL,              -- IMEI, or its port where it tells none
            iccid TEXT NOT NULL,              -- of the card that was active
            memory TEXT,                      -- with place: where it lies; NULL: it was not heard to be written
            place INTEGER,
            said_at REAL,                     -- monotonic seconds of `boot`: when the modem was told to send it
            boot TEXT,                        -- which start of the machine that was
            PRIMARY KEY (message_id, seq, token)
        ) WITHOUT ROWID;
        CREATE INDEX stored_parts_place ON stored_parts (modem, memory, place);
        CREATE TABLE modem_models (
            model TEXT PRIMARY KEY,
            storage TEXT NOT NULL,            -- marks, no_marks or cannot
            learned_at INTEGER NOT NULL
        ) WITHOUT ROWID;
    """,
    )


@migrations()
def m008_attempts(db: Database) -> None:
    _execute(
        db,
        """
        -- `refusals` holds every submission that ended in a refusal or in doubt. A submission that the network took is in
        -- its part's own row, which is written anyhow: no page more for what goes well.
        ALTER TABLE parts ADD COLUMN port INTEGER;              -- of the last claim
        ALTER TABLE refusals ADD COLUMN port INTEGER;
        ALTER TABLE refusals ADD COLUMN outcome TEXT NOT NULL DEFAULT 'refused';    -- or in_doubt
        ALTER TABLE refusals ADD COLUMN reason TEXT NOT NULL DEFAULT '';
        ALTER TABLE refusals ADD COLUMN reason_fr TEXT NOT NULL DEFAULT '';
        CREATE INDEX refusals_doubt ON refusals (sim_id, refused_at) WHERE outcome = 'in_doubt';
        CREATE INDEX messages_expiry ON messages (expires_at) WHERE status = 'pending';
    """,
    )


@migrations()
def m009_clock(db: Database) -> None:
    _execute(
        db,
        """
        CREATE TABLE clock (                   -- one row: how far the time was counted
            id INTEGER PRIMARY KEY CHECK (id = 1),
            trusted_at INTEGER,               -- the newest trusted time; NULL: there never was one
            counted_at INTEGER NOT NULL,      -- counted on from it for as long as the gateway ran
            unbroken_since INTEGER NOT NULL,  -- the newest jump of the count
            untrusted_since INTEGER           -- what is stamped from then on is not trusted; NULL: all is
        );
    """,
    )


@migrations()
def m010_backups(db: Database) -> None:
    _execute(
        db,
        """
        CREATE TABLE backup_of (              -- its one row says that this file is a backup, and when it was made
            taken_at INTEGER NOT NULL
        );
        -- In doubt because a backup was put in place: it may have been sent since, and a person decides.
        ALTER TABLE parts ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
    """,
    )


@migrations()
def m011_pins(db: Database) -> None:
    _execute(
        db,
        """
        CREATE TABLE pins (
            card TEXT NOT NULL,               -- ICCID, or the port where the locked card does not tell it
            digest BLOB NOT NULL,
            state TEXT NOT NULL,              -- trying, accepted, refused
            changed_at INTEGER NOT NULL,
            PRIMARY KEY (card, digest)
        ) WITHOUT ROWID;
        INSERT INTO pins SELECT card, digest, 'refused', refused_at FROM refused_pins;
        DROP TABLE refused_pins;
    """,
    )


@migrations()
def m012_loop_tests(db: Database) -> None:
    _execute(
        db,
        """
        CREATE TABLE loop_tests (             -- texts that the gateway sends from one of its SIMs to another
            id INTEGER PRIMARY KEY,
            token TEXT NOT NULL UNIQUE,       -- what its text is known by when it comes in
            sms_id TEXT,                      -- its message; NULL: there was no use in sending one
            from_sim INTEGER NOT NULL,
            to_sim INTEGER NOT NULL,
            started_at INTEGER NOT NULL,
            submit_s REAL,                    -- seconds from the start, on a clock that never steps; NULL: not (yet)
            arrive_s REAL,
            report_s REAL,
            arrived_sim INTEGER,              -- where its text came in
            outcome TEXT NOT NULL DEFAULT 'running',
            detail TEXT NOT NULL DEFAULT '',  -- what that means and what helps
            detail_fr TEXT NOT NULL DEFAULT ''
        );
        CREATE INDEX loop_tests_from ON loop_tests (from_sim, id);
        CREATE INDEX loop_tests_running ON loop_tests (to_sim) WHERE outcome = 'running';
    """,
    )


@migrations()
def m013_wear(db: Database) -> None:
    _execute(
        db,
        """
        -- Nothing looks for messages by company alone, and each message that is kept wrote a page of it.
        DROP INDEX messages_company;
    """,
    )


@migrations()
def m014_inbox_kinds(db: Database) -> None:
    _execute(
        db,
        """
        ALTER TABLE inbox ADD COLUMN kind TEXT NOT NULL DEFAULT 'text';         -- or data
        ALTER TABLE inbox ADD COLUMN encoding TEXT;     -- gsm7, ucs2, 8bit (hexadecimal digits); NULL: came in before this
        ALTER TABLE inbox ADD COLUMN port_number INTEGER;                       -- of data: the application it is for
        ALTER TABLE assemblies ADD COLUMN kind TEXT NOT NULL DEFAULT 'text';    -- of the part that came first, as above
        ALTER TABLE assemblies ADD COLUMN encoding TEXT;
        ALTER TABLE assemblies ADD COLUMN port_number INTEGER;
    """,
    )


@migrations()
def m015_former_numbers(db: Database) -> None:
    _execute(
        db,
        """
        CREATE TABLE former_numbers (         -- numbers that a SIM had, oldest first
            id INTEGER PRIMARY KEY,
            sim_id INTEGER NOT NULL,
            number TEXT NOT NULL,
            changed_at INTEGER NOT NULL,      -- when it got another one
            last_message INTEGER NOT NULL,    -- the newest message and text at that moment
            last_text INTEGER NOT NULL
        );
        CREATE INDEX former_numbers_sim ON former_numbers (sim_id);
    """,
    )


@migrations()
def m016_lists(db: Database) -> None:
    _execute(
        db,
        """
        -- A company's messages by their time, for lists: each message that is kept writes one page of it.
        CREATE INDEX messages_company_time ON messages (company_id, created_at);
        -- The parts that wait for a report, by time too: what a SIM sent lately is found past all that no network reports.
        DROP INDEX parts_awaiting;
        CREATE INDEX parts_awaiting ON parts (sim_id, reference, ended_at) WHERE state = 'submitted';
        CREATE INDEX assemblies_waiting ON assemblies (began_at) WHERE inbox_id IS NULL;
        -- One default at most for each company, and one for the SIMs of none (no company has the id 0).
        UPDATE sims SET is_default = 0 WHERE is_default AND EXISTS (
            SELECT 1 FROM sims s WHERE s.is_default AND s.company_id IS sims.company_id AND s.id < sims.id);
        CREATE UNIQUE INDEX sims_default ON sims (coalesce(company_id, 0)) WHERE is_default;
    """,
    )


@migrations()
def m017_owner(db: Database) -> None:
    _execute(
        db,
        """
        CREATE TABLE store_owner (            -- one row: which gateway this database and its backups belong to
            id TEXT NOT NULL
        );
        INSERT INTO store_owner VALUES (lower(hex(randomblob(16))));
    """,
    )


@migrations()
def m018_send_options(db: Database) -> None:
    _execute(
        db,
        """
        ALTER TABLE messages ADD COLUMN reference TEXT;                             -- the client's own id
        ALTER TABLE messages ADD COLUMN send_at INTEGER;                            -- not before; NULL: at once
        ALTER TABLE messages ADD COLUMN transactional INTEGER NOT NULL DEFAULT 0;   -- passes opt-outs and windows
        ALTER TABLE messages ADD COLUMN sandbox INTEGER NOT NULL DEFAULT 0;         -- of a sandbox key: no modem gets it
        ALTER TABLE api_keys ADD COLUMN rights TEXT NOT NULL DEFAULT '';            -- names, separated by commas
        ALTER TABLE api_keys ADD COLUMN sandbox INTEGER NOT NULL DEFAULT 0;
    """,
    )


@migrations()
def m019_events(db: Database) -> None:
    _execute(
        db,
        """
        -- The newest row is never deleted: ids go on from it. There is no index by message: it would write one page more for
        -- each event. An event whose message or text was deleted is not shown, and goes with the others of its age.
        CREATE TABLE events (
            id INTEGER PRIMARY KEY,
            type INTEGER NOT NULL,            -- see `tables/events.py`
            at INTEGER NOT NULL,
            company_id INTEGER NOT NULL,      -- 0: of the box
            sandbox INTEGER NOT NULL DEFAULT 0,
            message_id INTEGER,               -- of an event of a message, with the values of that moment:
            sequence INTEGER,
            sim_id INTEGER,
            cost REAL,
            retry_count INTEGER,
            sent_at INTEGER,                  -- NULL where the event itself is that the message was sent
            failure_reason TEXT,
            inbox_id INTEGER,                 -- of an event of a text that came in
            data TEXT                         -- JSON, of all other events
        );
        -- Events of the message so far: it counts on after the oldest of them were deleted.
        ALTER TABLE messages ADD COLUMN events INTEGER NOT NULL DEFAULT 0;
        -- An era begins with each start and each restored backup. Its token makes the ids of its events unique, also
        -- beside those of events that a restore lost.
        CREATE TABLE event_eras (
            id INTEGER PRIMARY KEY,
            first_id INTEGER NOT NULL,        -- of its first event
            token TEXT NOT NULL,
            restored INTEGER NOT NULL         -- 1: cursors of earlier eras are not valid
        );
        INSERT INTO event_eras (first_id, token, restored) VALUES (0, lower(hex(randomblob(4))), 1);
        CREATE TABLE event_marks (            -- by this trusted time, events up to this id had been written
            last_id INTEGER PRIMARY KEY,
            at INTEGER NOT NULL
        );
        CREATE TABLE told_states (            -- what the last event about a subject told, so that it is told once
            subject TEXT PRIMARY KEY,
            state TEXT NOT NULL
        ) WITHOUT ROWID;
    """,
    )


@migrations()
def m020_webhooks(db: Database) -> None:
    _execute(
        db,
        """
        CREATE TABLE webhooks (
            id INTEGER PRIMARY KEY AUTOINCREMENT,   -- never used again: receivers may know it
            company_id INTEGER NOT NULL,
            key_id INTEGER,                         -- that made it; NULL: the command line
            box INTEGER NOT NULL,                   -- 1: gets the events of the box, 0: those of the company
            sandbox INTEGER NOT NULL,               -- made with a sandbox key
            private INTEGER NOT NULL,               -- its URL may lead to private addresses
            url TEXT NOT NULL,
            types TEXT,                             -- names, separated by commas; NULL: all
            description TEXT NOT NULL,
            state TEXT NOT NULL DEFAULT 'ok',       -- ok, failing, paused, disabled
            secret TEXT NOT NULL,
            old_secret TEXT,                        -- signs too, until
            old_until INTEGER,
            created_at INTEGER NOT NULL,
            paused_for TEXT                         -- gone, failing, or key_deactivated: why it is paused or disabled
        );
        -- In a table of its own, because it changes with each group of deliveries.
        CREATE TABLE webhook_progress (
            webhook_id INTEGER PRIMARY KEY,
            position INTEGER NOT NULL,              -- events up to this one have a row in `deliveries`, or are none of its
            catch_up_to INTEGER NOT NULL DEFAULT 0, -- events up to this one were missed: they are sent slowly
            failing_since INTEGER,                  -- the first failure after the last success
            missed_from INTEGER,                    -- the event of that failure
            last_failure_at INTEGER,
            last_success_at INTEGER
        );
        CREATE TABLE deliveries (
            webhook_id INTEGER NOT NULL,
            event_id INTEGER NOT NULL,
            state TEXT NOT NULL,                    -- pending, delivered, failed
            tries INTEGER NOT NULL,                 -- attempts since it was queued
            next_at INTEGER,                        -- of a pending one
            attempts TEXT NOT NULL,                 -- JSON, oldest first: [at, status or null, milliseconds, error or null]
            PRIMARY KEY (webhook_id, event_id)
        ) WITHOUT ROWID;
        CREATE INDEX deliveries_due ON deliveries (webhook_id, next_at) WHERE state = 'pending';
        CREATE INDEX deliveries_open ON deliveries (webhook_id, state, event_id) WHERE state <> 'delivered';
        -- The bytes of a first attempt that failed: every further attempt sends the same.
        CREATE TABLE delivery_bodies (
            webhook_id INTEGER NOT NULL,
            event_id INTEGER NOT NULL,
            message_id INTEGER,                     -- deleted with this message
            inbox_id INTEGER,                       -- or text
            body BLOB NOT NULL,
            PRIMARY KEY (webhook_id, event_id)
        ) WITHOUT ROWID;
        CREATE INDEX delivery_bodies_message ON delivery_bodies (message_id) WHERE message_id IS NOT NULL;
        CREATE INDEX delivery_bodies_inbox ON delivery_bodies (inbox_id) WHERE inbox_id IS NOT NULL;
    """,
    )


@migrations()
def m021_campaigns_windows(db: Database) -> None:
    _execute(
        db,
        """
        -- When a company's bulk messages may be sent, `HH:MM-HH:MM` in the time zone of the box; NULL: always.
        ALTER TABLE companies ADD COLUMN sending_window TEXT;
        CREATE INDEX companies_windows ON companies (id, sending_window) WHERE sending_window IS NOT NULL;
        -- Companies take turns in a queue, so that each finds its next part without a search.
        ALTER TABLE parts ADD COLUMN company_id INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE parts ADD COLUMN transactional INTEGER NOT NULL DEFAULT 0;
        -- The place in the queue, the lowest first: the id of the message, or of a scheduled one the next id when it became due.
        ALTER TABLE parts ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
        UPDATE parts SET place = message_id,
            company_id = coalesce((SELECT company_id FROM messages m WHERE m.id = message_id), 0)
            WHERE state IN ('queued', 'submitting', 'in_doubt');
        DROP INDEX parts_queue;
        CREATE INDEX parts_queue ON parts (sim_id, pinned, priority, company_id, transactional, place)
            WHERE state = 'queued' AND deferred = 0;
        -- A scheduled message has no parts, and no day, until it is due and a SIM is chosen for it.
        CREATE INDEX messages_scheduled ON messages (send_at) WHERE status = 'pending' AND day = '' AND sandbox = 0;
        CREATE INDEX messages_campaign ON messages (company_id, campaign_id) WHERE campaign_id IS NOT NULL;
    """,
    )


@migrations()
def m022_opt_outs(db: Database) -> None:
    _execute(
        db,
        """
        CREATE TABLE opt_outs (               -- kept as evidence when they have ended
            id INTEGER PRIMARY KEY,
            company_id INTEGER NOT NULL,
            recipient TEXT NOT NULL,          -- E.164
            sandbox INTEGER NOT NULL DEFAULT 0,
            opted_out_at INTEGER NOT NULL,
            source TEXT NOT NULL,             -- text, api, cli
            reason TEXT,
            text TEXT,                        -- the words of the text; the inbox may be emptied
            inbox_id INTEGER,
            ended_at INTEGER,                 -- NULL: in force
            ended_source TEXT,
            ended_text TEXT,
            confirmed_at INTEGER              -- when a confirmation was sent last
        );
        CREATE UNIQUE INDEX opt_outs_in_force ON opt_outs (company_id, recipient, sandbox) WHERE ended_at IS NULL;
        ALTER TABLE companies ADD COLUMN opt_outs TEXT NOT NULL DEFAULT 'bulk';     -- what an opt-out blocks; or all
        ALTER TABLE messages ADD COLUMN stoppable INTEGER NOT NULL DEFAULT 0;       -- 1: an opt-out stops it
    """,
    )


@migrations()
def m023_inbox_read(db: Database) -> None:
    _execute(
        db,
        """
        ALTER TABLE inbox ADD COLUMN read INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE inbox ADD COLUMN sandbox INTEGER NOT NULL DEFAULT 0;     -- for sandbox keys only
    """,
    )


@migrations()
def m024_sandbox(db: Database) -> None:
    _execute(
        db,
        """
        CREATE TABLE sandbox_steps (          -- what is still to happen to sandbox messages
            due_at INTEGER NOT NULL,
            message_id INTEGER NOT NULL,
            place INTEGER NOT NULL,           -- among the steps of its message
            step TEXT NOT NULL,               -- see `gatewayd.messages.sandbox`
            PRIMARY KEY (due_at, message_id, place)
        ) WITHOUT ROWID;
    """,
    )


@migrations()
def m025_sim_limits(db: Database) -> None:
    _execute(
        db,
        """
        ALTER TABLE sims ADD COLUMN daily_parts INTEGER;          -- limits; NULL: none
        ALTER TABLE sims ADD COLUMN monthly_parts INTEGER;
        ALTER TABLE sims ADD COLUMN daily_recipients INTEGER;     -- different ones
        ALTER TABLE sims ADD COLUMN monthly_recipients INTEGER;
        ALTER TABLE sims ADD COLUMN reset_hour INTEGER NOT NULL DEFAULT 0;  -- the local hour at which its days begin
        ALTER TABLE sims ADD COLUMN holder TEXT;                  -- in whose name it is registered
        ALTER TABLE sims ADD COLUMN registered_on TEXT;           -- YYYY-MM-DD
        ALTER TABLE sims ADD COLUMN suspected_at INTEGER;         -- since when its operator may block it; NULL: it does not
        -- Reserved against the limits in parts. `day` is the SIM's own for what was taken, the calendar's for what ended.
        ALTER TABLE sim_usage ADD COLUMN taken_parts INTEGER NOT NULL DEFAULT 0;
        UPDATE sim_usage SET taken_parts = taken;                 -- at least; of the newest messages it is counted:
        UPDATE sim_usage SET taken_parts = max(taken_parts, counted.parts)
            FROM (SELECT sim_id, day, sum(parts) AS parts FROM messages
                  WHERE id > (SELECT max(id) FROM messages) - 100000
                    AND NOT (status IN ('failed', 'cancelled') AND unsent = parts)
                  GROUP BY sim_id, day) AS counted
            WHERE counted.sim_id = sim_usage.sim_id AND counted.day = sim_usage.day;
        CREATE TABLE sim_recipients (         -- of SIMs that limit them: who was written to, by day and by month
            sim_id INTEGER NOT NULL,
            period TEXT NOT NULL,             -- YYYY-MM-DD, and YYYY-MM
            recipient TEXT NOT NULL,
            messages INTEGER NOT NULL,
            PRIMARY KEY (sim_id, period, recipient)
        ) WITHOUT ROWID;
        CREATE TABLE sim_recipient_counts (   -- how many rows each SIM and period has there
            sim_id INTEGER NOT NULL,
            period TEXT NOT NULL,
            recipients INTEGER NOT NULL,
            PRIMARY KEY (sim_id, period)
        ) WITHOUT ROWID;
    """,
    )


@migrations()
def m026_learned_balance(db: Database) -> None:
    _execute(
        db,
        """
        ALTER TABLE sims ADD COLUMN renew_code TEXT;      -- renews its bundle; NULL: as configured for its operator
        CREATE TABLE sim_balances (
            sim_id INTEGER PRIMARY KEY,
            read_at INTEGER,                  -- the last answer that could be read
            units INTEGER,                    -- texts left in the bundle; NULL: not told
            bundle_end INTEGER,
            unreadable_since INTEGER,         -- NULL: the last answer could be read
            renewed_at INTEGER                -- when the gateway last sent the code that renews the bundle
        );
        INSERT INTO sim_balances (sim_id, read_at) SELECT id, balance_at FROM sims WHERE balance_at IS NOT NULL;
        CREATE TABLE learned_balances (       -- codes and patterns that a person had the gateway try
            id INTEGER PRIMARY KEY,
            sim_id INTEGER,                   -- one of these two is NULL
            operator TEXT,
            code TEXT NOT NULL,               -- the code, and the replies to its menus
            pattern TEXT NOT NULL,
            learned_at INTEGER NOT NULL
        );
        CREATE TABLE ussd_answers (           -- the newest few of each SIM, to try a pattern on
            id INTEGER PRIMARY KEY,
            sim_id INTEGER NOT NULL,
            code TEXT NOT NULL,
            answer TEXT NOT NULL,
            read_at INTEGER NOT NULL
        );
        CREATE INDEX ussd_answers_sim ON ussd_answers (sim_id, id);
    """,
    )


@migrations()
def m027_persons(db: Database) -> None:
    _execute(
        db,
        """
        CREATE TABLE persons (                -- who uses the dashboard
            id INTEGER PRIMARY KEY AUTOINCREMENT,     -- the audit log names persons who were deleted
            login TEXT NOT NULL COLLATE NOCASE UNIQUE,
            name TEXT NOT NULL,
            role TEXT NOT NULL,               -- owner, operator, company
            company_id INTEGER,               -- of the role company
            password TEXT NOT NULL,           -- scrypt
            language TEXT,                    -- NULL: the browser's
            active INTEGER NOT NULL DEFAULT 1,
            created_at INTEGER NOT NULL
        );
        CREATE TABLE person_sessions (
            id INTEGER PRIMARY KEY,
            hash BLOB NOT NULL UNIQUE,        -- SHA-256 of the cookie
            person_id INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            seen_at INTEGER NOT NULL,
            address TEXT NOT NULL,
            agent TEXT NOT NULL
        );
        CREATE INDEX person_sessions_person ON person_sessions (person_id, id);
        CREATE TABLE audit_log (
            id INTEGER PRIMARY KEY,
            at INTEGER NOT NULL,
            person_id INTEGER,                -- NULL: the command line
            person TEXT NOT NULL,
            action TEXT NOT NULL,             -- the administration command
            details TEXT NOT NULL,            -- JSON, without secrets
            outcome TEXT                      -- NULL: not known; done; or why it was refused
        );
        CREATE INDEX audit_log_person ON audit_log (person, id);
        CREATE INDEX audit_log_action ON audit_log (action, id);
    """,
    )


@migrations()
def m028_ports(db: Database) -> None:
    _execute(
        db,
        """
        CREATE TABLE ports (                  -- beside those of the configuration file, which come first
            port INTEGER PRIMARY KEY,
            device TEXT NOT NULL,
            baud INTEGER NOT NULL,
            slots INTEGER NOT NULL,
            pin TEXT,                         -- of its SIMs, as it is; NULL: none
            smsc TEXT,
            rtscts INTEGER NOT NULL,
            changed_at INTEGER NOT NULL
        );
        CREATE TABLE paused_ports (           -- also ports of the configuration file
            port INTEGER PRIMARY KEY,
            since INTEGER NOT NULL
        );
    """,
    )


@migrations()
def m029_hourly_counts(db: Database) -> None:
    counts = """
            accepted INTEGER NOT NULL, sent INTEGER NOT NULL, delivered INTEGER NOT NULL, failed INTEGER NOT NULL,
            undelivered INTEGER NOT NULL, partly INTEGER NOT NULL, cancelled INTEGER NOT NULL, parts INTEGER NOT NULL,
            cost INTEGER NOT NULL,            -- in millionths
"""
    _execute(
        db,
        f"""
        CREATE TABLE hourly_counts (          -- see `tables/hourly_counts.py`
            company_id INTEGER NOT NULL,
            hour INTEGER NOT NULL,            -- since the epoch
            sim_id INTEGER NOT NULL,          -- 0: of accepted messages, and of those for which none was chosen
            {counts}
            PRIMARY KEY (company_id, hour, sim_id)
        ) WITHOUT ROWID;
        CREATE TABLE monthly_counts (
            company_id INTEGER NOT NULL,
            month TEXT NOT NULL,
            sim_id INTEGER NOT NULL,
            campaign_id INTEGER NOT NULL,     -- 0: without
            {counts}
            PRIMARY KEY (company_id, month, sim_id, campaign_id)
        ) WITHOUT ROWID;
        CREATE TABLE counted (                -- one row: the newest event and message in these counts
            last_event INTEGER NOT NULL,
            last_message INTEGER NOT NULL
        );
        INSERT INTO counted SELECT (SELECT coalesce(max(id), 0) FROM events), (SELECT coalesce(max(id), 0) FROM messages);
    """,
    )
    # The newest messages are counted by what is known of them: of a message that failed, the parts that it has sent until now.
    # The time of a cancellation is not known. Months are those of UTC.
    taken = "CAST(round(cost * (parts - unsent) / parts * 1000000) AS INTEGER)"
    was_sent = "sent_at IS NOT NULL AND sent_at <= coalesce(failed_at, sent_at)"
    outcomes = (
        ("created_at", "1", "1, 0, 0, 0, 0, 0, 0, 0, 0"),
        ("sent_at", f"status <> 'pending' AND {was_sent}", f"0, 1, 0, 0, 0, 0, 0, parts, {taken}"),
        ("delivered_at", "status = 'delivered'", "0, 0, 1, 0, 0, 0, 0, 0, 0"),
        ("failed_at", f"status = 'failed' AND {was_sent}", "0, 0, 0, 0, 1, 0, 0, 0, 0"),
        (
            "failed_at",
            f"status = 'failed' AND NOT ({was_sent})",
            f"0, 0, 0, 1, 0, unsent < parts, 0, parts - unsent, {taken}",
        ),
        ("created_at", "status = 'cancelled'", "0, 0, 0, 0, 0, 0, 1, 0, 0"),
    )
    names = "accepted, sent, delivered, failed, undelivered, partly, cancelled, parts, cost"
    sums = ", ".join(f"sum({name})" for name in names.split(", "))
    selected = [
        f"SELECT company_id, {time} AS at, {'0' if time == 'created_at' and which == '1' else 'sim_id'} AS sim_id,"
        f" coalesce(campaign_id, 0) AS campaign_id, {values} FROM newest WHERE {time} IS NOT NULL AND {which}"
        for time, which, values in outcomes
    ]
    counted = (
        "WITH newest AS (SELECT * FROM messages WHERE id > (SELECT max(id) FROM messages) - 300000"
        " AND company_id <> 0 AND NOT sandbox),"
        f" ended (company_id, at, sim_id, campaign_id, {names}) AS ({' UNION ALL '.join(selected)})"
    )
    db.execute(
        f"INSERT INTO hourly_counts {counted} SELECT company_id, at / 3600000000, sim_id, {sums} FROM ended GROUP BY 1, 2, 3"
    )
    db.execute(
        f"INSERT INTO monthly_counts {counted} SELECT company_id, strftime('%Y-%m', at / 1000000, 'unixepoch'),"
        f" sim_id, campaign_id, {sums} FROM ended GROUP BY 1, 2, 3, 4"
    )


@migrations()
def m030_box_settings(db: Database) -> None:
    _execute(
        db,
        """
        CREATE TABLE box_settings (           -- of the dashboard, where the configuration file decides nothing
            name TEXT PRIMARY KEY,
            value TEXT NOT NULL
        );
    """,
    )


@migrations()
def m031_searches(db: Database) -> None:
    _execute(
        db,
        """
        -- Persons look for messages by their recipient, and by the reference of a client.
        CREATE INDEX messages_recipient ON messages (recipient);
        CREATE INDEX messages_reference ON messages (reference) WHERE reference IS NOT NULL;
        -- The messages of each campaign by their status: always exact, so that nothing counts a million messages.
        CREATE TABLE campaign_counts (
            id INTEGER PRIMARY KEY,           -- in the order in which the campaigns began
            company_id INTEGER NOT NULL,
            campaign_id INTEGER NOT NULL,
            sandbox INTEGER NOT NULL,
            pending INTEGER NOT NULL DEFAULT 0,
            sent INTEGER NOT NULL DEFAULT 0,
            delivered INTEGER NOT NULL DEFAULT 0,
            failed INTEGER NOT NULL DEFAULT 0,
            cancelled INTEGER NOT NULL DEFAULT 0,
            parts INTEGER NOT NULL DEFAULT 0,
            cost REAL NOT NULL DEFAULT 0,
            UNIQUE (company_id, campaign_id, sandbox)
        );
        CREATE INDEX campaign_counts_company ON campaign_counts (company_id);
        INSERT INTO campaign_counts
            (company_id, campaign_id, sandbox, pending, sent, delivered, failed, cancelled, parts, cost)
            SELECT company_id, campaign_id, sandbox, sum(status = 'pending'), sum(status = 'sent'),
                sum(status = 'delivered'), sum(status = 'failed'), sum(status = 'cancelled'), sum(parts), sum(cost)
            FROM messages WHERE campaign_id IS NOT NULL GROUP BY company_id, campaign_id, sandbox ORDER BY min(id);
        CREATE TRIGGER campaign_message_added AFTER INSERT ON messages WHEN new.campaign_id IS NOT NULL BEGIN
            INSERT INTO campaign_counts
                (company_id, campaign_id, sandbox, pending, sent, delivered, failed, cancelled, parts, cost)
                VALUES (new.company_id, new.campaign_id, new.sandbox, new.status = 'pending', new.status = 'sent',
                    new.status = 'delivered', new.status = 'failed', new.status = 'cancelled', new.parts, new.cost)
                ON CONFLICT (company_id, campaign_id, sandbox) DO UPDATE SET
                    pending = pending + excluded.pending, sent = sent + excluded.sent,
                    delivered = delivered + excluded.delivered, failed = failed + excluded.failed,
                    cancelled = cancelled + excluded.cancelled, parts = parts + excluded.parts,
                    cost = cost + excluded.cost;
        END;
        CREATE TRIGGER campaign_message_changed AFTER UPDATE OF status, cost ON messages
            WHEN new.campaign_id IS NOT NULL AND (new.status <> old.status OR new.cost <> old.cost) BEGIN
            UPDATE campaign_counts SET
                pending = pending + (new.status = 'pending') - (old.status = 'pending'),
                sent = sent + (new.status = 'sent') - (old.status = 'sent'),
                delivered = delivered + (new.status = 'delivered') - (old.status = 'delivered'),
                failed = failed + (new.status = 'failed') - (old.status = 'failed'),
                cancelled = cancelled + (new.status = 'cancelled') - (old.status = 'cancelled'),
                cost = cost + new.cost - old.cost
                WHERE company_id = new.company_id AND campaign_id = new.campaign_id AND sandbox = new.sandbox;
        END;
        CREATE TRIGGER campaign_message_deleted AFTER DELETE ON messages WHEN old.campaign_id IS NOT NULL BEGIN
            UPDATE campaign_counts SET
                pending = pending - (old.status = 'pending'), sent = sent - (old.status = 'sent'),
                delivered = delivered - (old.status = 'delivered'), failed = failed - (old.status = 'failed'),
                cancelled = cancelled - (old.status = 'cancelled'), parts = parts - old.parts, cost = cost - old.cost
                WHERE company_id = old.company_id AND campaign_id = old.campaign_id AND sandbox = old.sandbox;
            DELETE FROM campaign_counts
                WHERE company_id = old.company_id AND campaign_id = old.campaign_id AND sandbox = old.sandbox
                    AND pending + sent + delivered + failed + cancelled = 0;
        END;
    """,
    )


@migrations()
def m032_conversations(db: Database) -> None:
    _execute(
        db,
        """
        -- The texts and messages of one number. The row id, which gives the order, is part of every index.
        CREATE INDEX inbox_sender ON inbox (sender);
        CREATE INDEX inbox_unread ON inbox (sender) WHERE read = 0;
    """,
    )


@migrations()
def m033_shared_queue(db: Database) -> None:
    _execute(
        db,
        """
        CREATE TABLE shared_messages (        -- messages of a queue that several boxes share, while this box has them
            message_id INTEGER PRIMARY KEY,
            state TEXT NOT NULL,              -- claimed, started, or out: only its outcome is still told
            epoch INTEGER NOT NULL            -- of this box when it claimed, started or stamped the message
        );
        CREATE TABLE outcomes (               -- what happened to them, and texts that came in: told in this order
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            at INTEGER NOT NULL,
            kind TEXT NOT NULL,               -- part, attempt, failed, report, text
            message_id INTEGER,
            seq INTEGER,
            document TEXT NOT NULL,           -- JSON
            told_at INTEGER,                  -- NULL: not yet
            rejected TEXT                     -- why the other side could not take it; a person must look at it
        );
        CREATE INDEX outcomes_told ON outcomes (told_at) WHERE told_at IS NOT NULL;
        CREATE INDEX outcomes_message ON outcomes (message_id);
        CREATE TABLE incarnation (            -- one row, once the box belongs to a fleet
            id INTEGER PRIMARY KEY CHECK (id = 1),
            token TEXT NOT NULL,              -- another one for each file: a restored one has not seen what was sent since
            acknowledged INTEGER NOT NULL,    -- the highest number that the other side has kept
            journal INTEGER NOT NULL,         -- raised in each transaction that adopts or starts messages
            epoch INTEGER NOT NULL DEFAULT 0  -- the highest that this box ever had
        );
        ALTER TABLE sims ADD COLUMN box TEXT; -- the box that has it; NULL: this one
    """,
    )


@migrations()
def m034_asked_epochs(db: Database) -> None:
    _execute(
        db,
        """
        -- How often a new epoch was asked for since the one that is noted: each may have been given.
        ALTER TABLE incarnation ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;
    """,
    )


@migrations()
def m035_known_epochs(db: Database) -> None:
    _execute(
        db,
        """
        -- From now on `asked` is the highest epoch that was asked for: it may have been given.
        UPDATE incarnation SET asked = epoch + asked;
        -- The PostgreSQL that was last seen, and the epochs of the other boxes there, by name, as JSON.
        ALTER TABLE incarnation ADD COLUMN server TEXT NOT NULL DEFAULT '';
        ALTER TABLE incarnation ADD COLUMN epochs TEXT NOT NULL DEFAULT '{}';
    """,
    )


@migrations()
def m036_asked_server(db: Database) -> None:
    _execute(
        db,
        """
        -- The PostgreSQL that was last asked for an epoch, and the highest epoch that this file knew of before it first asked there.
        ALTER TABLE incarnation ADD COLUMN asked_server TEXT NOT NULL DEFAULT '';
        ALTER TABLE incarnation ADD COLUMN base_epoch INTEGER NOT NULL DEFAULT 0;
    """,
    )
