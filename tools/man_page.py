"""Write the manual pages gatewayd.1 and gatewayd.toml.5, from the commands and from config/gatewayd.toml.

python tools/man_page.py FOLDER
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from inspect import cleandoc
from pathlib import Path

import click

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from gatewayd.cli import main as gatewayd  # noqa: E402 - the tool runs from anywhere
from gatewayd.version import VERSION  # noqa: E402

SETTINGS = ROOT / "config" / "gatewayd.toml"

_INTRODUCTION = """\
.SH NAME
gatewayd \\- SMS gateway with GSM modems and an HTTP API
.SH SYNOPSIS
.B gatewayd
[\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]
.SH DESCRIPTION
gatewayd takes messages over HTTP, keeps them in SQLite, and sends them through SIM cards in GSM or LTE modems.
A command acts at once on the running daemon, through the Unix socket beside the database.
Where no daemon runs, the commands that need only the database open it themselves.
"""

_END = """\
.SH EXIT STATUS
.TP
.B 0
The command did its work.
.TP
.B 1
It failed; the reason is on standard error.
.TP
.B 2
It was used wrongly.
.SH ENVIRONMENT
.TP
.B GATEWAYD_CONFIG
The configuration file, where \\fB\\-\\-config\\fR does not name one.
.SH FILES
.TP
.I /etc/gatewayd/gatewayd.toml
The configuration of the service.
.TP
.I /var/lib/gatewayd
The database, its lock and its socket, and the backups of upgrades.
.SH SEE ALSO
.BR gatewayd.toml (5),
.BR systemctl (1),
.BR journalctl (1)
.PP
The guides are installed too: in
.I /usr/share/doc/gatewayd
by the Debian package, and in
.I /opt/gatewayd/current/share
by \\fBmake install\\fR.
"""

_SETTINGS_INTRODUCTION = """\
.SH NAME
gatewayd.toml \\- configuration of gatewayd
.SH DESCRIPTION
The configuration is one TOML file, \\fI/etc/gatewayd/gatewayd.toml\\fR as a rule.
A key that is not in it has its default, which is shown here. Unknown keys are errors. Durations are in seconds.
After a change: \\fBsudo systemctl restart gatewayd\\fR.
Companies, keys, names and limits of SIMs are not in the file: commands set them, see
.BR gatewayd (1).
"""


def commands_page() -> str:
    """The text of gatewayd(1), in the man macros of roff."""
    context = click.Context(gatewayd, info_name="gatewayd")
    return "".join(
        [
            _title("GATEWAYD", 1, "User Commands"),
            _INTRODUCTION,
            ".SH OPTIONS\n",
            *_options(context),
            ".SH COMMANDS\n",
            *_commands(gatewayd, context),
            *([".SH EXAMPLES\n", *_examples(gatewayd)] if gatewayd.epilog else []),
            _END,
        ]
    )


def settings_page() -> str:
    """The text of gatewayd.toml(5), in the man macros of roff."""
    text = SETTINGS.read_text(encoding="utf-8").partition("\n\n")[
        2
    ]  # without the words about the file itself
    return "".join(
        [
            _title("GATEWAYD.TOML", 5, "File Formats"),
            _SETTINGS_INTRODUCTION,
            ".SH KEYS\n",
            *_keys(text),
            ".SH SEE ALSO\n.BR gatewayd (1)\n",
        ]
    )


def _title(name: str, section: int, chapter: str) -> str:
    """The head of a page. Words are neither hyphenated nor spread, because commands and keys are copied from it."""
    return f'.TH {name} {section} "" "gatewayd {VERSION}" "{chapter}"\n.nh\n.ad l\n'


def _commands(group: click.Group, parent: click.Context) -> Iterator[str]:
    """The sections of all commands below a group that can be run, in the order of the help."""
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        if command is None or command.hidden:
            continue
        context = click.Context(command, info_name=name, parent=parent)
        if isinstance(command, click.Group):
            yield from _commands(command, context)
        else:
            usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
            yield f".SS {_escaped(usage)}\n"
            yield _paragraphs(cleandoc(command.help or ""))
            yield from _options(context)
            yield from _examples(command)


def _examples(command: click.Command) -> Iterator[str]:
    """The words at the end of a command's help, if it has any."""
    if command.epilog:
        yield f".PP\n{_paragraphs(cleandoc(command.epilog))}"


def _options(context: click.Context) -> Iterator[str]:
    """The options of a command, without --help, which all have."""
    for parameter in context.command.get_params(context):
        record = parameter.get_help_record(context)
        if isinstance(parameter, click.Option) and record is not None and record[0] != "--help":
            yield _entry(*record)


def _paragraphs(text: str) -> str:
    """A help text: paragraphs, and blocks that click does not wrap, which begin with a line of \\b."""
    return ".PP\n".join(map(_paragraph, re.split(r"\n\s*\n", text)))


def _paragraph(text: str) -> str:
    if text.startswith("\b\n"):
        return f".nf\n{_lines(text.splitlines()[1:])}.fi\n"
    return f"{_line(' '.join(text.split()))}\n"


def _keys(text: str) -> Iterator[str]:
    """The sections and keys of the commented configuration. A key in a comment is one without a default."""
    reasons: list[str] = []
    for line in text.splitlines():
        if found := re.fullmatch(r"(?:# )?(\[.+\])", line):
            yield f".SS {_escaped(found[1])}\n"
            # The reason of a list of tables stands above its heading, that of any other section below it.
            yield from _reason(reasons)
        elif found := re.fullmatch(r"(?:# )?([a-z_]+ = .+)", line):
            yield _entry(found[1], " ".join(reasons))
            reasons.clear()
        elif line.startswith("# "):
            reasons.append(line.removeprefix("# "))
        else:
            yield from _reason(reasons)


def _entry(term: str, text: str) -> str:
    """A term and its explanation. A list of choices may be broken after each."""
    choices = _escaped(term).replace("|", "|\\:")
    return f".TP\n\\fB{choices}\\fR\n{_line(text)}\n"


def _reason(lines: list[str]) -> Iterator[str]:
    """The collected lines of a reason, as one paragraph; the list is empty afterwards."""
    if lines:
        yield f"{_line(' '.join(lines))}\n"
        lines.clear()


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{_line(line)}\n" for line in lines)


def _line(text: str) -> str:
    """A line of text. A dot or a quote at its beginning would be a request to roff."""
    return re.sub(r"^(?=[.'])", r"\\&", _escaped(text))


def _escaped(text: str) -> str:
    """A text in which roff changes nothing: a bare hyphen, quote, caret or tilde is set as another character."""
    for character, request in (
        ("\\", "\\e"),
        ("-", "\\-"),
        ("'", "\\(aq"),
        ("`", "\\(ga"),
        ("^", "\\(ha"),
        ("~", "\\(ti"),
    ):
        text = text.replace(character, request)
    return text


def main() -> None:
    """Write both pages, each below the folder of its section."""
    folder = Path(sys.argv[1])
    for section, name, page in ((1, "gatewayd.1", commands_page()), (5, "gatewayd.toml.5", settings_page())):
        (folder / f"man{section}").mkdir(parents=True, exist_ok=True)
        (folder / f"man{section}" / name).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
