"""Check the webhooks: a receiver that fails is told, by the id of its webhook alone."""

from __future__ import annotations

import os

from config.settings import Settings
from gatewayd.diagnostics.findings import Finding, ok, warning
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.inspection import look
from gatewayd.store.store_files import misowned
from gatewayd.store.tables import webhooks
from gatewayd.store.tables.webhooks import Webhook
from gatewayd.timekeeping.clock import iso

_ABOUT = "webhooks"


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
    return [ok(_ABOUT, "No receiver of a webhook fails.")]


def _note(webhook: Webhook) -> str:
    since = webhook.progress.failing_since
    for_how_long = "" if since is None else f" since {iso(since)[:19]}Z"
    show = f"`gatewayd webhook show {webhook.id}` shows why, `gatewayd webhook test {webhook.id}` tries it"
    if webhook.state == "failing":
        return f"Webhook {webhook.id} has failed{for_how_long}, and its events are tried again: {show}."
    go_on = f"`gatewayd webhook set {webhook.id} --state ok` sends what it missed"
    return f"Webhook {webhook.id} has failed{for_how_long} and is paused: {show}, {go_on}."
