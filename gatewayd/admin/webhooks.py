"""`gatewayd webhook …`: manage the webhooks of all companies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import with_config
from typing_extensions import TypedDict

from config.language.text import Sentences, Text, text_of
from gatewayd.admin.context import ONLY_THESE, Context, Id, Microseconds
from gatewayd.errors import AdminError, GatewayError, InvalidRequestError, NotFoundError, WrongUseError
from gatewayd.store.tables import accounts
from gatewayd.store.tables.webhooks import Webhook
from gatewayd.webhooks.documents import attempt_document, delivery_document, webhook_document
from gatewayd.webhooks.drafts import WebhookDraft
from gatewayd.webhooks.poster import Way
from gatewayd.webhooks.service import ReplayRequest, Webhooks


@with_config(ONLY_THESE)
class Changes(TypedDict, total=False):
    """The values of a webhook that `set_` may change. `types` None: all."""

    url: str
    types: list[str] | None
    description: str
    state: str


def add(
    context: Context,
    company: Id,
    url: str,
    types: list[str] | None = None,
    description: str = "",
    box: bool = False,
) -> dict[str, object]:
    """Make a webhook of a company. Only this answer and that of `rotate` contain its `secret`."""
    with context.shared.readers.lend() as db:
        if not accounts.company_exists(db, company):
            raise AdminError(Text("there is no company {company}", company=company))
    with _admin_errors():
        made = _service(context).create(None, company, WebhookDraft(url, types, description, box))
    return {**_shown(made), "secret": made.secrets[0]}


def list_(context: Context) -> list[dict[str, object]]:
    """List the webhooks of all companies."""
    return [_shown(webhook) for webhook in _service(context).list_(None)]


def show(context: Context, webhook: Id, status: str | None = None, limit: int = 20) -> dict[str, object]:
    """Return one webhook and its newest deliveries."""
    with _admin_errors(webhook):
        found = _service(context).one(None, webhook)
        newest, _ = _service(context).deliveries(None, webhook, status, limit, None)
    return {**_shown(found), "deliveries": [delivery_document(each) for each in newest]}


def set_(context: Context, webhook: Id, changes: Changes) -> dict[str, object]:
    """Change a webhook."""
    if not changes:
        raise WrongUseError(Text("name at least one change"))
    with _admin_errors(webhook):
        return _shown(_service(context).change(None, webhook, changes))


def rotate(context: Context, webhook: Id, revoke: bool = False) -> dict[str, object]:
    """Give a webhook a new secret, which the answer contains."""
    with _admin_errors(webhook):
        rotated = _service(context).rotate(None, webhook, revoke=revoke)
    return {**_shown(rotated), "secret": rotated.secrets[0]}


def test(context: Context, webhook: Id) -> dict[str, object]:
    """Send a test event through the running daemon."""
    with _admin_errors(webhook):
        return attempt_document(context.running().webhooks.test(None, webhook), with_response=True)


def replay(
    context: Context,
    webhook: Id,
    since: Microseconds | None = None,
    until: Microseconds | None = None,
    event: str | None = None,
    only: str | None = None,
) -> dict[str, object]:
    """Queue events again. Times are microseconds since the epoch: since ≤ event < until."""
    if only not in (None, "missing", "all"):
        raise WrongUseError(Text("only must be missing or all"))
    with _admin_errors(webhook):
        queued = _service(context).replay(None, webhook, ReplayRequest(since, until, event, only))
    return {"queued": queued.count, "complete": queued.complete}


def remove(context: Context, webhook: Id) -> dict[str, object]:
    """Delete a webhook."""
    with _admin_errors(webhook):
        return _shown(_service(context).remove(None, webhook))


def _service(context: Context) -> Webhooks:
    if context.gateway is not None:
        return context.gateway.webhooks
    return Webhooks(context.shared, context.moment, Way(), lambda _: None)


def _shown(webhook: Webhook) -> dict[str, object]:
    document = webhook_document(webhook)
    return {
        "id": document.pop("id"),
        "company": webhook.company_id,
        "key": webhook.key_id,
        **document,
    }


@contextmanager
def _admin_errors(webhook: int | None = None) -> Iterator[None]:
    """Raise AdminError where the gateway refuses."""
    try:
        yield
    except NotFoundError as error:
        raise AdminError(Text("there is no webhook {webhook}", webhook=webhook)) from error
    except InvalidRequestError as error:
        faults = [Sentences((fault.field, fault.message)) for fault in error.faults]
        raise AdminError(Sentences(faults, "; ")) from error
    except GatewayError as error:
        raise AdminError(text_of(error)) from error
