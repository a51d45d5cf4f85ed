"""What can be set, typed or answered is documented, and what the documents name is there."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from config.settings import EXAMPLE, BalanceSettings, PortSettings, Settings
from gatewayd.cli import main

ROOT = Path(__file__).parents[1]
LISTS: dict[str, type[BaseModel]] = {"ports": PortSettings, "balance": BalanceSettings}
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def settings_keys() -> list[str]:
    """Every key, as `section.key`."""
    sections = {name: field.annotation for name, field in Settings.model_fields.items() if name not in LISTS}
    keys = [
        f"{name}.{key}" for name, section in sections.items() for key in getattr(section, "model_fields", ())
    ]
    return keys + [f"{name}.{key}" for name, section in LISTS.items() for key in section.model_fields]


@pytest.mark.parametrize("key", settings_keys())
def test_a_setting_is_in_the_table_of_settings(key: str) -> None:
    assert f"\n| `{key}` |" in (ROOT / "docs" / "configuration.md").read_text()


@pytest.mark.parametrize("key", settings_keys())
def test_a_setting_is_in_the_example_with_its_reason(key: str) -> None:
    section, name = key.split(".")
    example = EXAMPLE.read_text()
    if section not in LISTS:
        assert name in tomllib.loads(example)[section]
    else:
        example = example.partition(f"# [[{section}]]\n")[2].partition("\n\n")[0]
    lines = example.splitlines()
    if name in ("operators", "networks"):
        [index] = [index for index, line in enumerate(lines) if line == f"[numbers.{name}]"]
        assert lines[index + 1].startswith("# ")
    elif name != "port":  # a port's number is told by the line above its section
        pattern = rf"# {name} = " if section in LISTS else rf"{name} = "
        [index] = [index for index, line in enumerate(lines) if line.startswith(pattern)]
        assert re.match(r"# .+\.$", lines[index - 1])


def test_the_table_of_settings_names_no_other() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    assert re.findall(r"^\| `([a-z_.]+)` \|", text, re.MULTILINE) == settings_keys()


def error_codes() -> set[str]:
    """Every error code in api/: a name after an HTTP status of 400 or more, or under the key "error"."""
    nodes = [
        node
        for path in sorted((ROOT / "api").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_bytes()))
    ]
    pairs: list[tuple[ast.expr | None, ast.expr]] = []
    for node in nodes:
        match node:
            case ast.Call(args=items) | ast.Tuple(elts=items):
                pairs += pairwise(items)
            case ast.Dict(keys=keys, values=values):
                pairs += zip(keys, values, strict=True)
    said = {ast.literal_eval(code) for before, code in pairs if _announces_a_code(before) and _is_text(code)}
    return {text for text in said if re.fullmatch(r"[a-z]+(_[a-z]+)*", text)}


def _announces_a_code(node: ast.expr | None) -> bool:
    match node:
        case ast.Constant(value=int(status)):
            return 400 <= status < 600
        case ast.Constant(value="error"):
            return True
        case _:
            return False


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_every_error_code_is_in_the_table_of_codes_and_no_other() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    documented = re.findall(r"^\| `([a-z_]+)` \| [45]\d\d \|", text, re.MULTILINE)
    assert len(documented) == len(set(documented))
    assert set(documented) == error_codes()


def endpoints() -> Iterator[str]:
    """Every endpoint, as `METHOD /path`, from the routes in api/."""
    for path in sorted((ROOT / "api").rglob("*.py")):
        for method, address in re.findall(r'@routes\.(get|post)\(\s*"([^"]+)"', path.read_text()):
            yield f"{method.upper()} " + re.sub("<(?:[a-z]+:)?([a-z_]+)>", r"{\1}", address)


@pytest.mark.parametrize("endpoint", list(endpoints()))
def test_an_endpoint_has_its_chapter(endpoint: str) -> None:
    assert f"\n## {endpoint}\n" in (ROOT / "docs" / "api.md").read_text()


def commands(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command with its name as it is typed."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


def test_every_command_is_in_the_readme_and_tells_what_it_does() -> None:
    text = (ROOT / "README.md").read_text()
    table = re.findall(
        r"^\| (`[a-z].*?) \|", text[text.index("## Command line") : text.index("## The API")], re.MULTILINE
    )
    documented = {re.sub(r" [A-Z].*", "", name) for row in table for name in re.findall(r"`([^`]+)`", row)}
    assert documented == {name for name, _ in commands(main)}
    assert [name for name, command in commands(main) if not command.help] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_names_is_there(document: Path) -> None:
    text = document.read_text()
    files = re.findall(r"`((?:api|config|docs|gatewayd|modem|tests|tools)/[a-z_/.]*)`", text)
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert [name for name in files if not (ROOT / name).exists()] == []
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_every_dependency_has_its_reason_and_bound_in_the_readme() -> None:
    required = re.search(r"^install_requires =\n((?: .+\n)+)", (ROOT / "setup.cfg").read_text(), re.MULTILINE)
    assert required
    documented = re.findall(
        r"^\| `([a-z-]+>=[0-9.]+,<[0-9.]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE
    )
    assert documented == required[1].split()


def test_the_readme_begins_with_one_paragraph_and_the_two_commands() -> None:
    title, what, first = (ROOT / "README.md").read_text().split("\n\n")[:3]
    assert title == "# gatewayd"
    assert what.startswith("gatewayd is ")
    assert re.fullmatch(r"```sh\nmake run .*\nmake test .*\n```", first)
