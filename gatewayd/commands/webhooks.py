"""`gatewayd webhook add|list|show|set|rotate|test|replay|remove`."""

from __future__ import annotations

from typing import Any

import click

from config.language.text import Text
from gatewayd.commands.command_help import examples
from gatewayd.commands.common import administer, given, json_option, show, show_list, wide_option
from gatewayd.commands.end_time import EndTime, StartTime
from gatewayd.commands.output import say
from gatewayd.commands.tables import Column, Row, listing, of, short

_STATES = ("pending", "delivered", "failed")


class _Types(click.ParamType[Any]):
    """Types of events with commas between them, or `all` for None."""

    name = "types"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[str] | None:
        """See `click.ParamType.convert`."""
        if value is None or isinstance(value, list) or value == "all":
            return None if value == "all" else value
        return [name.strip() for name in value.split(",") if name.strip()]


def _last(delivery: Row) -> Row:
    """The last attempt of a delivery; {} where none was made."""
    return delivery["attempts"][-1] if delivery["attempts"] else {}


def _error(delivery: Row) -> str:
    return _last(delivery).get("error") or ""


_COLUMNS = (
    of("id"),
    of("company"),
    of("scope"),
    of("state"),
    Column(Text("failing since"), lambda entry: short(entry["failing_since"])),
    of("url", cut=True),
)
_DELIVERY_COLUMNS = (
    Column(Text("event"), lambda entry: entry["event"]["type"]),
    of("status"),
    Column(Text("attempts"), lambda entry: len(entry["attempts"])),
    Column(Text("last"), lambda entry: short(_last(entry).get("at"))),
    Column(Text("code"), lambda entry: _last(entry).get("status_code")),
    Column(Text("next"), lambda entry: short(entry["next_attempt_at"])),
)


@examples("gatewayd webhook add https://example.org/sms --company 1", "gatewayd webhook list")
@click.group()
def webhook() -> None:
    """Manage the URLs to which events are posted."""


@examples("gatewayd webhook add https://example.org/sms --company 1")
@webhook.command()
@click.argument("url")
@click.option("--company", required=True, type=int, help="The company's id.")
@click.option("--types", type=_Types(), default="all", help="Types of events, with commas; by default all.")
@click.option("--description", default="", help="A text for people.")
@click.option("--box", is_flag=True, help="Send the events of the box instead of those of the company.")
@json_option
@click.pass_context
def add(
    context: click.Context,
    url: str,
    company: int,
    types: list[str] | None,
    description: str,
    box: bool,
    as_json: bool,
) -> None:
    """Post the events of a company to URL. The secret for the signatures is shown now and never again."""
    arguments = {"company": company, "url": url, "types": types, "description": description, "box": box}
    _show_secret(administer(context, "webhook.add", arguments), as_json)


@examples("gatewayd webhook list")
@webhook.command("list")
@wide_option
@json_option
@click.pass_context
def list_(context: click.Context, wide: bool, as_json: bool) -> None:
    """List the webhooks of all companies."""
    show_list(
        "webhooks",
        administer(context, "webhook.list"),
        _COLUMNS,
        as_json=as_json,
        wide=wide,
        empty=Text("There is no webhook yet: `gatewayd webhook add URL --company ID` adds one."),
    )


@examples("gatewayd webhook show 1", "gatewayd webhook show 1 --status failed")
@webhook.command("show")
@click.argument("webhook_id", metavar="ID", type=int)
@click.option("--status", type=click.Choice(_STATES), help="Only deliveries with this status.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Deliveries to list."
)
@json_option
@click.pass_context
def show_(context: click.Context, webhook_id: int, status: str | None, limit: int, as_json: bool) -> None:
    """Show one webhook and its newest deliveries."""
    arguments = {"webhook": webhook_id, "status": status, "limit": limit}
    found = administer(context, "webhook.show", arguments)
    if as_json:
        show(found, as_json)
        return
    newest = found.pop("deliveries")
    _show_one(found)
    if newest:
        say(f"\n{listing(newest, _DELIVERY_COLUMNS, _error)}")
    else:
        say(
            Text(
                "\nNothing was delivered yet: `gatewayd webhook test {id}` sends a test event.", id=webhook_id
            )
        )


