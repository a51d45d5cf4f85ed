"""`gatewayd message list|show|cancel|settle` and `gatewayd send`."""

from __future__ import annotations

from typing import Any

import click

from gatewayd.commands.common import administer, json_option, show, table
from gatewayd.commands.output import say

_STATUSES = ("pending", "sent", "delivered", "failed", "cancelled")


@click.group()
def message() -> None:
    """The messages of all companies."""


@message.command("list")
@click.option("--status", type=click.Choice(_STATUSES), help="Only those.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many.")
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
    """Cancel a message that no modem was given yet."""
    show(administer(context, "message.cancel", {"sms_id": sms_id}), as_json)


@message.command()
@click.argument("sms_id", metavar="ID")
@click.argument("verdict", type=click.Choice(("sent", "failed", "retry")))
@json_option
@click.pass_context
def settle(context: click.Context, sms_id: str, verdict: str, as_json: bool) -> None:
    """Say what became of a message in doubt: it was sent, it failed, or it is to be sent again."""
    _show(administer(context, "message.settle", {"sms_id": sms_id, "verdict": verdict}), as_json)


def _show(told: dict[str, Any], as_json: bool) -> None:
    """One message with its attempts as a table of their own."""
    if as_json:
        show(told, as_json)
        return
    show({key: value for key, value in told.items() if key != "attempts"}, as_json)
    if told["attempts"]:
        hidden = ("meaning_fr",)
        rows = [{key: value for key, value in row.items() if key not in hidden} for row in told["attempts"]]
        say(f"\n{table(rows)}")


@click.command()
@click.argument("number")
@click.argument("text")
@click.option("--company", type=int, help="In whose name: a company's id. Default: the first active one.")
@click.option("--sim", type=int, help="The id of the SIM to use.")
@click.option(
    "--priority",
    type=click.Choice(("otp", "normal", "bulk")),
    default="normal",
    show_default=True,
    help="What waits.",
)
@json_option
@click.pass_context
def send(
    context: click.Context,
    number: str,
    text: str,
    company: int | None,
    sim: int | None,
    priority: str,
    as_json: bool,
) -> None:
    """Send a text, and say what became of it within ten seconds."""
    arguments = {"recipient": number, "text": text, "company": company, "sim": sim, "priority": priority}
    sent = administer(context, "send", arguments)
    show(sent, as_json)
    if sent["status"] == "failed":
        raise SystemExit(1)
