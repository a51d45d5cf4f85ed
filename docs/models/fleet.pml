/* Boxes that share one queue in PostgreSQL: a model for spin 6.5. README.md beside this file explains it; `make model` runs it.
 *
 * Two boxes with one port each. Message 0 has two parts, message 1 has one. A statement of PostgreSQL is atomic. A request is
 * asked, executed and answered in three steps: the answer may be lost, and a request may be executed long after its box gave it
 * up or crashed ("late"). The fleet thread and the port thread of a box interleave freely.
 * There are no clocks. A lease is over or is not, a rescuer has waited or has not. A rescuer's first wait (35 s) ends only when
 * every lease that was asked for before it began to watch is over; its second wait ends only when no submission is between the
 * check of the lease and the modem's answer, SIGSTOP excepted (STOPS).
 * Each fault happens as often as its number below allows. When all are spent no cycle of steps is left that changes anything.
 *
 * Properties, each an assert that carries its name:
 *   P1  never lost: where nothing can happen any more, each message is settled
 *   P2  a part is handed over twice only after a doubt that `retry` decided
 *   P3  a box does not start what another box has begun, but for a retried doubt of its first part alone
 *   P4  nothing that was cancelled is handed over
 *   P5  a claim, a start and an acceptance as started carry the box's present epoch
 *   P6  a part is handed over only while the row is `started` by this box under the epoch of its own start
 *   P7  a row says `sent` only if one box handed over every part */

/* How often each fault happens */
#ifndef CRASHES
#define CRASHES 1	/* kill -9 or power of a box, at any step; it comes back, or (one box) never does */
#endif
#ifndef RESTARTS
#define RESTARTS 0	/* kill -9 of PostgreSQL and its restart: all requests under way, on all boxes, lose their answers */
#endif
#ifndef LOSSES
#define LOSSES 1	/* the answer to one request, to a COMMIT for one, is lost: the LAN is cut, a time-out */
#endif
#ifndef EXPIRIES
#define EXPIRIES 1	/* the lease of a living box runs out */
#endif
#ifndef WATCHES
#define WATCHES 1	/* a rescuer begins to watch a box that is not gone for good */
#endif
#ifndef STOPS
#define STOPS 1		/* SIGSTOP between check and write, for longer than the second wait */
#endif
#ifndef MODEM
#define MODEM 1		/* the network refuses a part, or the modem does not answer (the part was taken, or was not) */
#endif
#ifndef MOVED_CARDS
#define MOVED_CARDS 1	/* a card was moved: the other box tells, late, that a part was sent */
#endif
#ifndef CANCELS
#define CANCELS 1	/* a client cancels message 1 */
#endif
#ifndef RESTORES
#define RESTORES 0	/* a box comes back with an old SQLite file, here an empty one: a new incarnation */
#endif
#ifndef BACKUPS
#define BACKUPS 0	/* 1: PostgreSQL is restored from a backup, once, from any moment of the run */
#endif

/* What is run */
#define HOLD 0
#define RETRY 1
#ifndef POLICY
#define POLICY RETRY	/* the setting dispatch.in_doubt */
#endif
#ifndef MESSAGES
#define MESSAGES 3	/* 1: only message 0 (two parts); 2: only message 1 (one part); 3: both */
#endif
#ifndef ACCEPT
#define ACCEPT 1	/* 1: box 0 accepts message 1 during the run; 0: it waits from the beginning */
#endif

/* The rules; 0 takes one away, and a property must then fail */
#ifndef NEW_EPOCH
#define NEW_EPOCH 1	/* after a lost answer a box takes a new epoch, and stamps a row before it acts on it */
#endif
#ifndef CLAIM_EPOCH
#define CLAIM_EPOCH 1	/* claim, start and acceptance as started require the box's present epoch */
#endif
#ifndef KNOWN
#define KNOWN 1		/* a part known as sent ends or binds the message in waiting, claimed and in_doubt too */
#endif
#ifndef CANCEL_409
#define CANCEL_409 1	/* no cancel after a doubt was retried */
#endif
#ifndef NOT_BLIND
#define NOT_BLIND 1	/* of several parts, only a doubt that the box's own journal told may be retried */
#endif
#ifndef PARTLY
#define PARTLY 1	/* a partly sent message is stamped and goes on at its box */
#endif
#ifndef INCARNATION
#define INCARNATION 1	/* rows started under an earlier incarnation are in doubt, never "not handed over" */
#endif
#ifndef INCARNATION_BLIND
#define INCARNATION_BLIND 1	/* a doubt of an earlier incarnation is told by no journal: of several parts it is never retried */
#endif
#ifndef PROGRESS
#define PROGRESS 1	/* progress never frees a row in doubt; a release asked after the doubt was seen does */
#endif
#ifndef LEASE_EPOCH
#define LEASE_EPOCH 1	/* the lease checked before the write belongs to the epoch of the message's start */
#endif
/* Rules for a PostgreSQL that was restored from a backup (BACKUPS) */
#ifndef BEHIND
#define BEHIND 2	/* until every box has uploaded, 1: no claims; 2: no starts, stamps and retries either, and uploads settle any row */
#endif
#ifndef RESTORED_START
#define RESTORED_START 1	/* until then a part that one box sent takes the message back from another one that is said to have started it */
#endif
#ifndef EPOCH_ABOVE
#define EPOCH_ABOVE 1	/* a box joins above every epoch that it has ever had */
#endif

