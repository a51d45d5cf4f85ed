"""`gatewayd loop-test`."""

from __future__ import annotations

from contextlib import closing
from typing import Any, Final

import click

from config.language.text import Text
from gatewayd.commands.command_help import examples
from gatewayd.commands.common import follow_daemon, json_option, show
from gatewayd.commands.loop_test_table import loop_tests
from gatewayd.commands.output import say
from gatewayd.commands.progress import elapsed
from gatewayd.commands.wrapping import for_errors

LONGEST_S: Final = 86_400.0
"""As `gatewayd.loop_test.rounds.LONGEST_S`, which is slow to import. A test compares them."""


class _Place(click.ParamType[Any]):
    name = "PORT[.SLOT]|sim:ID"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """See `click.ParamType.convert`."""
        from gatewayd.loop_test.plan import SimAddress

        try:
            SimAddress.read(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(value)


@examples("gatewayd loop-test", "gatewayd loop-test --from 1 --to 2.1 --timeout 120")
@click.command("loop-test")
@click.option("--from", "source", type=_Place(), help="The SIM that sends. Default: each SIM in service.")
@click.option("--to", "target", type=_Place(), help="The SIM that receives. Default: the next one.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(1, LONGEST_S),
    help="Seconds to wait. Default: 300, times the SIMs that share a port.",
)
@json_option
@click.pass_context
def loop_test(
    context: click.Context, source: str | None, target: str | None, timeout_s: float | None, as_json: bool
) -> None:
    """Send a text from each SIM to the next one, and show when the text and its delivery report came.

    Each text costs money.
    """
    arguments = {"source": source, "target": target, "timeout_s": timeout_s}
    result: dict[str, Any] = {}
    doing = Text("The texts are on their way; this may take minutes")
    with elapsed(doing), closing(follow_daemon(context, "loop_test", arguments)) as batches:
        for batch in batches:
            result = batch[0] if batch else result
    if as_json:
        show(result, as_json)
    else:
        say(loop_tests(result["tests"]))
        for note in result["notes"]:
            say(for_errors(f"gatewayd: {note}"), err=True)
    if not result["all_arrived"]:
        raise SystemExit(1)
