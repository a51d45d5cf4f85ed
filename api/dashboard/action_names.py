"""The changes of the audit log in plain words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Final

from config.language.text import Text

ACTIONS: Final[Mapping[str, Text]] = {
    "backup": Text("Copy the database to a file"),
    "backup.make": Text("Make a backup"),
    "campaign.cancel": Text("Cancel a campaign"),
    "company.add": Text("Add a company"),
    "company.set": Text("Change a company"),
    "inbox.mark_read": Text("Mark texts as read"),
    "inbox.reply": Text("Reply to a text"),
    "key.add": Text("Create an API key"),
    "key.set": Text("Change an API key"),
    "loop_test": Text("Loop test of the SIM cards"),
    "message.cancel": Text("Cancel a message"),
    "message.send_many": Text("Send messages"),
    "message.settle": Text("Settle a message in doubt"),
    "numbers.choose": Text("Choose the country"),
    "opt_out.add": Text("Add an opt-out"),
    "opt_out.remove": Text("End an opt-out"),
    "port.add": Text("Add a port"),
    "port.pause": Text("Pause a port"),
    "port.remove": Text("Remove a port"),
    "port.restart": Text("Restart a modem"),
    "port.resume": Text("Resume a port"),
    "port.set": Text("Change a port"),
    "record": Text("Record a modem"),
    "send": Text("Send a message"),
    "sim.clear": Text("Let a suspected SIM card send again"),
    "sim.set": Text("Change a SIM card"),
    "user.add": Text("Add a person"),
    "user.add_first": Text("Add the first person"),
    "user.close_sessions": Text("Close sessions of a person"),
    "user.remove": Text("Remove a person"),
    "user.set": Text("Change a person"),
    "ussd": Text("Send a USSD code"),
    "ussd.forget": Text("Forget a learned balance"),
    "ussd.keep": Text("Keep a learned balance"),
    "ussd.learn": Text("Learn how a balance is read"),
    "webhook.add": Text("Add a webhook"),
    "webhook.remove": Text("Remove a webhook"),
    "webhook.replay": Text("Deliver events again"),
    "webhook.rotate": Text("Renew the secret of a webhook"),
    "webhook.set": Text("Change a webhook"),
    "webhook.test": Text("Test a webhook"),
}
"""Each administration command that changes something. A test fails where one is missing."""

_FIELDS: Final[Mapping[str, Text]] = {
    "active": Text("active"),
    "campaign": Text("campaign"),
    "company": Text("company"),
    "company_id": Text("company"),
    "cost": Text("cost"),
    "device": Text("device"),
    "key": Text("key"),
    "language": Text("language"),
    "login": Text("login"),
    "message": Text("message"),
    "name": Text("name"),
    "number": Text("number"),
    "operator": Text("operator"),
    "password": Text("password"),
    "pin": Text("PIN"),
    "port": Text("port"),
    "recipient": Text("recipient"),
    "role": Text("role"),
    "session": Text("session"),
    "sim": Text("SIM card"),
    "text": Text("text"),
    "url": Text("address"),
    "user": Text("person"),
    "webhook": Text("webhook"),
}


def action_name(action: str) -> str:
    """A change in words. An action of another version has only its own name."""
    return ACTIONS.get(action, action)


def details(text: str) -> list[tuple[str, str]]:
    """The arguments of a change, as pairs of name and value. `text`: of the entry; cut JSON becomes one value."""
    try:
        arguments = json.loads(text)
    except ValueError:
        return [("", text)]
    return list(_pairs(arguments)) if isinstance(arguments, dict) else [("", text)]


def _pairs(arguments: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name, value in arguments.items():
        if isinstance(value, dict):
            yield from _pairs(value)
        elif value not in (None, "", False):
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield _FIELDS.get(name, name), shown
        elif name == "active":
            yield _FIELDS[name], Text("no")
