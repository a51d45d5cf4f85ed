"""What all commands have in common: `--config` behind the command too, examples, and help in the language of the call."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from config.language.catalogue import catalogue
from config.language.text import Text
from gatewayd.commands import invocation

C = TypeVar("C", bound=click.Command)

_EXAMPLES: Final = Text("Examples:")
_SENTENCE: Final = re.compile(r"(.+?)\.(?=\s|$)", re.DOTALL)


def examples(*lines: str) -> Callable[[C], C]:
    """Add examples to the end of a command's help. It stands above `@click.command`."""

    def add(command: C) -> C:
        command.epilog = "\n".join(["\b", _EXAMPLES, *(f"  {line}" for line in lines)])
        return command

    return add


def config_option(**options: Any) -> Callable[[click.decorators.FC], click.decorators.FC]:
    """Add `--config FILE`, which sets the configuration of this call."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path, readable=False),  # each command reports an unreadable file itself
        expose_value=False,
        is_eager=True,  # other options need the time zone
        callback=_use,
        **options,
    )


def _use(context: click.Context, parameter: click.Parameter, config: Path | None) -> None:
    if config is not None:
        root = context.find_root()
        root.obj = config
        root.set_parameter_source("config", context.get_parameter_source("config") or _DEFAULT)
        invocation.configured(config)


_DEFAULT: Final = click.core.ParameterSource.DEFAULT


def prepared(command: C) -> C:
    """A copy of a command, with `--config` and with its help in the language of the call; also its subcommands."""
    own = copy.copy(command)
    own._help_option = None  # it has click's help in the language of an earlier call  # noqa: SLF001
    own.params = [_localised(parameter) for parameter in command.params]
    if not any(parameter.name == "config" for parameter in own.params):
        config_option(hidden=True)(own)
    own.help = translation(inspect.cleandoc(command.help or ""))
    own.epilog = (command.epilog or "").replace(_EXAMPLES, invocation.localised(_EXAMPLES), 1)
    if isinstance(own, click.Group):
        own.commands = {name: _listed(prepared(each)) for name, each in own.commands.items()}
    return own


def translation(text: str) -> str:
    """A help text in the language of the call. `tools/catalogues.py` collects these texts from the commands."""
    return catalogue(invocation.language()).gettext(text) if text else ""


def first_sentence(text: str) -> str:
    """The first sentence of a help text, without its full stop."""
    first = text.partition("\n\n")[0]
    found = _SENTENCE.match(first)
    return " ".join((found[1] if found else first).split())


def _listed(command: click.Command) -> click.Command:
    """A command that a group lists with its whole first sentence. Click would cut it."""
    command.short_help = first_sentence(command.help or "")
    return command


def _localised(parameter: click.Parameter) -> click.Parameter:
    own = copy.copy(parameter)
    if isinstance(own, click.Option):
        own.help = translation(own.help or "")
    return own
