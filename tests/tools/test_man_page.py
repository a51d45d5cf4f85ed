"""The manual pages name every command, option and setting, and roff has nothing to say against them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from gatewayd.cli import main
from tests.test_docs import commands, settings_keys

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the pages."""
    folder = tmp_path_factory.mktemp("man")
    subprocess.run([sys.executable, "-B", ROOT / "tools" / "man_page.py", folder], check=True)
    return folder


def read(page: Path) -> str:
    """The source of a page as a reader would see it."""
    text = page.read_text(encoding="utf-8")
    for request, character in (
        ("\\:", ""),
        ("\\&", ""),
        ("\\-", "-"),
        ("\\(aq", "'"),
        ("\\(ga", "`"),
        ("\\(ha", "^"),
        ("\\(ti", "~"),
        ("\\e", "\\"),
    ):
        text = text.replace(request, character)
    return text


def test_every_command_is_there_with_its_options_and_its_help(pages: Path) -> None:
    page = read(pages / "man1" / "gatewayd.1")
    sections = {
        section.partition("\n")[0]: section for section in re.split(r"^\.S[SH] ", page, flags=re.MULTILINE)
    }
    for name, command in commands(main):
        context = click.Context(command, info_name=f"gatewayd {name}")
        usage = " ".join([f"gatewayd {name}", *command.collect_usage_pieces(context)])
        section = sections[usage]
        assert " ".join((command.help or "").split("\n\n")[0].split()) in section
        options = [each for each in command.params if isinstance(each, click.Option) and not each.hidden]
        assert [option.opts[0] for option in options if f"\n\\fB{option.opts[0]}" not in section] == []


def test_every_setting_is_there_with_its_default_and_its_reason(pages: Path) -> None:
    page = read(pages / "man5" / "gatewayd.toml.5")
    for key in settings_keys():
        section, name = key.split(".")
        text = re.split(rf"^\.SS \[+{section}\]+$", page, flags=re.MULTILINE)[1].partition("\n.SS ")[0]
        if name in ("operators", "networks"):
            assert f"\n.SS [{key}]\n" in page
        else:
            assert re.search(rf"^\\fB{name} = .+\\fR\n[\"\w].+\.$", text, re.MULTILINE), key
    defaults = tomllib.loads((ROOT / "config" / "gatewayd.toml").read_text(encoding="utf-8"))
    assert f'\n\\fBlisten = "{defaults["api"]["listen"]}"\\fR\n' in page


@pytest.mark.parametrize("page", ["man1/gatewayd.1", "man5/gatewayd.toml.5"])
def test_roff_has_no_warning(pages: Path, page: str) -> None:
    if shutil.which("groff") is None:
        pytest.skip("there is no groff here")
    command: list[str | Path] = ["groff", "-man", "-Kutf8", "-Tutf8", "-ww", "-rLL=80n", pages / page]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