/* Mutations: the protocol broken in one place; a property must then fail */
#define NO_LEASE_CHECK 1		/* no check of the lease before the write */
#define LEASE_FROM_ANSWER 2		/* the lease counts from the answer of the heartbeat, not from before the question */
#define NO_RECONCILIATION 3
#define STARTED_RESCUED_AT_ONCE 4	/* a rescue frees started rows as it frees claimed ones */
#define GUARDED_APPEND 5		/* attempts are appended only if the row is the box's under its epoch */
#define AIR_NOT_DURABLE 6		/* "in the air" is not in the journal before the PDU is written */
#define START_NOT_AWAITED 7		/* a part is handed over while the message is only claimed */
#define CANCEL_ANY_STATE 8		/* cancel does not look at the state */
#define RESCUE_IGNORES_LEASE 9		/* the rescuer does not wait until the lease is over */
#define RELEASE_BEFORE_DROP 10		/* a release is asked before the row is dropped from the journal */
#define UNGUARDED_START 11		/* a start does not compare box and epoch */
#define PARTS_NOT_BOUND 12		/* a message of which a part was sent may go to another SIM */
#define SHORT_SECOND_WAIT 13		/* the second wait is shorter than a submission */
#define LOST_START_KEPT 14		/* a start that lost is not dropped */
#define RESCUE_IGNORES_BEAT 15		/* the rescue does not compare the beat */
#ifndef MUTATION
#define MUTATION 0
#endif

/* a message in PostgreSQL */
#define NONE 0
#define WAITING 1
#define CLAIMED 2
#define STARTED 3
#define IN_DOUBT 4
#define SENT 5
#define FAILED 6
#define CANCELLED 7
#define FINAL(m) (row_state[m] >= SENT)
/* a part in a box's journal */
#define P_NOT 0
#define P_AIR 1
#define P_SENT 2
#define P_DOUBT 3
/* a message in a box's journal */
#define J_NONE 0
#define J_CLAIMED 1
#define J_STARTED 2
#define J_OUT 3		/* no longer this box's: its outcome is uploaded, nothing more is sent */
/* requests to PostgreSQL */
#define Q_CLAIM 1
#define Q_START 2
#define Q_RELEASE 3	/* arg: the old state */
#define Q_STAMP 4	/* arg: the new epoch */
#define Q_OUTCOME 5	/* arg, a sum: 1 part 0 sent, 2 last part sent, 4 doubt, 8 doubt that this journal knows nothing of */
#define Q_ACCEPT 6	/* arg: WAITING or STARTED */
#define Q_JOIN 7
#define Q_LIST 8
/* a box, its port, its heartbeat, its rescuer */
#define DOWN 0
#define JOIN 1
#define RUN 2
#define IDLE 0
#define PROMPT 1	/* part marked in the air, durably; AT+CMGS said */
#define CHECKED 2	/* lease found valid; PDU not yet written */
#define TAKEN 3		/* the network has it; its answer is on the way */
#define REFUSED 4
#define SILENT 5	/* no answer will come */
#define W_NONE 0
#define W_WATCHING 1
#define W_DEAD 2
#define W_CLAIMS_BACK 3
#define W_DONE 4

#define OTHER(b) (1-(b))
#define JN(b,m) ((b)*2+(m))
#define LAST(m) (1-(m))
#define PART(b,m,p) ((b)*3+(m)*2+(p))
#define FIRST(b,m) part[PART(b,m,0)]
#define FINAL_PART(b,m) part[PART(b,m,LAST(m))]
#define NOTHING(b,m) (FIRST(b,m)==P_NOT && FINAL_PART(b,m)==P_NOT)
#define ALL_SENT(b,m) (FIRST(b,m)==P_SENT && FINAL_PART(b,m)==P_SENT)
#define DOUBT(b,m) (FIRST(b,m)==P_DOUBT || FINAL_PART(b,m)==P_DOUBT)
#define AIR(b,m) (FIRST(b,m)==P_AIR || FINAL_PART(b,m)==P_AIR)
#define FIRST_KNOWN(b,m) known[PART(b,m,0)]
#define ALL_KNOWN(b,m) (known[PART(b,m,0)] && known[PART(b,m,LAST(m))])
#define MINE(m) (row_box[m]==b && (row_state[m]==CLAIMED || row_state[m]==STARTED || row_state[m]==IN_DOUBT))

/* PostgreSQL */
#if MESSAGES == 1
byte row_state[2] = {WAITING, NONE};
#elif MESSAGES == 2 && ACCEPT
byte row_state[2];
#elif MESSAGES == 2
byte row_state[2] = {NONE, WAITING};
#elif ACCEPT
byte row_state[2] = {WAITING, NONE};
#else
byte row_state[2] = WAITING;
#endif
byte row_box[2], row_epoch[2];		/* box and epoch of a message's row */
bool known[6];			/* attempts and what the network told: box b's part p was sent (appended) */
bool told[2];			/* the doubt was told by the box's own journal */
byte box_epoch[2];			/* boxes.epoch */
bool changed[2];		/* (epoch, beat) is another than the rescuer saw when it began to watch */
/* what boxes keep on disk */
byte journal[4], journal_epoch[4], part[6];
byte first_epoch[2];			/* first epoch of this incarnation */
bool gone[2];			/* never comes back */
/* what a crash takes */
byte mode[2] = RUN, epoch[2];
bool lease[2] = true, lease_old[2];	/* ..._old: asked for before the rescuer began to watch */
byte beat_old[2];		/* 2: so long ago that the rescuer's 35 s are over: the answer gives no lease */
byte beat[2];			/* 0, 1 asked, 2 answered, 3 answered: no row */
byte port[2], port_m[2], port_p[2];
byte ask_kind[2], ask_msg[2], ask_epoch[2], ask_arg[2], ask_result[2];	/* the request under way: kind, message, epoch, arg, result */
bool ask_done[2];			/* executed; the answer is on the way */
byte watch[2];			/* of box b by the other one */
/* late requests: given up by the box, not yet executed */
byte late_kind[2], late_msg[2], late_epoch[2], late_arg[2];
/* the mobile network and the client, for the properties only */
byte hand_overs[3];			/* hand-overs of each part */
bool handed_by[6];			/* part p was handed over by box b */
byte retries[2];		/* doubts that `retry` decided */
bool stood_still[2];		/* the box stood still beyond the doubt's wait */
bool said503;
byte crashes = CRASHES, losses = LOSSES, expiries = EXPIRIES, watches = WATCHES, stops = STOPS, modem = MODEM, moved_cards = MOVED_CARDS,
     cancels = CANCELS, restores = RESTORES, restarts = RESTARTS;
