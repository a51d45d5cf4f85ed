"""`gatewayd key …`: manage the API keys of companies."""

from __future__ import annotations

from pydantic import with_config
from typing_extensions import TypedDict

from config.language.text import Text
from gatewayd.accounts import contradictions
from gatewayd.accounts.authenticator import SERVICES, new_key
from gatewayd.admin.context import ONLY_THESE, Context, Id, Microseconds
from gatewayd.errors import AdminError, WrongUseError
from gatewayd.records import RIGHTS
from gatewayd.store import Transaction
from gatewayd.store.tables import accounts
from gatewayd.store.tables.accounts import ApiKey
from gatewayd.timekeeping.clock import iso
from gatewayd.webhooks.service import disable_of_key


@with_config(ONLY_THESE)
class Changes(TypedDict, total=False):
    """The columns of a key that `set_` may change. `expires_at`: microseconds since the epoch."""

    active: bool
    expires_at: Microseconds | None
    rights: str


def add(
    context: Context,
    company: Id,
    service: str = "sms",
    admin: bool = False,
    rights: str = "",
    sandbox: bool = False,
    expires_at: Microseconds | None = None,
) -> dict[str, object]:
    """Create a key for a company. Only this answer contains the `key` itself."""
    if service not in SERVICES:
        raise WrongUseError(Text("the service must be one of {services}", services=", ".join(SERVICES)))
    if admin and sandbox:
        raise WrongUseError(Text("an administration key asks modems: a sandbox key cannot be one"))
    kept_rights = _rights(rights)
    made, at = new_key(), context.moment()

    def add_key(db: Transaction) -> int:
        if not accounts.company_exists(db, company):
            raise AdminError(Text("there is no company {company}", company=company))
        return accounts.add_key(
            db,
            company,
            made.prefix,
            made.digest,
            service=service,
            admin=admin,
            rights=kept_rights,
            sandbox=sandbox,
            expires_at=expires_at,
            now=at.now,
        )

    key_id = context.write_accounts(add_key)
    return context.noted({**_one(context, key_id), "key": made.key}, contradictions.of_key)


def list_(context: Context) -> list[dict[str, object]]:
    """List all keys by their first characters."""
    with context.shared.readers.lend() as db:
        return [_shown(row) for row in accounts.keys(db)]


def set_(context: Context, key: Id, changes: Changes) -> dict[str, object]:
    """Change a key's active flag, rights or expiry."""
    if not changes:
        raise WrongUseError(Text("name at least one change"))
    if "rights" in changes:
        changes = {**changes, "rights": _rights(changes["rights"])}
    now = context.moment().now

    def change(db: Transaction) -> list[int] | None:
        if not accounts.update(db, "api_keys", key, changes):
            return None
        return disable_of_key(db, key, now) if changes.get("active") is False else []

    disabled = context.write_accounts(change)
    if disabled is None:
        raise AdminError(Text("there is no key {key}", key=key))
    if context.gateway is not None:
        context.gateway.webhooks.changed_by_others(disabled)
    return context.noted(_one(context, key), contradictions.of_key)


def _one(context: Context, key_id: int) -> dict[str, object]:
    return next(one for one in list_(context) if one["id"] == key_id)


def _rights(names: str) -> str:
    """The rights as they are kept: without blanks and repetitions. Raises AdminError."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in RIGHTS]
    if unknown:
        raise WrongUseError(
            Text(
                "there is no right {right}: the rights are {rights}",
                right=unknown[0],
                rights=", ".join(RIGHTS),
            )
        )
    return ",".join(name for name in RIGHTS if name in wanted)


def _shown(row: ApiKey) -> dict[str, object]:
    return {
        "id": row.id,
        "company": row.company_id,
        "prefix": row.prefix,
        "service": row.service,
        "admin": bool(row.admin),
        "rights": [name for name in row.rights.split(",") if name],
        "sandbox": bool(row.sandbox),
        "active": bool(row.active),
        "expires": None if row.expires_at is None else iso(row.expires_at),
    }
