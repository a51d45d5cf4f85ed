"""The command line: `gatewayd [--config FILE] COMMAND`."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path

import click

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