#if BACKUPS
byte backup;			/* 0 none yet, 1 taken, 2 restored, 3 recovered: claims are open again */
bool uploaded[2];		/* the box has uploaded all that it knows, and sends nothing it started before */
byte old_state[2], old_box[2], old_epoch[2], old_box_epoch[2];
bool old_known[6], old_told[2];
#define JOIN_ABOVE epoch[b]
#define RESTORED (backup>=2)
#define CLOSED (backup==2)
#define CLAIMS_CLOSED (BEHIND && CLOSED)
#define STARTS_CLOSED (BEHIND==2 && CLOSED)
#else
#define JOIN_ABOVE 0
#define RESTORED false
#define CLOSED false
#define CLAIMS_CLOSED false
#define STARTS_CLOSED false
#endif
byte result, n;			/* scratch, always put back to 0 */

inline to_waiting(m) { row_state[m] = WAITING; row_box[m] = 0; row_epoch[m] = 0; told[m] = false }
inline to_final(m, s) { row_state[m] = s; row_box[m] = 0; row_epoch[m] = 0; told[m] = false }

inline sent_row(m) {	/* a row may say `sent` only if one box handed over every part */
	/* P7 */
	assert((handed_by[PART(0,m,0)] && handed_by[PART(0,m,LAST(m))]) || (handed_by[PART(1,m,0)] && handed_by[PART(1,m,LAST(m))]));
	to_final(m, SENT)
}
inline settle(m) {	/* rule KNOWN: after every append, and when a row becomes waiting or in_doubt */
	if
	:: KNOWN && (ALL_KNOWN(0,m) || ALL_KNOWN(1,m)) && (row_state[m]==WAITING || row_state[m]==CLAIMED || row_state[m]==IN_DOUBT) -> sent_row(m)
	:: KNOWN && row_state[m]==CLAIMED && FIRST_KNOWN(OTHER(row_box[m]),m) && !ALL_KNOWN(OTHER(row_box[m]),m) && !FIRST_KNOWN(row_box[m],m) -> to_waiting(m)
	:: else
	fi
}
inline started_by(b, m) {
	/* P3: what another box began is not begun here, but for a retried doubt of its first part alone */
	assert(MUTATION==PARTS_NOT_BOUND || !handed_by[PART(OTHER(b),m,0)] || retries[m] > 0);
	assert(m==1 || !handed_by[PART(OTHER(b),m,1)]);
	assert(!FIRST_KNOWN(OTHER(b),m) || FIRST_KNOWN(b,m));	/* nor what is known as sent */
	row_state[m] = STARTED; row_box[m] = b
}
/* One statement of PostgreSQL for box b: r = 1 (a started row's stamp: 3) changed a row, 0 did not, 2 did not: the epoch is old. */
inline execute(kind, m, e, a) {
	result = 0;
	if
	:: kind==Q_CLAIM ->
		if
		:: CLAIM_EPOCH && box_epoch[b]!=e -> result = 2
		:: else ->
			if
			:: !CLAIMS_CLOSED && row_state[m]==WAITING && (MUTATION==PARTS_NOT_BOUND || !FIRST_KNOWN(OTHER(b),m) || FIRST_KNOWN(b,m)) ->
				assert(box_epoch[b]==e);	/* P5 */
				row_state[m] = CLAIMED; row_box[m] = b; row_epoch[m] = e; result = 1
			:: else
			fi
		fi
	:: kind==Q_START ->
		if
		:: CLAIM_EPOCH && MUTATION!=UNGUARDED_START && box_epoch[b]!=e -> result = 2
		:: else ->
			if
			:: !STARTS_CLOSED && row_state[m]==CLAIMED && ((row_box[m]==b && row_epoch[m]==e) || MUTATION==UNGUARDED_START) ->
				assert(box_epoch[b]==e);	/* P5 */
				started_by(b, m); row_epoch[m] = e; result = 1
			:: else -> if :: box_epoch[b]!=e -> result = 2 :: else fi
			fi
		fi
	:: kind==Q_RELEASE ->
		if :: row_state[m]==a && row_box[m]==b && row_epoch[m]==e -> to_waiting(m); settle(m); result = 1 :: else fi
	:: kind==Q_STAMP ->
		if
		:: box_epoch[b]!=a -> result = 2
		:: !STARTS_CLOSED && box_epoch[b]==a && (row_state[m]==CLAIMED || row_state[m]==STARTED) && row_box[m]==b && row_epoch[m]==e -> row_epoch[m] = a; result = (row_state[m]==STARTED -> 3 : 1)
		:: else
		fi
	:: kind==Q_OUTCOME ->	/* the append is unconditional, the state is not */
		result = (row_state[m]==STARTED || row_state[m]==IN_DOUBT) && row_box[m]==b && row_epoch[m]==e;
		if
		:: MUTATION!=GUARDED_APPEND || result -> FIRST_KNOWN(b,m) = FIRST_KNOWN(b,m) || (a & 1); known[PART(b,m,LAST(m))] = known[PART(b,m,LAST(m))] || (a & 2)
		:: else
		fi;
		if
		:: result && ALL_KNOWN(b,m) -> sent_row(m)
		:: result && !ALL_KNOWN(b,m) && (a & 12) -> row_state[m] = IN_DOUBT; told[m] = (a & 4)!=0; settle(m)
		:: !PROGRESS && result && !ALL_KNOWN(b,m) && !(a & 12) && row_state[m]==IN_DOUBT -> to_waiting(m)
		/* a backup was restored: PostgreSQL forgot the start, the box tells its doubt; a row settles whatever its state */
		:: STARTS_CLOSED && !result && !ALL_KNOWN(b,m) && (a & 4) && row_state[m]!=NONE && !FINAL(m) ->
			row_state[m] = IN_DOUBT; row_box[m] = b; row_epoch[m] = e; told[m] = true; settle(m)
		:: STARTS_CLOSED && !result && ALL_KNOWN(b,m) && row_state[m]==STARTED -> sent_row(m)
		/* the box that had started it then has let it go since, for another one has begun it */
		:: RESTORED_START && STARTS_CLOSED && !result && !ALL_KNOWN(b,m) && !(a & 4) && row_state[m]==STARTED && row_box[m]!=b && FIRST_KNOWN(b,m) &&
			!FIRST_KNOWN(row_box[m],m) -> to_waiting(m)
		:: else -> settle(m)
		fi
	:: kind==Q_ACCEPT ->
		if
		:: a==STARTED && CLAIM_EPOCH && box_epoch[b]!=e -> result = 2
		:: else ->
			row_state[m] = a; result = 1;
			if :: a==STARTED -> assert(box_epoch[b]==e); /* P5 */ row_box[m] = b; row_epoch[m] = e :: else fi
		fi
	:: kind==Q_JOIN ->
#if BACKUPS
		if :: EPOCH_ABOVE && box_epoch[b] < e -> box_epoch[b] = e :: else fi;	/* above every epoch that this box has ever had */
#endif
		box_epoch[b]++; changed[b] = true; result = box_epoch[b]
	:: kind==Q_LIST -> if :: MINE(m) -> result = row_state[m]; ask_epoch[b] = row_epoch[m] :: else -> result = NONE; ask_epoch[b] = 0 fi
	fi
}
inline ask(kind, m, e, a) { ask_kind[b] = kind; ask_msg[b] = m; ask_epoch[b] = e; ask_arg[b] = a; ask_result[b] = 0; ask_done[b] = false }
inline no_request() { ask_kind[b] = 0; ask_msg[b] = 0; ask_epoch[b] = 0; ask_arg[b] = 0; ask_result[b] = 0; ask_done[b] = false }
inline forget(m) {	/* the journal keeps outcomes; what is not needed for a step any more is left out of the state */
#if BACKUPS
	journal[JN(b,m)] = J_OUT	/* kept for 7 days, for a PostgreSQL that is restored from a backup */
#else
	journal[JN(b,m)] = J_NONE; journal_epoch[JN(b,m)] = 0; FIRST(b,m) = P_NOT; FINAL_PART(b,m) = P_NOT
#endif
}
inline drop(m) { journal[JN(b,m)] = J_NONE; if :: NOTHING(b,m) -> journal_epoch[JN(b,m)] = 0 :: else fi }
inline give_up() {	/* the request is abandoned: executed already, executed late, or never */
	if
	:: ask_kind[b] && !ask_done[b] && ask_kind[b]!=Q_LIST && !late_kind[b] -> late_kind[b] = ask_kind[b]; late_msg[b] = ask_msg[b]; late_epoch[b] = ask_epoch[b]; late_arg[b] = ask_arg[b]
	:: true
	fi;
	if :: ask_kind[b]==Q_ACCEPT -> said503 = true :: else fi;
	no_request()
}
/* An outcome is uploaded until it is acknowledged; the append is idempotent, so repeated uploads are left out. */
#define NEWS(m) ((STARTS_CLOSED && DOUBT(b,m) && !AIR(b,m) && row_state[m]!=NONE && !FINAL(m) && row_state[m]!=IN_DOUBT) || \
	(STARTS_CLOSED && row_state[m]==STARTED && ALL_SENT(b,m) && ALL_KNOWN(b,m)) || \
	(FIRST(b,m)==P_SENT && !FIRST_KNOWN(b,m)) || (FINAL_PART(b,m)==P_SENT && !known[PART(b,m,LAST(m))]) || \
	((DOUBT(b,m) || ALL_SENT(b,m)) && !AIR(b,m) && row_state[m]==STARTED && row_box[m]==b && row_epoch[m]==journal_epoch[JN(b,m)]))
