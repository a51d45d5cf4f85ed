"""`gatewayd ussd [send]|learn|learned|forget`."""

from __future__ import annotations

from typing import Any

import click

from config.language.text import Sentences, Text
from gatewayd.commands import tables
from gatewayd.commands.command_help import examples
from gatewayd.commands.common import administer, fail, json_option, show, show_list, wide_option
from gatewayd.commands.invocation import localised
from gatewayd.commands.output import say
from gatewayd.commands.progress import elapsed
from gatewayd.commands.tables import of
from gatewayd.commands.wrapping import for_errors
from gatewayd.escaping import printable

_COLUMNS = (of("id"), of("operator", cut=True), of("sim"), of("code"), of("pattern", cut=True))
_NONE_LEARNED = Text("Nothing was learned yet: `gatewayd ussd learn PORT CODE` learns how a balance is read.")


class _Ussd(click.Group):
    """A port in place of a command's name means `send`."""

    default_command = "send"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See `click.Group.parse_args`."""
        if args and args[0] not in self.commands and args[0] not in self.get_help_option_names(ctx):
            args = [self.default_command, *args]
        return super().parse_args(ctx, args)


@examples("gatewayd ussd 1 '*123#'", "gatewayd ussd learn 1 '*123#'")
@click.group(cls=_Ussd)
def ussd() -> None:
    """Send USSD codes, `gatewayd ussd 1 '*123#'`, and learn how balances are read."""


@examples("gatewayd ussd 1 '*123#'", "gatewayd ussd send 1 '*100#' 2 1")
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
    with elapsed(Text("Waiting for the network")):
        result = administer(context, "ussd", arguments, timeout_s(len(codes)))
    if as_json:
        show(result, as_json)
        raise SystemExit(1 if result["replies_unsaid"] else 0)
    say("\n\n".join(result["answers"]))
    if result["replies_unsaid"]:
        fail(Text("the network ended the session before all replies were sent"))
    if result["session"] == "open":
        open_session = Text(
            "The network waits for a reply: run the command again, with the reply as one more word."
        )
        say(f"\n{for_errors(open_session)}", err=True)


@examples("gatewayd ussd learn 1 '*123#'", "gatewayd ussd learn 1 '*100#' --reply 2 --for-sim")
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
    with elapsed(Text("Waiting for the network")):
        lesson = administer(context, "ussd.learn", arguments, timeout_s(len(codes)))
    if not as_json:
        _show_lesson(lesson)
    if not lesson["readable"]:
        if as_json:
            show(lesson, as_json)
            raise SystemExit(1)
        fail(_unreadable(lesson, given=pattern is not None))
    if yes or (not as_json and click.confirm(printable(localised(_question(lesson, for_sim=for_sim))))):
        kept = {"sim": lesson["sim"], "codes": codes, "pattern": lesson["pattern"], "for_sim": for_sim}
        lesson["kept"] = administer(context, "ussd.keep", kept)
        if not as_json:
            say(Text("It is kept, and this balance is recorded."))
    if as_json:
        show(lesson, as_json)


@examples("gatewayd ussd learned")
@ussd.command()
@wide_option
@json_option
@click.pass_context
def learned(context: click.Context, wide: bool, as_json: bool) -> None:
    """List the codes and patterns that were learned."""
    rows = administer(context, "ussd.list")
    show_list("learned", rows, _COLUMNS, as_json=as_json, wide=wide, empty=_NONE_LEARNED)


@examples("gatewayd ussd forget 2")
@ussd.command()
@click.argument("learned_id", metavar="ID", type=int)
@json_option
@click.pass_context
def forget(context: click.Context, learned_id: int, as_json: bool) -> None:
    """Forget what was learned; the rest is listed."""
    rows = administer(context, "ussd.forget", {"learned": learned_id})
    show_list("learned", rows, _COLUMNS, as_json=as_json, wide=False, empty=_NONE_LEARNED)


def _show_lesson(lesson: dict[str, Any]) -> None:
    say(f"{lesson['answer']}\n")
    if lesson["readable"]:
        say(_told(lesson))
        say(Text("Pattern: {pattern}", pattern=lesson["pattern"]))
    for earlier in lesson["earlier"]:
        read_at = tables.local(earlier["read_at"])
        say(Text("The answer of {read_at}: {told}", read_at=read_at, told=_told(earlier)))


def _told(reading: dict[str, Any]) -> Text:
    """The reading of an answer, in a line."""
    if not reading["readable"]:
        return Text("the pattern does not fit.")
    known: list[Text] = []
    if reading["balance"] is not None:
        known.append(Text("balance: {amount}", amount=reading["balance"]))
    if reading["bundle_units"] is not None:
        known.append(Text("texts left: {units}", units=reading["bundle_units"]))
    if reading["bundle_end"] is not None:
        known.append(Text("end of the bundle: {end}", end=tables.local(reading["bundle_end"])))
    return Sentences(known, ", ")


def _question(lesson: dict[str, Any], *, for_sim: bool) -> Text:
    if for_sim or not lesson["operator"]:
        return Text("Read the balance of SIM {sim} so from now on?", sim=lesson["sim"])
    return Text("Read the balance of all SIMs of {operator} so from now on?", operator=lesson["operator"])


def _unreadable(lesson: dict[str, Any], *, given: bool) -> Text:
    if given:
        return Text("the given pattern does not fit the answer")
    if lesson["session"] == "open":
        return Text("the network waits for a reply: add `--reply` with it")
    return Text("no balance was found in the answer: give a regular expression with `--pattern`")
