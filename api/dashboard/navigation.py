"""The menu: the pages in groups, and those of them that a person may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flask import current_app, request, url_for

from api.dashboard.guard import known_viewer, roles_of
from config.language.text import Text


@dataclass(frozen=True, slots=True)
class Entry:
    """A page of the menu."""

    endpoint: str
    label: Text


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as a person sees it. `current`: the page that is shown belongs to it."""

    address: str
    label: Text
    current: bool


MENU: Final[tuple[tuple[Text, tuple[Entry, ...]], ...]] = (
    (
        Text("Messages"),
        (
            Entry("overview.overview", Text("Overview")),
            Entry("compose.compose", Text("New message")),
            Entry("messages.search", Text("Messages")),
            Entry("campaigns.campaigns", Text("Campaigns")),
            Entry("inbox.inbox", Text("Inbox")),
            Entry("opt_outs.opt_outs", Text("Opt-outs")),
        ),
    ),
    (
        Text("Modems"),
        (
            Entry("ports.ports", Text("Ports")),
            Entry("sims.sims", Text("SIM cards")),
        ),
    ),
    (
        Text("Customers"),
        (
            Entry("companies.companies", Text("Companies")),
            Entry("keys.keys", Text("API keys")),
            Entry("webhooks.webhooks", Text("Webhooks")),
            Entry("statement.statement", Text("Statement")),
        ),
    ),
    (
        Text("Box"),
        (
            Entry("start.start", Text("Set-up")),
            Entry("check.check", Text("Check")),
            Entry("fleet.fleet", Text("Fleet")),
            Entry("backups.backups", Text("Backups")),
            Entry("log.log", Text("Log")),
            Entry("configuration.configuration", Text("Configuration")),
            Entry("support.support", Text("Support")),
        ),
    ),
    (
        Text("Access"),
        (
            Entry("persons.persons", Text("Persons")),
            Entry("audit.audit", Text("Audit log")),
            Entry("account.account", Text("My account")),
        ),
    ),
)


def menu() -> list[tuple[Text, list[Link]]]:
    """The groups and links that the viewer may see."""
    person = known_viewer()
    if person is None:
        return []
    groups = []
    for label, entries in MENU:
        links = [
            Link(url_for(entry.endpoint), entry.label, entry.endpoint.partition(".")[0] in request.blueprints)
            for entry in entries
            if entry.endpoint in current_app.view_functions
            and person.role in roles_of(current_app, entry.endpoint)
        ]
        if links:
            groups.append((label, links))
    return groups