#define SENT_BITS(m) ((FIRST(b,m)==P_SENT) + 2*(FINAL_PART(b,m)==P_SENT))
/* Reconciliation of one row: s = its state if it is this box's, e = its epoch. Decided by the journal as it is now. */
inline reconcile(m, s, e) {
	if
	:: AIR(b,m) -> no_request()					/* nobody knows yet */
	:: !AIR(b,m) && s==CLAIMED ->
		if
		:: journal[JN(b,m)]==J_CLAIMED && journal_epoch[JN(b,m)]==e && e==epoch[b] -> no_request()
		:: else ->
			if
			:: e==epoch[b] && !NEW_EPOCH -> journal[JN(b,m)] = J_CLAIMED; journal_epoch[JN(b,m)] = e; no_request()	/* adopted */
			:: e!=epoch[b] || NEW_EPOCH -> ask(Q_STAMP, m, e, epoch[b])		/* adopted under the present epoch */
			:: drop(m); ask(Q_RELEASE, m, e, CLAIMED)
			fi
		fi
	:: !AIR(b,m) && s==STARTED && INCARNATION && e < first_epoch[b] -> 
		ask(Q_OUTCOME, m, e, 8);
		if :: !INCARNATION_BLIND -> ask_arg[b] = 4 :: else fi
	:: !AIR(b,m) && s==STARTED && !(INCARNATION && e < first_epoch[b]) ->
		if
		:: journal[JN(b,m)]==J_STARTED && journal_epoch[JN(b,m)]==e && e==epoch[b] -> no_request()
		:: DOUBT(b,m) || ALL_SENT(b,m) -> ask(Q_OUTCOME, m, e, SENT_BITS(m) + 4*DOUBT(b,m))
		:: else ->
			if
			:: !NOTHING(b,m) && !PARTLY -> no_request()
			:: NOTHING(b,m) || PARTLY ->
				if
				:: e==epoch[b] && !NEW_EPOCH -> journal[JN(b,m)] = J_STARTED; journal_epoch[JN(b,m)] = e; no_request()
				:: e!=epoch[b] || NEW_EPOCH -> journal[JN(b,m)] = J_NONE; ask(Q_STAMP, m, e, epoch[b])
				:: NOTHING(b,m) ->
					if :: MUTATION!=RELEASE_BEFORE_DROP -> drop(m) :: else fi;
					ask(Q_RELEASE, m, e, STARTED)
				fi
			fi
		fi
	:: !AIR(b,m) && s==IN_DOUBT ->
		if
		:: (INCARNATION && e < first_epoch[b]) || DOUBT(b,m) -> journal[JN(b,m)] = J_OUT; no_request()
		:: else ->
			if
			:: NEWS(m) || ALL_SENT(b,m) -> journal[JN(b,m)] = J_OUT; ask(Q_OUTCOME, m, e, SENT_BITS(m))
			:: else -> drop(m); ask(Q_RELEASE, m, e, IN_DOUBT)	/* a journal that comes back */
			fi
		fi
	:: !AIR(b,m) && s==NONE ->
		if
		:: NOTHING(b,m) -> drop(m)
		:: else -> journal[JN(b,m)] = J_OUT
		fi;
		no_request()
	fi
}
/* A reconciliation that would find nothing to do is left out of the model: would this one find something? */
#define DIFFERS(m) (MUTATION!=NO_RECONCILIATION && !AIR(b,m) && ( \
	(row_state[m]==CLAIMED && row_box[m]==b && !(journal[JN(b,m)]==J_CLAIMED && journal_epoch[JN(b,m)]==row_epoch[m] && row_epoch[m]==epoch[b])) || \
	(row_state[m]==STARTED && row_box[m]==b && !(journal[JN(b,m)]==J_STARTED && journal_epoch[JN(b,m)]==row_epoch[m] && row_epoch[m]==epoch[b]) && \
		(PARTLY || NOTHING(b,m) || DOUBT(b,m) || ALL_SENT(b,m))) || \
	(row_state[m]==IN_DOUBT && row_box[m]==b && !(INCARNATION && row_epoch[m] < first_epoch[b]) && (!DOUBT(b,m) || journal[JN(b,m)]==J_STARTED)) || \
	(!MINE(m) && (journal[JN(b,m)]==J_CLAIMED || journal[JN(b,m)]==J_STARTED))))
