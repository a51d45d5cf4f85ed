"""Check the webhooks: a receiver that fails is told, by the id of its webhook alone."""

from __future__ import annotations

import os

from config.language.text import Text
from config.settings import Settings
from gatewayd.diagnostics.findings import Finding, ok, warning
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.inspection import look
from gatewayd.store.store_files import misowned
from gatewayd.store.tables import webhooks
from gatewayd.store.tables.webhooks import Webhook
from gatewayd.timekeeping.clock import iso

_ABOUT = Text("webhooks")


def check(settings: Settings) -> list[Finding]:
    """Return a warning for each webhook that fails or is paused; nothing without webhooks, or where they cannot be read."""
    store = settings.store.path
    try:
        if not os.access(store, os.R_OK) or misowned(store):
            return []
        found = look(store, webhooks.all_)
    except (OSError, StoreUnavailableError):
        return []
    notes = [warning(_ABOUT, _note(each)) for each in found if each.state in ("failing", "paused")]
    if notes or not found:
        return notes
    return [ok(_ABOUT, Text("No receiver of a webhook fails."))]


def _note(webhook: Webhook) -> Text:
    since = webhook.progress.failing_since
    failed = (
        Text("Webhook {webhook} has failed", webhook=webhook.id)
        if since is None
        else Text("Webhook {webhook} has failed since {time}", webhook=webhook.id, time=iso(since)[:19] + "Z")
    )
    show = Text(
        "`gatewayd webhook show {webhook}` shows why, `gatewayd webhook test {webhook}` tries it",
        webhook=webhook.id,
    )
    if webhook.state == "failing":
        return Text("{failed}, and its events are tried again: {show}.", failed=failed, show=show)
    return Text(
        "{failed} and is paused: {show}, `gatewayd webhook set {webhook} --state ok` sends what it missed.",
        failed=failed,
        show=show,
        webhook=webhook.id,
    )
