"""`gatewayd loop-test`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import click

from gatewayd.admin.context import AdminError
from gatewayd.commands.common import fail, json_option, settings_of, show, table
from gatewayd.commands.output import say
from gatewayd.daemon.control_socket import NotRunningError, follow
from gatewayd.escaping import printable
from gatewayd.loop_test.plan import SimAddress
from gatewayd.loop_test.rounds import LONGEST_S


class _Place(click.ParamType[Any]):
    name = "PORT[.SLOT]|sim:ID"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """See `click.ParamType.convert`."""
        try:
            SimAddress.read(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(value)


@click.command("loop-test")
@click.option("--from", "source", type=_Place(), help="The SIM that sends. Default: each that is up.")
@click.option("--to", "target", type=_Place(), help="The SIM that is texted. Default: the next one.")
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
    """Have each SIM text the next one, and say when the text and its delivery report came. Each text costs money."""
    arguments = {"source": source, "target": target, "timeout_s": timeout_s}
    told: dict[str, Any] = {}
    try:
        with closing(follow(settings_of(context).store.path, "loop_test", arguments)) as batches:
            for beat, batch in enumerate(batches):
                if not (beat or batch or as_json):
                    say("The texts are on their way; this may take minutes.", err=True)
                told = batch[0] if batch else told
    except (NotRunningError, FileNotFoundError):
        fail("no gatewayd is running on this store: start it with `gatewayd run`")
    except AdminError as error:
        fail(error)
    if as_json:
        show(told, as_json)
    else:
        say(loop_tests(told["tests"]))
        for note in told["notes"]:
            say(f"gatewayd: {note}", err=True)
    if not told["all_arrived"]:
        raise SystemExit(1)


def loop_tests(tests: Sequence[Mapping[str, Any]]) -> str:
    """Tests as a table, and below it what each that went wrong means."""
    rows = [
        {
            "from": f"{test['from']} (SIM {test['from_sim']})",
            "to": f"{test['to']} (SIM {test['to_sim']})",
            "at": f"{test['started_at'][:19]}Z",
            "result": test["outcome"].replace("_", " "),
            "submitted s": test["submit_s"],
            "arrived s": test["arrive_s"],
            "reported s": test["report_s"],
        }
        for test in tests
    ]
    meanings = [
        f"SIM {test['from_sim']}: {test['detail']}"
        + (f" The network said: {test['reason']}" if test["reason"] and not test["arrived"] else "")
        for test in tests
        if test["detail"]
    ]
    return "\n".join([table(rows), *map(printable, meanings)])