@examples("gatewayd webhook set 1 --state ok", "gatewayd webhook set 1 --types all")
@webhook.command("set")
@click.argument("webhook_id", metavar="ID", type=int)
@click.option("--url", help="Its URL.")
@click.option("--types", type=_Types(), help="Types of events, with commas; all: every type.")
@click.option("--description", help="A text for people.")
@click.option("--state", type=click.Choice(("ok", "disabled")), help="Stop it, or let it go on.")
@json_option
@click.pass_context
def set_(context: click.Context, /, webhook_id: int, as_json: bool, **_: object) -> None:
    """Change a webhook. The change takes effect at once."""
    names = ("url", "types", "description", "state")
    changes = given(context, {name: name for name in names})
    _show(administer(context, "webhook.set", {"webhook": webhook_id, "changes": changes}), as_json)


@examples("gatewayd webhook rotate 1")
@webhook.command()
@click.argument("webhook_id", metavar="ID", type=int)
@click.option("--revoke", is_flag=True, help="End the old secret at once.")
@json_option
@click.pass_context
def rotate(context: click.Context, webhook_id: int, revoke: bool, as_json: bool) -> None:
    """Make a new secret, which is shown now and never again. The old one signs for another day too."""
    rotated = administer(context, "webhook.rotate", {"webhook": webhook_id, "revoke": revoke})
    _show_secret(rotated, as_json)


@examples("gatewayd webhook test 1")
@webhook.command()
@click.argument("webhook_id", metavar="ID", type=int)
@json_option
@click.pass_context
def test(context: click.Context, webhook_id: int, as_json: bool) -> None:
    """Send a test event now, and show the answer. The exit code is 1 where it was not delivered."""
    done = administer(context, "webhook.test", {"webhook": webhook_id})
    show(done, as_json)
    if done["error"] is not None:
        raise SystemExit(1)


@examples("gatewayd webhook replay 1 --since 2026-11-30 --only all")
@webhook.command()
@click.argument("webhook_id", metavar="ID", type=int)
@click.option("--since", type=StartTime(), help="Events from then on; a date: from its beginning.")
@click.option("--until", type=EndTime(), help="Events before then; a date: until its end.")
@click.option("--event", help="One event, by its id.")
@click.option(
    "--only",
    type=click.Choice(("missing", "all")),
    help="The events that failed, or all; by default all with --event, else missing.",
)
@json_option
@click.pass_context
def replay(
    context: click.Context,
    webhook_id: int,
    since: int | None,
    until: int | None,
    event: str | None,
    only: str | None,
    as_json: bool,
) -> None:
    """Send events again."""
    arguments = {"webhook": webhook_id, "since": since, "until": until, "event": event, "only": only}
    show(administer(context, "webhook.replay", arguments), as_json)


@examples("gatewayd webhook remove 1")
@webhook.command()
@click.argument("webhook_id", metavar="ID", type=int)
@json_option
@click.pass_context
def remove(context: click.Context, webhook_id: int, as_json: bool) -> None:
    """Delete a webhook. Events that were not delivered are not delivered any more."""
    _show(administer(context, "webhook.remove", {"webhook": webhook_id}), as_json)


def _show_secret(made: dict[str, Any], as_json: bool) -> None:
    _show(made, as_json)
    if not as_json:
        say(Text("\nStore the secret now: it is not shown again."))


def _show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show(found, as_json)
    else:
        _show_one(found)


def _show_one(found: dict[str, Any]) -> None:
    types = found["types"]
    show({**found, "types": Text("all") if types is None else types}, as_json=False)
