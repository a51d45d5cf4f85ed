"""The table of administration commands, and `run`, which checks the arguments from the control socket."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic import ConfigDict, ValidationError, validate_call

from config.language.text import Text, text_of
from gatewayd.admin import (
    audit,
    backup,
    campaigns,
    companies,
    fleet,
    inbox,
    keys,
    loop_test,
    message_search,
    messages,
    opt_outs,
    ports,
    recordings,
    sending,
    setup,
    sims,
    statement,
    status,
    support,
    users,
    ussd,
    watch,
    webhooks,
)
from gatewayd.admin.audit import Actor
from gatewayd.admin.context import Context
from gatewayd.errors import AdminError, WrongUseError
from gatewayd.store.engine.errors import StoreUnavailableError

# Checks a command's arguments against its annotations.
_checked = validate_call(config=ConfigDict(arbitrary_types_allowed=True, strict=True))


COMMANDS: Mapping[str, Callable[..., object]] = {
    "backup": _checked(backup.backup),
    "backup.make": _checked(backup.make),
    "campaign.cancel": _checked(campaigns.cancel),
    "campaign.list": _checked(campaigns.list_),
    "campaign.show": _checked(campaigns.show),
    "company.add": _checked(companies.add),
    "company.list": _checked(companies.list_),
    "company.set": _checked(companies.set_),
    "dashboard_token": _checked(setup.dashboard_token),
    "company.show": _checked(companies.show),
    "company.statement": _checked(statement.statement),
    "fleet.status": _checked(fleet.status),
    "inbox.list": _checked(inbox.list_),
    "inbox.mark_read": _checked(inbox.mark_read),
    "inbox.reply": _checked(inbox.reply),
    "inbox.unreadable": _checked(inbox.unreadable),
    "key.add": _checked(keys.add),
    "key.list": _checked(keys.list_),
    "key.set": _checked(keys.set_),
    "loop_test": _checked(loop_test.loop_test),
    "loop_test.list": _checked(loop_test.list_),
    "message.cancel": _checked(messages.cancel),
    "message.list": _checked(messages.list_),
    "message.plan": _checked(sending.plan),
    "message.search": _checked(message_search.search),
    "message.send_many": _checked(sending.send_many),
    "message.settle": _checked(messages.settle),
    "message.show": _checked(messages.show),
    "numbers.choose": _checked(setup.choose_numbers),
    "opt_out.add": _checked(opt_outs.add),
    "opt_out.list": _checked(opt_outs.list_),
    "opt_out.remove": _checked(opt_outs.remove),
    "port.add": _checked(ports.add),
    "port.conversation": _checked(ports.conversation),
    "port.discover": _checked(ports.discover),
    "port.found": _checked(ports.found),
    "port.history": _checked(ports.history),
    "port.list": _checked(ports.list_),
    "port.pause": _checked(ports.pause),
    "port.remove": _checked(ports.remove),
    "port.restart": _checked(ports.restart),
    "port.resume": _checked(ports.resume),
    "port.search": _checked(ports.search),
    "port.set": _checked(ports.set_),
    "preview": _checked(messages.preview),
    "record": _checked(recordings.record),
    "send": _checked(messages.send),
    "sim.clear": _checked(sims.clear),
    "sim.list": _checked(sims.list_),
    "sim.set": _checked(sims.set_),
    "sim.show": _checked(sims.show),
    "sim.usage": _checked(sims.usage),
    "status": _checked(status.status),
    "support.counts": _checked(support.counts),
    "support.transcripts": _checked(support.transcripts),
    "user.add": _checked(users.add),
    "user.add_first": _checked(users.add_first),
    "user.close_sessions": _checked(users.close_sessions),
    "user.list": _checked(users.list_),
    "user.remove": _checked(users.remove),
    "user.sessions": _checked(users.sessions),
    "user.set": _checked(users.set_),
    "ussd": _checked(ussd.ussd),
    "ussd.forget": _checked(ussd.forget),
    "ussd.keep": _checked(ussd.keep),
    "ussd.learn": _checked(ussd.learn),
    "ussd.list": _checked(ussd.list_),
    "watch": _checked(watch.watch),
    "webhook.add": _checked(webhooks.add),
    "webhook.list": _checked(webhooks.list_),
    "webhook.remove": _checked(webhooks.remove),
    "webhook.replay": _checked(webhooks.replay),
    "webhook.rotate": _checked(webhooks.rotate),
    "webhook.set": _checked(webhooks.set_),
    "webhook.show": _checked(webhooks.show),
    "webhook.test": _checked(webhooks.test),
}


READING = frozenset(
    {
        "campaign.list",
        "campaign.show",
        "company.list",
        "dashboard_token",
        "company.show",
        "company.statement",
        "fleet.status",
        "inbox.list",
        "inbox.unreadable",
        "key.list",
        "loop_test.list",
        "message.list",
        "message.plan",
        "message.search",
        "message.show",
        "opt_out.list",
        "port.conversation",
        "port.discover",
        "port.found",
        "port.history",
        "port.list",
        "port.search",
        "preview",
        "sim.list",
        "sim.show",
        "sim.usage",
        "status",
        "support.counts",
        "support.transcripts",
        "user.list",
        "user.sessions",
        "ussd.list",
        "watch",
        "webhook.list",
        "webhook.show",
    }
)
"""Commands that change nothing. The audit log does not name them."""


# A copy of the data is most needed when the disk is full or broken, so it is made even where it cannot be noted.
_ALSO_UNNOTED = frozenset({"backup"})


def run_as(context: Context, actor: Actor, command: str, arguments: Mapping[str, object]) -> object:
    """As `run`, on behalf of a person. A change is noted in the audit log before it begins, and when it ends."""
    if command in READING:
        return run(context, command, arguments)
    try:
        entry = audit.begin(context, actor, command, arguments)
    except StoreUnavailableError as error:
        if command in _ALSO_UNNOTED:
            return run(context, command, arguments)
        raise AdminError(text_of(error)) from error
    try:
        result = run(context, command, arguments)
    except AdminError as error:
        audit.end(context, entry, str(error))
        raise
    audit.end(context, entry, audit.DONE)
    return result


def run(context: Context, command: str, arguments: Mapping[str, object]) -> object:
    """Run a command; the result can be written as JSON, or is a generator of batches that can (see `control_socket`).

    Raises:
        AdminError: the command does not exist, an argument is wrong, or the command failed.
    """
    function = COMMANDS.get(command)
    if function is None:
        raise AdminError(
            Text("there is no command {command!r}: does the daemon have another version?", command=command)
        )
    if not _is_text(arguments):
        raise WrongUseError(Text("{command}: an argument is not UTF-8 text", command=command))
    try:
        return function(context, **arguments)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise WrongUseError(f"{command}: {faults}") from error
    except StoreUnavailableError as error:
        raise AdminError(text_of(error)) from error


def _is_text(value: object) -> bool:
    """True if every text in the value is UTF-8: a lone surrogate stands for a byte that is not."""
    if isinstance(value, str):
        return not any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, Mapping):
        return all(_is_text(key) and _is_text(each) for key, each in value.items())
    return not isinstance(value, list) or all(map(_is_text, value))
