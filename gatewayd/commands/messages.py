"""`gatewayd message list|show|cancel|settle` and `gatewayd send`."""

from __future__ import annotations

import sys
from typing import Any

import click

from gatewayd.commands.common import administer, json_option, show, table
from gatewayd.commands.end_time import Time
from gatewayd.commands.output import say

_STATUSES = ("pending", "sent", "delivered", "failed", "cancelled")


@click.group()
def message() -> None:
    """Manage the messages of all companies."""


@message.command("list")
@click.option("--status", type=click.Choice(_STATUSES), help="Only messages with this status.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Messages to list."
)
@json_option
@click.pass_context
def list_(context: click.Context, status: str | None, limit: int, as_json: bool) -> None:
    """List the newest messages."""
    show(administer(context, "message.list", {"status": status, "limit": limit}), as_json)


@message.command("show")
@click.argument("sms_id", metavar="ID")
@json_option
@click.pass_context
def show_(context: click.Context, sms_id: str, as_json: bool) -> None:
    """Show one message, with its text."""
    _show(administer(context, "message.show", {"sms_id": sms_id}), as_json)


@message.command()
@click.argument("sms_id", metavar="ID")
@json_option
@click.pass_context
def cancel(context: click.Context, sms_id: str, as_json: bool) -> None:
    """Cancel a message of which no part was claimed by a port."""
    show(administer(context, "message.cancel", {"sms_id": sms_id}), as_json)


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
        hidden = ("meaning_fr",)
        rows = [
            {key: value for key, value in row.items() if key not in hidden} for row in message["attempts"]
        ]
        say(f"\n{table(rows)}")


@click.command()
@click.argument("text")
@json_option
@click.pass_context
def preview(context: click.Context, text: str, as_json: bool) -> None:
    """Tell how many parts a text takes, and what would make it cheaper. TEXT `-`: from standard input."""
    if text == "-":
        text = sys.stdin.read().rstrip("\n")
    found = administer(context, "preview", {"text": text})
    if as_json:
        show(found, as_json)
        return
    show({key: value for key, value in found.items() if key != "forcing"}, as_json)
    if found["forcing"]:
        rows = [{**one, "positions": ", ".join(map(str, one["positions"]))} for one in found["forcing"]]
        say(f"\n{table(rows)}")


@click.command()
@click.argument("number")
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
    """Send a text, and print its status within ten seconds."""
    arguments = {
        "recipient": number,
        "text": text,
        "company": company,
        "sim": sim,
        "priority": priority,
        "reference": reference,
        "send_at": send_at,
    }
    sent = administer(context, "send", arguments)
    show(sent, as_json)
    if sent["status"] == "failed":
        raise SystemExit(1)