#define CAN_CLAIM(m) (row_state[m]==WAITING && (MUTATION==PARTS_NOT_BOUND || !FIRST_KNOWN(OTHER(b),m) || FIRST_KNOWN(b,m)) && !NEWS(m) && !AIR(b,m) && \
	journal[JN(b,m)]!=J_CLAIMED && journal[JN(b,m)]!=J_STARTED)
#define CAN_START(m) (journal[JN(b,m)]==J_CLAIMED && journal_epoch[JN(b,m)]==epoch[b] && !AIR(b,m))
#define FREE (mode[b]==RUN && ask_kind[b]==0)
#define MAY_SEND(m) (port[b]==IDLE && lease[b] && journal_epoch[JN(b,m)]==epoch[b] && !DOUBT(b,m) && \
	(journal[JN(b,m)]==J_STARTED || (MUTATION==START_NOT_AWAITED && journal[JN(b,m)]==J_CLAIMED)) && (FIRST(b,m)==P_NOT || FINAL_PART(b,m)==P_NOT))

#define LEASED (lease[b] && (!LEASE_EPOCH || (journal[JN(b,port_m[b])]==J_STARTED && journal_epoch[JN(b,port_m[b])]==epoch[b]) || MUTATION==START_NOT_AWAITED))

inline take_known(m) {	/* rule KNOWN: the answers to start and stamp tell which parts are known as sent by this box */
	if :: KNOWN && FIRST_KNOWN(b,m) -> FIRST(b,m) = P_SENT :: else fi;
	if :: KNOWN && known[PART(b,m,LAST(m))] -> FINAL_PART(b,m) = P_SENT :: else fi
}
inline answer(m) {
	if
	:: ask_kind[b]==Q_JOIN -> epoch[b] = ask_result[b]; mode[b] = RUN; lease[b] = false; lease_old[b] = false; beat[b] = 0; beat_old[b] = 0;
		if :: first_epoch[b]==255 -> first_epoch[b] = epoch[b] :: else fi; no_request()
	:: ask_kind[b]==Q_CLAIM ->
		if
		:: ask_result[b]==1 -> journal[JN(b,m)] = J_CLAIMED; journal_epoch[JN(b,m)] = ask_epoch[b];
			if :: FIRST(b,m)==P_DOUBT -> FIRST(b,m) = P_NOT :: else fi; if :: FINAL_PART(b,m)==P_DOUBT -> FINAL_PART(b,m) = P_NOT :: else fi
		:: ask_result[b]==2 -> mode[b] = JOIN
		:: else
		fi; no_request()
	:: ask_kind[b]==Q_START ->
		if
		:: ask_result[b]==1 || MUTATION==LOST_START_KEPT -> journal[JN(b,m)] = J_STARTED; take_known(m)
		:: ask_result[b]!=1 && MUTATION!=LOST_START_KEPT ->
			if :: MUTATION!=START_NOT_AWAITED || NOTHING(b,m) -> drop(m) :: else -> journal[JN(b,m)] = J_OUT fi;
			if :: ask_result[b]==2 -> mode[b] = JOIN :: else fi
		fi; no_request()
	:: ask_kind[b]==Q_RELEASE -> if :: MUTATION==RELEASE_BEFORE_DROP && NOTHING(b,m) -> drop(m) :: else fi; no_request()
	:: ask_kind[b]==Q_STAMP ->
		if
		:: ask_result[b]==1 || ask_result[b]==3 -> journal[JN(b,m)] = (ask_result[b]==3 -> J_STARTED : J_CLAIMED); journal_epoch[JN(b,m)] = ask_arg[b]; take_known(m)
		:: ask_result[b]==2 -> mode[b] = JOIN
		:: else
		fi; no_request()
	:: ask_kind[b]==Q_OUTCOME ->
		if
		:: FINAL(m) && !AIR(b,m) -> forget(m)
		:: !FINAL(m) && (ask_arg[b] & 12) -> journal[JN(b,m)] = J_OUT
		:: else
		fi; no_request()
	:: ask_kind[b]==Q_ACCEPT ->
		if
		:: ask_result[b]==1 && ask_arg[b]==STARTED -> journal[JN(b,m)] = J_STARTED; journal_epoch[JN(b,m)] = ask_epoch[b]
		:: ask_result[b]==2 -> said503 = true; mode[b] = JOIN
		:: else
		fi; no_request()
	:: ask_kind[b]==Q_LIST -> reconcile(m, ask_result[b], ask_epoch[b])
	fi
}

