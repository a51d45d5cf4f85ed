"""`gatewayd message list|show|cancel|settle`, `gatewayd send` and `gatewayd preview`."""

from __future__ import annotations

import sys
from typing import Any

import click

from config.language.text import Text
from gatewayd.commands import tables
from gatewayd.commands.command_help import examples
from gatewayd.commands.common import administer, json_option, show, show_list, wide_option
from gatewayd.commands.end_time import Time
from gatewayd.commands.invocation import language
from gatewayd.commands.output import say
from gatewayd.commands.progress import elapsed
from gatewayd.commands.tables import Column, Row, listing, of, short

_STATUSES = ("pending", "sent", "delivered", "failed", "cancelled")


_COLUMNS = (
    Column(Text("created"), lambda entry: short(entry["created_at"])),
    of("recipient"),
    of("status"),
    of("sms_id", cut=True),
)
_ATTEMPT_COLUMNS = (
    of("part"),
    Column(Text("at"), lambda entry: short(entry["at"])),
    of("sim_number", Text("SIM")),
    of("port"),
    of("outcome"),
    of("code"),
)


@examples(
    "gatewayd message list --status failed", "gatewayd message show 0199c7a4-5b1e-7cc0-8f5e-6d2a9f1b3c4d"
)
@click.group()
def message() -> None:
    """Manage the messages of all companies."""


@examples("gatewayd message list", "gatewayd message list --status pending --limit 100")
@message.command("list")
@click.option("--status", type=click.Choice(_STATUSES), help="Only messages with this status.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Messages to list."
)
@wide_option
@json_option
@click.pass_context
def list_(context: click.Context, status: str | None, limit: int, wide: bool, as_json: bool) -> None:
    """List the newest messages."""
    show_list(
        "messages",
        administer(context, "message.list", {"status": status, "limit": limit}),
        _COLUMNS,
        as_json=as_json,
        wide=wide,
        empty=_no_message(status),
        note=lambda entry: entry["failure_reason"] or "",
    )


def _no_message(status: str | None) -> Text:
    if status is None:
        return Text("There is no message yet: `gatewayd send NUMBER TEXT` sends one.")
    return Text("No message has the status {status}.", status=tables.value("status", status))


@examples("gatewayd message show 0199c7a4-5b1e-7cc0-8f5e-6d2a9f1b3c4d")
@message.command("show")
@click.argument("sms_id", metavar="ID")
@json_option
@click.pass_context
def show_(context: click.Context, sms_id: str, as_json: bool) -> None:
    """Show one message, with its text."""
    _show(administer(context, "message.show", {"sms_id": sms_id}), as_json)


@examples("gatewayd message cancel 0199c7a4-5b1e-7cc0-8f5e-6d2a9f1b3c4d")
@message.command()
@click.argument("sms_id", metavar="ID")
@json_option
@click.pass_context
def cancel(context: click.Context, sms_id: str, as_json: bool) -> None:
    """Cancel a message of which no part was claimed by a port."""
    show(administer(context, "message.cancel", {"sms_id": sms_id}), as_json)


@examples("gatewayd message settle 0199c7a4-5b1e-7cc0-8f5e-6d2a9f1b3c4d sent")
@message.command()
@click.argument("sms_id", metavar="ID")
@click.argument("verdict", type=click.Choice(("sent", "failed", "retry")))
@json_option
@click.pass_context
def settle(context: click.Context, sms_id: str, verdict: str, as_json: bool) -> None:
    """Settle a message in doubt: it was sent, it failed, or it is to be sent again."""
    _show(administer(context, "message.settle", {"sms_id": sms_id, "verdict": verdict}), as_json)


def _show(message: dict[str, Any], as_json: bool) -> None:
    """Print one message, and its attempts as a second table."""
    if as_json:
        show(message, as_json)
        return
    show({key: value for key, value in message.items() if key != "attempts"}, as_json)
    if message["attempts"]:
        say(f"\n{listing(message['attempts'], _ATTEMPT_COLUMNS, _meaning)}")


def _meaning(attempt: Row) -> str:
    """The meaning of an attempt's outcome, in the language of the call."""
    return str(attempt["meaning_fr" if language() == "fr" else "meaning"] or "")


@examples("gatewayd preview 'Hello'", "gatewayd preview - < text.txt")
@click.command()
@click.argument("text")
@json_option
@click.pass_context
def preview(context: click.Context, text: str, as_json: bool) -> None:
    """Tell how many parts a text takes, and what would make it cheaper. TEXT `-`: from standard input."""
    found = administer(context, "preview", {"text": _given(text)})
    if as_json:
        show(found, as_json)
        return
    show({key: value for key, value in found.items() if key != "forcing"}, as_json)
    if found["forcing"]:
        say(f"\n{listing(found['forcing'], [of(key, cut=True) for key in found['forcing'][0]])}")


def _given(text: str) -> str:
    """The text that was typed, or that of standard input for `-`."""
    return sys.stdin.read().rstrip("\n") if text == "-" else text


@examples(
    "gatewayd send 70123456 'Hello'",
    "gatewayd send 70123456 - < text.txt",
    "gatewayd send 70123456 'Good morning' --at '2026-12-01 08:00'",
)
@click.command()
@click.argument("number", metavar="RECIPIENT")
@click.argument("text")
@click.option("--company", type=int, help="The id of the company that sends. Default: the first active one.")
@click.option("--sim", type=int, help="The id of the SIM to use.")
@click.option(
    "--priority",
    type=click.Choice(("otp", "normal", "bulk")),
    default="normal",
    show_default=True,
    help="The priority in the queue.",
)
@click.option("--reference", help="An id of your own, which is given back with the message.")
@click.option("--at", "send_at", type=Time(), help="Send it at this time, at most a year ahead.")
@json_option
@click.pass_context
def send(
    context: click.Context,
    number: str,
    text: str,
    company: int | None,
    sim: int | None,
    priority: str,
    reference: str | None,
    send_at: int | None,
    as_json: bool,
) -> None:
    """Send a text, and print its status within ten seconds. TEXT `-`: from standard input."""
    arguments = {
        "recipient": number,
        "text": _given(text),
        "company": company,
        "sim": sim,
        "priority": priority,
        "reference": reference,
        "send_at": send_at,
    }
    with elapsed(Text("Sending")):
        sent = administer(context, "send", arguments)
    show(sent, as_json)
    if sent["status"] == "failed":
        raise SystemExit(1)
