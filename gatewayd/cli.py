"""The command line: `gatewayd [--config FILE] COMMAND`."""

from __future__ import annotations

import importlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import click

from gatewayd.commands import output

DEFAULT_CONFIG = Path("/etc/gatewayd/gatewayd.toml")

# Where each command lives. A module is imported when its command is used, so that `gatewayd status` on a slow
# box does not wait for the HTTP server to load.
COMMANDS: Mapping[str, str] = {
    "run": "gatewayd.commands.run:run",
    "demo": "gatewayd.commands.demo:demo",
    "simulate": "gatewayd.commands.simulate:simulate",
    "ports": "gatewayd.commands.ports:ports",
    "status": "gatewayd.commands.status:status",
    "check": "gatewayd.commands.check:check",
    "support": "gatewayd.commands.support:support",
    "watch": "gatewayd.commands.watch:watch",
    "send": "gatewayd.commands.messages:send",
    "ussd": "gatewayd.commands.ussd:ussd",
    "loop-test": "gatewayd.commands.loop_test:loop_test",
    "inbox": "gatewayd.commands.inbox:inbox",
    "backup": "gatewayd.commands.backup:backup",
    "company": "gatewayd.commands.companies:company",
    "key": "gatewayd.commands.keys:key",
    "sim": "gatewayd.commands.sims:sim",
    "message": "gatewayd.commands.messages:message",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def main(self, *arguments: Any, **options: Any) -> NoReturn:
        """Run a command and exit. What is wrong with its words or its output becomes one line and an exit code."""
        output.open_standard_streams()
        options["standalone_mode"] = False
        try:
            code = super().main(*arguments, **options)
            output.flush()
        except click.ClickException as error:
            _explain(error)
        except click.Abort:
            output.give_up("interrupted")
        except output.OutputError as error:
            output.give_up(error)
        except OSError as error:
            if not output.is_output_error(error):
                raise
            output.give_up(output.reason(error))
        raise SystemExit(code if isinstance(code, int) else 0)


def _explain(error: click.ClickException) -> NoReturn:
    """Print what click says of wrong use, which repeats the words that were typed, and exit with its code."""
    said = io.StringIO()
    error.show(said)
    try:
        output.say(said.getvalue(), err=True, nl=False)
    except output.OutputError as failure:
        output.give_up(failure)
    raise SystemExit(error.exit_code)


@click.group(cls=_Commands)
@click.option(
    "--config",
    type=click.Path(path_type=Path, readable=False),  # where it cannot be read, each command says so itself
    envvar="GATEWAYD_CONFIG",
    default=DEFAULT_CONFIG,
    show_default=True,
    help="The configuration file; also $GATEWAYD_CONFIG.",
)
@click.version_option(package_name="gatewayd")
@click.pass_context
def main(context: click.Context, config: Path) -> None:
    """An SMS gateway: one daemon, a bank of GSM modems, an HTTP API."""
    context.obj = config


if __name__ == "__main__":
    main(prog_name="gatewayd")