active [2] proctype box() {
	byte b = _pid, m;
end:	do
	/* fleet thread: ask */
	:: atomic { mode[b]==JOIN && ask_kind[b]==0 -> ask(Q_JOIN, 0, JOIN_ABOVE, 0) }
	:: atomic { ACCEPT && MESSAGES > 1 && b==0 && FREE && row_state[1]==NONE && !said503 && late_kind[0]!=Q_ACCEPT ->
		if :: ask(Q_ACCEPT, 1, epoch[b], WAITING) :: ask(Q_ACCEPT, 1, epoch[b], STARTED) fi }
	:: atomic { FREE && CAN_CLAIM(0) -> ask(Q_CLAIM, 0, epoch[b], 0) }
	:: atomic { FREE && CAN_CLAIM(1) -> ask(Q_CLAIM, 1, epoch[b], 0) }
	:: atomic { FREE && CAN_START(0) -> ask(Q_START, 0, epoch[b], 0) }
	:: atomic { FREE && CAN_START(1) -> ask(Q_START, 1, epoch[b], 0) }
	:: atomic { FREE && NEWS(0) -> ask(Q_OUTCOME, 0, journal_epoch[JN(b,0)], SENT_BITS(0) + 4*DOUBT(b,0)) }
	:: atomic { FREE && NEWS(1) -> ask(Q_OUTCOME, 1, journal_epoch[JN(b,1)], SENT_BITS(1) + 4*DOUBT(b,1)) }
	:: atomic { FREE && DIFFERS(0) -> ask(Q_LIST, 0, 0, 0); execute(Q_LIST, 0, 0, 0); ask_result[b] = result; result = 0; ask_done[b] = true }
	:: atomic { FREE && DIFFERS(1) -> ask(Q_LIST, 1, 0, 0); execute(Q_LIST, 1, 0, 0); ask_result[b] = result; result = 0; ask_done[b] = true }
	/* PostgreSQL executes what is under way, or what is late; the box takes the answer, or loses it */
	:: atomic { ask_kind[b] && !ask_done[b] -> execute(ask_kind[b], ask_msg[b], ask_epoch[b], ask_arg[b]); ask_result[b] = result; result = 0; ask_done[b] = true }
	:: atomic { late_kind[b] -> execute(late_kind[b], late_msg[b], late_epoch[b], late_arg[b]); result = 0; late_kind[b] = 0; late_msg[b] = 0; late_epoch[b] = 0; late_arg[b] = 0 }
	:: atomic { mode[b]!=DOWN && ask_kind[b] && ask_done[b] -> m = ask_msg[b]; answer(m); m = 0 }
	:: atomic { losses && mode[b]!=DOWN && ask_kind[b] -> losses--; give_up(); if :: NEW_EPOCH -> mode[b] = JOIN :: else fi }
	/* heartbeat: asked where it matters; its answer is taken or lost. The lease counts from the question. */
	:: d_step { mode[b]==RUN && !beat[b] && (!lease[b] || (watch[b]==W_WATCHING && !changed[b])) -> beat[b] = 1; beat_old[b] = 0 }
	:: d_step { beat[b]==1 -> if :: box_epoch[b]==epoch[b] -> beat[b] = 2; changed[b] = true :: else -> beat[b] = 3 fi }
	:: d_step { beat[b]==2 -> lease[b] = (beat_old[b] < 2 || MUTATION==LEASE_FROM_ANSWER); lease_old[b] = (beat_old[b]==1 && MUTATION!=LEASE_FROM_ANSWER); beat[b] = 0; beat_old[b] = 0 }
	:: d_step { beat[b]==3 -> mode[b] = JOIN; lease[b] = false; lease_old[b] = false; beat[b] = 0; beat_old[b] = 0 }
	:: d_step { beat[b]==2 && losses -> losses--; beat[b] = 0; beat_old[b] = 0 }
	:: d_step { expiries && lease[b] -> expiries--; lease[b] = false; lease_old[b] = false }
	/* port thread */
	:: atomic { mode[b]!=DOWN && (MAY_SEND(0) || MAY_SEND(1)) -> if :: MAY_SEND(0) -> m = 0 :: MAY_SEND(1) -> m = 1 fi;
		port_m[b] = m; port_p[b] = (FIRST(b,m)==P_NOT -> 0 : LAST(m)); part[PART(b,m,port_p[b])] = P_AIR; port[b] = PROMPT; m = 0 }
	:: d_step { port[b]==PROMPT && !LEASED && MUTATION!=NO_LEASE_CHECK -> part[PART(b,port_m[b],port_p[b])] = P_NOT; port[b] = IDLE; port_m[b] = 0; port_p[b] = 0 }
	:: d_step { port[b]==PROMPT && (LEASED || MUTATION==NO_LEASE_CHECK) -> port[b] = CHECKED }
	:: atomic { port[b]==CHECKED -> m = port_m[b]; n = (m==0 -> port_p[b] : 2);
		if
		:: port[b] = TAKEN
		:: modem -> modem--; port[b] = SILENT		/* taken, the modem does not say so */
		:: modem -> modem--; port[b] = SILENT; n = 9	/* not taken */
		:: modem -> modem--; port[b] = REFUSED; n = 9
		fi;
		if
		:: n < 9 -> hand_overs[n]++; handed_by[PART(b,m,port_p[b])] = true;
			assert(hand_overs[n] <= 1 + retries[m]);		/* P2 */
			assert(row_state[m]!=CANCELLED);			/* P4 */
			/* P6: the box fences itself */
			assert(stood_still[b] || RESTORED ||
				(row_state[m]==STARTED && row_box[m]==b && row_epoch[m]==journal_epoch[JN(b,m)]))
		:: else
		fi; n = 0; m = 0 }
	:: atomic { port[b] >= TAKEN -> m = port_m[b];
		part[PART(b,m,port_p[b])] = (port[b]==TAKEN -> P_SENT : (port[b]==REFUSED -> P_NOT : P_DOUBT));
		if	/* refused for a cause that another SIM may cure: dropped here, which reconciliation releases or starts again */
		:: port[b]==REFUSED && NOTHING(b,m) && MUTATION!=RELEASE_BEFORE_DROP -> journal[JN(b,m)] = J_NONE
		:: port[b]==REFUSED && NOTHING(b,m) && MUTATION==RELEASE_BEFORE_DROP && ask_kind[b]==0 && mode[b]==RUN -> ask(Q_RELEASE, m, journal_epoch[JN(b,m)], STARTED)
		:: else
		fi; port[b] = IDLE; port_m[b] = 0; port_p[b] = 0; stood_still[b] = false; m = 0 }
#if BACKUPS
	:: d_step { CLOSED && FREE && port[b]==IDLE && !NEWS(0) && !NEWS(1) && !uploaded[b] -> uploaded[b] = true }
#endif
	/* crash, at any step; PostgreSQL may still execute what was under way */
	:: atomic { crashes && mode[b]!=DOWN -> crashes--; mode[b] = DOWN; give_up(); beat[b] = 0; beat_old[b] = 0; lease[b] = false; lease_old[b] = false;
		port[b] = IDLE; port_m[b] = 0; port_p[b] = 0; stood_still[b] = false; epoch[b] = 0; watch[OTHER(b)] = W_NONE;
		if :: !gone[OTHER(b)] -> gone[b] = true :: true fi }
	:: atomic { mode[b]==DOWN && !gone[b] -> mode[b] = JOIN; n = 0;
		do :: n < 3 -> if :: part[b*3+n]==P_AIR -> part[b*3+n] = (MUTATION==AIR_NOT_DURABLE -> P_NOT : P_DOUBT) :: else fi; n++ :: else -> break od; n = 0;
		if
		:: restores -> restores--; first_epoch[b] = 255; forget(0); forget(1)
		:: true
		fi }
	/* rescue of the other box; each step is one statement with what the rescuer saw in its WHERE */
	:: atomic { mode[b]==RUN && (watch[OTHER(b)]==W_NONE || changed[OTHER(b)]) && (gone[OTHER(b)] || watches) ->
		if :: gone[OTHER(b)] :: else -> watches-- fi;
		watch[OTHER(b)] = W_WATCHING; changed[OTHER(b)] = false; lease_old[OTHER(b)] = lease[OTHER(b)]; beat_old[OTHER(b)] = (beat[OTHER(b)] > 0) }
	:: atomic { mode[b]==RUN && watch[OTHER(b)]==W_WATCHING && (!changed[OTHER(b)] || MUTATION==RESCUE_IGNORES_BEAT) && (MUTATION==RESCUE_IGNORES_LEASE || !(lease[OTHER(b)] && lease_old[OTHER(b)])) ->
		box_epoch[OTHER(b)]++; watch[OTHER(b)] = W_DEAD; if :: beat_old[OTHER(b)] -> beat_old[OTHER(b)] = 2 :: else fi }
	:: atomic { mode[b]==RUN && watch[OTHER(b)]==W_DEAD -> watch[OTHER(b)] = W_CLAIMS_BACK;
		for (n : 0 .. 1) {
			if
			:: (row_state[n]==CLAIMED || (MUTATION==STARTED_RESCUED_AT_ONCE && row_state[n]==STARTED)) && row_box[n]==OTHER(b) && row_epoch[n]!=box_epoch[OTHER(b)] -> to_waiting(n); settle(n)
			:: else
			fi }; n = 0 }
	:: atomic { mode[b]==RUN && watch[OTHER(b)]==W_CLAIMS_BACK && (!changed[OTHER(b)] || MUTATION==RESCUE_IGNORES_BEAT) && (MUTATION==SHORT_SECOND_WAIT || port[OTHER(b)] < CHECKED || stops) ->
		if :: port[OTHER(b)] < CHECKED || MUTATION==SHORT_SECOND_WAIT :: else -> stops--; stood_still[OTHER(b)] = true fi;
		watch[OTHER(b)] = W_DONE;
		for (n : 0 .. 1) {
			if
			:: row_state[n]==STARTED && row_box[n]==OTHER(b) && row_epoch[n]!=box_epoch[OTHER(b)] -> row_state[n] = IN_DOUBT; told[n] = false; settle(n)
			:: else
			fi }; n = 0 }
	od
}

