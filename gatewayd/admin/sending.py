"""`message.plan` and `message.send_many`: a text to many recipients, with the cells of a table in it."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Annotated, Final, Literal

from pydantic import Field

from config.language.text import Text
from gatewayd.admin.campaigns import CampaignId
from gatewayd.admin.context import Context, Id, Microseconds, one_company
from gatewayd.admin.messages import check_sim, check_text
from gatewayd.admin.refusals import explained
from gatewayd.errors import (
    AdminError,
    ConflictError,
    GatewayError,
    OptedOutError,
    SimUnavailableError,
    StorageUnavailableError,
)
from gatewayd.gateway import Gateway
from gatewayd.messages import recipient_list
from gatewayd.messages.personal_texts import LeftOut, PersonalTexts, personal_texts
from gatewayd.messages.recipient_list import RecipientListError
from gatewayd.records import (
    TRANSACTIONAL,
    Accepted,
    Caller,
    Draft,
    Idempotency,
    MessageRecord,
    Options,
    Priority,
    Replay,
)
from gatewayd.sims.numbering import without_separators
from gatewayd.store.tables import accounts, opt_outs

# Messages in one transaction: it takes some ten milliseconds, so that the modems' writes need not wait.
_AT_ONCE: Final = 200

# A repeated request waits for the first one for at most this time, looking this often.
_LONGEST_WAIT_S: Final = 30.0
_LOOK_S: Final = 0.1

# Rows and texts that a plan shows of each kind.
_SHOWN: Final = 200
_SAMPLES: Final = 3

_Recipients = Annotated[str, Field(min_length=1)]
_Reference = Annotated[str, Field(min_length=1, max_length=255)]
_Key = Annotated[str, Field(min_length=16, max_length=64)]
_Priority = Literal["otp", "normal", "bulk"]

# Reasons for which a message of many is refused alone.
_REFUSALS: Final[Mapping[str, GatewayError]] = {
    "opted_out": OptedOutError(),
    "sim_unavailable": SimUnavailableError(),
}


def plan(
    context: Context,
    recipients: _Recipients,
    text: str,
    company: Id | None = None,
    sim: Id | None = None,
    campaign: CampaignId | None = None,
    priority: _Priority = "normal",
    reference: _Reference | None = None,
    send_at: Microseconds | None = None,
    transactional: bool = False,
) -> dict[str, object]:
    """Return the result that `send_many` would have now: messages, parts, cost, SIMs, and the rows that it leaves out."""
    gateway, company_id = context.running(), one_company(context, company)
    found = _drafts(gateway, recipients, text, reference)
    options = _options(context, company_id, sim, campaign, priority, send_at, transactional=transactional)
    caller = _caller(company_id)
    with context.shared.lists.lend() as db:
        stoppable = _is_stoppable(found.drafts, options) or accounts.blocks_all(db, company_id)
        numbers = [draft.recipient for draft in found.drafts]
        blocked = opt_outs.among(db, caller, numbers) if stoppable and not transactional else set()
    drafts = [draft for draft in found.drafts if draft.recipient not in blocked]
    try:
        shares = gateway.send_plan(caller, drafts, sim)
        quota = gateway.quota(caller)
    except GatewayError as error:
        raise AdminError(explained(error)) from error
    return {
        "company": company_id,
        "messages": len(drafts),
        "parts": shares.parts,
        "cost": shares.cost,
        "sims": [
            {
                "sim": one.sim_id,
                "number": one.number,
                "operator": one.operator,
                "messages": one.messages,
                "parts": one.parts,
                "cost": round(one.cost, 9),
            }
            for one in shares.shares
        ],
        "without_sim": shares.without_sim,
        "quota_left": quota.remaining,
        "opted_out": sorted(blocked)[:_SHOWN],
        "opted_out_count": len(blocked),
        **_left_out("faults", found.faults),
        **_left_out("duplicates", found.duplicates),
        "samples": [{"recipient": draft.recipient, "message": draft.text} for draft in drafts[:_SAMPLES]],
    }


def send_many(
    context: Context,
    key: _Key,
    recipients: _Recipients,
    text: str,
    company: Id | None = None,
    sim: Id | None = None,
    campaign: CampaignId | None = None,
    priority: _Priority = "normal",
    reference: _Reference | None = None,
    send_at: Microseconds | None = None,
    transactional: bool = False,
) -> dict[str, object]:
    """Send a text to each recipient of a list, some at a time.

    `key`: a repetition with the same key sends nothing twice, and sends those messages that the first one could not.
    """
    gateway, company_id = context.running(), one_company(context, company)
    drafts = _drafts(gateway, recipients, text, reference).drafts
    if not drafts:
        raise AdminError(Text("no recipient of the list can get a message"))
    options = _options(context, company_id, sim, campaign, priority, send_at, transactional=transactional)
    caller = _caller(company_id)
    deadline = context.clock.monotonic() + _LONGEST_WAIT_S
    accepted, refused, first, stopped = 0, Counter[str](), None, None
    for begin in range(0, len(drafts), _AT_ONCE):
        some = drafts[begin : begin + _AT_ONCE]
        used = _key(f"{key}-{begin // _AT_ONCE}", some, options)
        try:
            done = _send_some(context, gateway, caller, some, options, used, deadline)
        except GatewayError as error:
            if accepted == 0:
                raise AdminError(explained(error)) from error
            stopped = explained(error)
            break
        accepted += done.accepted
        refused.update(done.refused)
        first = first or done.first
    reasons = [{"reason": explained(_REFUSALS[kind]), "messages": count} for kind, count in refused.items()]
    return {
        "company": company_id,
        "campaign": campaign,
        "accepted": accepted,
        "refused": sum(refused.values()),
        "reasons": reasons,
        "not_sent": len(drafts) - accepted - sum(refused.values()),
        "stopped": stopped,
        "first": first,
    }


@dataclass(frozen=True, slots=True)
class _Done:
    """The result of some messages: how many were accepted, the id of the first, and the refused ones by their reason."""

    accepted: int
    first: str | None
    refused: Mapping[str, int]


def _send_some(
    context: Context,
    gateway: Gateway,
    caller: Caller,
    drafts: Sequence[Draft],
    options: Options,
    key: Idempotency,
    deadline: float,
) -> _Done:
    """Keep some messages, or find the result of the first request that kept them. Raises GatewayError."""
    while True:
        try:
            result, replayed = _submit(gateway, caller, drafts, options, key)
        except ConflictError:
            # Another request with this key is being answered: a person pressed the button twice.
            if context.clock.monotonic() > deadline:
                raise
            time.sleep(_LOOK_S)
            continue
        break
    if isinstance(result, Replay):
        return _Done(**json.loads(result.body))
    done = _counted(result)
    if not replayed and done.accepted:
        _keep(gateway, caller, key, done)
    return done


def _keep(gateway: Gateway, caller: Caller, key: Idempotency, done: _Done) -> None:
    """Keep the result for repetitions. Where that fails, they are answered from the messages."""
    kept = False
    try:
        with suppress(StorageUnavailableError):
            gateway.answered(caller, key, 200, json.dumps(asdict(done)))
            kept = True
    finally:
        if not kept:
            gateway.abandoned(caller, key)


def _submit(
    gateway: Gateway, caller: Caller, drafts: Sequence[Draft], options: Options, key: Idempotency
) -> tuple[list[Accepted | GatewayError] | Replay, bool]:
    """One message alone is none of a campaign, so that an opt-out from campaigns does not stop it."""
    if len(drafts) > 1 or options.campaign_id is not None:
        return gateway.submit_bulk(caller, list(drafts), options, key)
    result, replayed = gateway.submit(caller, drafts[0], options, key, 0.0)
    if isinstance(result, MessageRecord):
        return [Accepted(result.sms_id, result.task_id, result.sim_number)], replayed
    return result, replayed


def _counted(results: Sequence[Accepted | GatewayError]) -> _Done:
    ids = [one.sms_id for one in results if isinstance(one, Accepted)]
    kinds = {type(error): kind for kind, error in _REFUSALS.items()}
    refused = Counter(kinds[type(one)] for one in results if isinstance(one, GatewayError))
    return _Done(len(ids), ids[0] if ids else None, dict(refused))


def _drafts(gateway: Gateway, recipients: str, text: str, reference: str | None) -> PersonalTexts:
    """The messages of a text and a list. Raises AdminError."""
    check_text(text)

    def e164(number: str) -> str:
        return gateway.e164(without_separators(number))

    try:
        return personal_texts(recipient_list.parsed(recipients), text, reference, e164)
    except RecipientListError as error:
        raise AdminError(error.text) from error


def _options(
    context: Context,
    company_id: int,
    sim: int | None,
    campaign: int | None,
    priority: str,
    send_at: int | None,
    *,
    transactional: bool,
) -> Options:
    """The options of the messages. Raises AdminError."""
    if sim is not None:
        check_sim(context, sim, company_id)
    if send_at is not None and send_at > context.running().latest_send_at():
        raise AdminError(Text("a message can be scheduled at most a year ahead"))
    return Options(
        sim_id=sim,
        campaign_id=campaign,
        priority=Priority[priority.upper()],
        send_at=send_at,
        transactional=transactional,
    )


def _caller(company_id: int) -> Caller:
    return Caller(0, company_id, admin=True, rights=frozenset({TRANSACTIONAL}))


def _is_stoppable(drafts: Sequence[Draft], options: Options) -> bool:
    """Whether an opt-out stops these messages: those of campaigns, bulk ones, and those to many."""
    return len(drafts) > 1 or options.campaign_id is not None or options.priority is Priority.BULK


def _left_out(name: str, rows: Sequence[LeftOut]) -> dict[str, object]:
    shown = [{"line": row.line, "number": row.number[:40], "reason": row.reason} for row in rows[:_SHOWN]]
    return {name: shown, f"{name}_count": len(rows)}


def _key(key: str, drafts: Sequence[Draft], options: Options) -> Idempotency:
    content = json.dumps([[asdict(draft) for draft in drafts], asdict(options)])
    return Idempotency(key, hashlib.sha256(content.encode()).digest())
