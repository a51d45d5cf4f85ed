"""The command line: `gatewayd [--config FILE] COMMAND`, or `gatewayd COMMAND --config FILE`."""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, NoReturn

import click
from click.shell_completion import CompletionItem

from config.language.text import Text
from gatewayd.commands import invocation, output
from gatewayd.commands.command_help import config_option, examples, prepared, translation


class Entry(NamedTuple):
    """One command of the table: its place in the code, and its line in `gatewayd --help`."""

    place: str  # "module:name" below gatewayd.commands
    short_help: str  # the beginning of the command's docstring
    hidden: bool = False  # not listed in the help


# The command modules are imported when their command is used, and not for `gatewayd --help`: a Raspberry Pi 3 needs seconds to
# import the HTTP server.
COMMANDS: Final[Mapping[str, Entry]] = {
    "run": Entry("run:run", "Run the gateway until SIGTERM or SIGINT."),
    "demo": Entry("demo:demo", "Run the gateway on a simulated modem bank."),
    "simulate": Entry("simulate:simulate", "Run a bank of simulated modems until SIGTERM or SIGINT."),
    "ports": Entry("ports:ports", "List serial devices, and which of them are modems."),
    "port": Entry("port:port", "Manage the ports while the gateway runs: add, change, pause, restart."),
    "status": Entry(
        "status:status", "Show the daemon, ports, SIMs, waiting messages, quotas, disk and clock."
    ),
    "check": Entry(
        "check:check", "Check everything that sending needs, and print what to do about each fault."
    ),
    "support": Entry(
        "support:support",
        "Collect the information for remote support into FILE, a tar.gz, without numbers, texts and keys.",
    ),
    "watch": Entry("watch:watch", "Show the AT conversation of a port, secrets masked, until Ctrl-C."),
    "record": Entry(
        "record:record", "Record how a modem answers harmless questions into FILE, without personal data."
    ),
    "preview": Entry("messages:preview", "Tell how many parts a text takes, and what would make it cheaper."),
    "send": Entry("messages:send", "Send a text, and print its status within ten seconds."),
    "ussd": Entry(
        "ussd:ussd", "Send USSD codes, `gatewayd ussd 1 '*123#'`, and learn how balances are read."
    ),
    "loop-test": Entry(
        "loop_test:loop_test",
        "Send a text from each SIM to the next one, and show when the text and its delivery report came.",
    ),
    "inbox": Entry("inbox:inbox", "List the newest received texts, of all companies."),
    "backup": Entry(
        "backup:backup", "Copy the database to FILE, also while the gateway runs, and check the copy."
    ),
    "company": Entry("companies:company", "Manage the companies that send through this gateway."),
    "campaign": Entry(
        "campaigns:campaign", "Manage the campaigns of companies: messages with the same campaign id."
    ),
    "key": Entry("keys:key", "Manage the API keys of companies."),
    "sim": Entry("sims:sim", "Manage the known SIM cards."),
    "opt-out": Entry(
        "opt_outs:opt_out", "Manage the numbers that want no messages of campaigns from a company."
    ),
    "webhook": Entry("webhooks:webhook", "Manage the URLs to which events are posted."),
    "message": Entry("messages:message", "Manage the messages of all companies."),
    "user": Entry("users:user", "Manage the persons who use the dashboard."),
    "fleet": Entry("fleet:fleet", "Manage several boxes that share one queue on PostgreSQL."),
    "dashboard-token": Entry(
        "dashboard_token:dashboard_token", "Show the token with which the first person opens the dashboard."
    ),
    "installer": Entry("installer:installer", "Steps of the installer.", hidden=True),
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, entry in COMMANDS.items() if not entry.hidden]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].place.split(":")
        command: click.Command = getattr(importlib.import_module(f"gatewayd.commands.{module}"), name)
        return prepared(command)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """See `click.Command.format_help`. The language of the call is known only now."""
        click.Group.format_help(prepared(self), ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, as click does from the commands themselves."""
        with formatter.section(invocation.localised(Text("Commands"))):
            formatter.write_dl(
                [(name, translation(COMMANDS[name].short_help)) for name in self.list_commands(ctx)]
            )

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name from the table, and options as click does; no command is imported."""
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        items = [CompletionItem(name, help=COMMANDS[name].short_help) for name in names]
        return [*items, *click.Command.shell_complete(self, ctx, incomplete)]

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> NoReturn:
        """Run a command and exit. An error is printed, for people or as JSON, and sets the exit code: 2 for wrong use."""
        output.open_standard_streams()
        options["standalone_mode"] = False
        with invocation.begun(sys.argv[1:] if args is None else args):
            try:
                code = super().main(args, *rest, **options)
                output.flush()
            except click.ClickException as error:
                _explain(error)
            except click.Abort:
                output.refuse(Text("interrupted"))
            except output.OutputError as error:
                output.give_up(error)
            except OSError as error:
                if not output.is_output_error(error):
                    raise
                output.give_up(output.reason(error))
            raise SystemExit(code if isinstance(code, int) else 0)


def _explain(error: click.ClickException) -> NoReturn:
    """Print click's usage error, which repeats the typed words, and exit with its code."""
    if invocation.as_json():
        output.refuse(error.format_message(), error.exit_code)
    text = io.StringIO()
    error.show(text)
    try:
        output.say(text.getvalue(), err=True, nl=False)
    except output.OutputError as failure:
        output.give_up(failure)
    raise SystemExit(error.exit_code)


@examples(
    "gatewayd check",
    "gatewayd status --watch",
    "gatewayd send 70123456 'Hello'",
    "gatewayd message list --status failed",
)
@click.group(cls=_Commands)
@config_option(
    envvar="GATEWAYD_CONFIG",
    default=invocation.DEFAULT_CONFIG,
    show_default=True,
    help="The configuration file; also behind the command, and as $GATEWAYD_CONFIG.",
)
@click.version_option(package_name="gatewayd")
@click.pass_context
def main(context: click.Context) -> None:
    """An SMS gateway: one daemon, a bank of GSM modems, an HTTP API."""


if __name__ == "__main__":
    main(prog_name="gatewayd")