/* PostgreSQL goes down: each request that is under way on any box loses its answer. Executed or not is a matter of order: what was
 * executed was executed before this step. A late request is lost with its connection. */
inline cut_off() {	/* box b, a local variable of the caller */
	if
	:: mode[b]!=DOWN && ask_kind[b] ->
		if :: ask_kind[b]==Q_ACCEPT -> said503 = true :: else fi;
		no_request();
		if :: NEW_EPOCH -> mode[b] = JOIN :: else fi
	:: else
	fi;
	beat[b] = 0; beat_old[b] = 0;
	late_kind[b] = 0; late_msg[b] = 0; late_epoch[b] = 0; late_arg[b] = 0
}
#define RETRYABLE(m) (POLICY==RETRY && !STARTS_CLOSED && row_state[m]==IN_DOUBT && !FIRST_KNOWN(0,m) && !FIRST_KNOWN(1,m) && (m==1 || told[m] || !NOT_BLIND))
/* what any box, a client or the network does */
active proctype others() {
	byte b;
end:	do
	:: atomic { RETRYABLE(0) -> retries[0]++; to_waiting(0) }
	:: atomic { RETRYABLE(1) -> retries[1]++; to_waiting(1) }
	:: atomic { cancels && (row_state[1]==WAITING || row_state[1]==CLAIMED || (MUTATION==CANCEL_ANY_STATE && row_state[1]==STARTED)) && (!CANCEL_409 || retries[1]==0) ->
		cancels--; to_final(1, CANCELLED) }
	:: atomic { moved_cards && handed_by[0] && !FIRST_KNOWN(0,0) -> moved_cards--; known[0] = true; settle(0) }		/* part 0 of message 0, box 0 */
	:: atomic { moved_cards && handed_by[2] && !FIRST_KNOWN(0,1) -> moved_cards--; known[2] = true; settle(1) }		/* message 1, box 0 */
	/* kill -9 of PostgreSQL and its restart */
	:: atomic { restarts -> restarts--; b = 0; cut_off(); b = 1; cut_off(); b = 0 }
#if BACKUPS
	:: d_step { backup==0 -> backup = 1;
		for (n : 0 .. 1) {
			old_state[n] = row_state[n]; old_box[n] = row_box[n]; old_epoch[n] = row_epoch[n];
			old_told[n] = told[n]; old_box_epoch[n] = box_epoch[n] };
		for (n : 0 .. 5) { old_known[n] = known[n] }; n = 0 }
	:: atomic { backup==1 -> backup = (BEHIND -> 2 : 3); b = 0; cut_off(); b = 1; cut_off(); b = 0;
		for (n : 0 .. 1) {
			row_state[n] = old_state[n]; row_box[n] = old_box[n]; row_epoch[n] = old_epoch[n];
			told[n] = old_told[n]; box_epoch[n] = old_box_epoch[n];
			old_state[n] = 0; old_box[n] = 0; old_epoch[n] = 0; old_told[n] = false; old_box_epoch[n] = 0;
			if :: BEHIND && mode[n]==RUN -> mode[n] = JOIN :: else fi };
		for (n : 0 .. 5) { known[n] = old_known[n]; old_known[n] = false }; n = 0 }
	/* `gatewayd fleet recovered` */
	:: d_step { CLOSED && uploaded[0] && uploaded[1] -> backup = 3; uploaded[0] = false; uploaded[1] = false }
#endif
	/* expiry: partly sent by a box that never comes back */
	:: atomic { row_state[0]==WAITING && ((gone[0] && FIRST_KNOWN(0,0) && !FIRST_KNOWN(1,0)) || (gone[1] && FIRST_KNOWN(1,0) && !FIRST_KNOWN(0,0))) -> to_final(0, FAILED) }
	od
}

/* P1: where nothing can happen any more, each message is settled. A doubt is left only where nobody can know. */
#define UNKNOWABLE(m) (row_state[m]==IN_DOUBT && (gone[row_box[m]] || row_epoch[m] < first_epoch[row_box[m]] || DOUBT(row_box[m],m)))
#define SETTLED(m) (row_state[m]==SENT || row_state[m]==CANCELLED || row_state[m]==FAILED || UNKNOWABLE(m))
active proctype the_end() {
end:	timeout -> assert(SETTLED(0) || MESSAGES==2); assert(SETTLED(1) || MESSAGES==1 || (ACCEPT && row_state[1]==NONE))
}
