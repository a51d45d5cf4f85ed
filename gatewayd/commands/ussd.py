"""`gatewayd ussd [send]|learn|learned|forget`."""

from __future__ import annotations

from typing import Any

import click

from gatewayd.commands.common import administer, fail, json_option, show
from gatewayd.commands.output import say
from gatewayd.escaping import printable


class _Ussd(click.Group):
    """A port in place of a command's name means `send`."""

    default_command = "send"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See `click.Group.parse_args`."""
        if args and args[0] not in self.commands and args[0] not in self.get_help_option_names(ctx):
            args = [self.default_command, *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Ussd)
def ussd() -> None:
    """Send USSD codes, `gatewayd ussd 1 '*123#'`, and learn how balances are read."""


@ussd.command("send")
@click.argument("port", type=int)
@click.argument("codes", metavar="CODE [REPLY]...", nargs=-1, required=True)
@click.option("--slot", type=int, help="The slot of the SIM to use. Default: the active one.")
@json_option
@click.pass_context
def send(context: click.Context, port: int, codes: tuple[str, ...], slot: int | None, as_json: bool) -> None:
    """Send a USSD code through a running daemon: `gatewayd ussd 1 '*123#'`. Further words are replies to the network's menus."""
    from gatewayd.sims.ussd import timeout_s

    arguments = {"port": port, "codes": list(codes), "slot": slot}
    result = administer(context, "ussd", arguments, timeout_s(len(codes)))
    if as_json:
        show(result, as_json)
    else:
        say("\n\n".join(result["answers"]))
    if result["replies_unsaid"]:
        fail("the network ended the session before all replies were sent")
    if result["session"] == "open" and not as_json:
        say(
            "\nThe network waits for a reply: run the command again, with the reply as one more word.",
            err=True,
        )


@ussd.command()
@click.argument("port", type=int)
@click.argument("code")
@click.option("--slot", type=int, help="The slot of the SIM to use. Default: the active one.")
@click.option("--reply", "replies", multiple=True, help="The reply to a menu. May be repeated.")
@click.option("--pattern", help="A regular expression to use instead of the proposed one.")
@click.option(
    "--for-sim", is_flag=True, help="Keep it for this SIM alone. Default: for all SIMs of its operator."
)
@click.option("--yes", is_flag=True, help="Keep it without a question.")
@json_option
@click.pass_context
def learn(
    context: click.Context,
    /,
    port: int,
    code: str,
    slot: int | None,
    replies: tuple[str, ...],
    pattern: str | None,
    for_sim: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Send the code for the balance, show what can be read in its answer, and ask whether to read balances so from now on.

    With `--json` nothing is asked: `--yes` keeps it.
    """
    from gatewayd.sims.ussd import timeout_s

    codes = [code, *replies]
    arguments = {"port": port, "codes": codes, "slot": slot, "pattern": pattern}
    lesson = administer(context, "ussd.learn", arguments, timeout_s(len(codes)))
    if not as_json:
        _show_lesson(lesson)
    if not lesson["readable"]:
        if as_json:
            show(lesson, as_json)
        fail(_unreadable(lesson, given=pattern is not None))
    if yes or (not as_json and click.confirm(printable(_question(lesson, for_sim=for_sim)))):
        kept = {"sim": lesson["sim"], "codes": codes, "pattern": lesson["pattern"], "for_sim": for_sim}
        lesson["kept"] = administer(context, "ussd.keep", kept)
        if not as_json:
            say("It is kept, and this balance is recorded.")
    if as_json:
        show(lesson, as_json)


@ussd.command()
@json_option
@click.pass_context
def learned(context: click.Context, as_json: bool) -> None:
    """List the codes and patterns that were learned."""
    show(administer(context, "ussd.list"), as_json)


@ussd.command()
@click.argument("learned_id", metavar="ID", type=int)
@json_option
@click.pass_context
def forget(context: click.Context, learned_id: int, as_json: bool) -> None:
    """Forget what was learned; the rest is listed."""
    show(administer(context, "ussd.forget", {"learned": learned_id}), as_json)


def _show_lesson(lesson: dict[str, Any]) -> None:
    say(f"{lesson['answer']}\n")
    if lesson["readable"]:
        say(_told(lesson))
        say(f"Pattern: {lesson['pattern']}")
    for earlier in lesson["earlier"]:
        say(f"The answer of {earlier['read_at'][:16]}Z: {_told(earlier)}")


def _told(reading: dict[str, Any]) -> str:
    """The reading of an answer, in a line."""
    if not reading["readable"]:
        return "the pattern does not fit."
    names = (("balance", "balance"), ("bundle_units", "texts left"), ("bundle_end", "end of the bundle"))
    return ", ".join(f"{name}: {reading[key]}" for key, name in names if reading[key] is not None)


def _question(lesson: dict[str, Any], *, for_sim: bool) -> str:
    whom = (
        f"SIM {lesson['sim']}" if for_sim or not lesson["operator"] else f"all SIMs of {lesson['operator']}"
    )
    return f"Read the balance of {whom} so from now on?"


def _unreadable(lesson: dict[str, Any], *, given: bool) -> str:
    if given:
        return "the given pattern does not fit the answer"
    if lesson["session"] == "open":
        return "the network waits for a reply: add `--reply` with it"
    return "no balance was found in the answer: give a regular expression with `--pattern`"
