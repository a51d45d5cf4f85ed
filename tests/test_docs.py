"""Every setting, command, error code, endpoint and dependency is documented, and every file that a document names exists."""

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
from tools.check_floors import FLOORS

ROOT = Path(__file__).parents[1]
LISTS: dict[str, type[BaseModel]] = {"ports": PortSettings, "balance": BalanceSettings}
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
README_LINES = 120  # a newcomer reads that in five minutes


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
    elif name != "port":  # the line above the section explains a port's number
        if section not in LISTS:  # another section may have a key of the same name
            lines = example.partition(f"\n[{section}]\n")[2].partition("\n[")[0].splitlines()
        pattern = rf"# {name} = " if section in LISTS else rf"{name} = "
        [index] = [index for index, line in enumerate(lines) if line.startswith(pattern)]
        assert re.match(r"# .+\.$", lines[index - 1])


def test_the_table_of_settings_lists_exactly_the_settings() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    assert re.findall(r"^\| `([a-z_.]+)` \|", text, re.MULTILINE) == settings_keys()


def error_codes() -> set[str]:
    """Every error code in api/: a text after an HTTP status of 400 or more, or under the key "error"."""
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
    texts = {ast.literal_eval(code) for before, code in pairs if _precedes_code(before) and _is_text(code)}
    return {text for text in texts if re.fullmatch(r"[a-z]+(_[a-z]+)*", text)}


def _precedes_code(node: ast.expr | None) -> bool:
    match node:
        case ast.Constant(value=int(status)):
            return 400 <= status < 600
        case ast.Constant(value="error"):
            return True
        case _:
            return False


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_the_table_of_error_codes_lists_exactly_the_codes() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    documented = re.findall(r"^\| `([a-z_]+)` \| [45]\d\d \|", text, re.MULTILINE)
    assert len(documented) == len(set(documented))
    assert set(documented) == error_codes()


def endpoints() -> Iterator[str]:
    """Every endpoint, as `METHOD /path`, from the routes in api/endpoints/."""
    for path in sorted((ROOT / "api" / "endpoints").rglob("*.py")):
        for method, address in re.findall(r'@\w+\.(get|post|patch|delete)\(\s*"(/[^"]+)"', path.read_text()):
            yield f"{method.upper()} " + re.sub("<(?:[a-z]+:)?([a-z_]+)>", r"{\1}", address)


def test_the_routes_are_found() -> None:
    assert {"POST /sms/send", "GET /sms/status/{sms_id}"} <= set(endpoints())


@pytest.mark.parametrize("endpoint", list(endpoints()))
def test_an_endpoint_has_a_section(endpoint: str) -> None:
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


def test_the_table_of_commands_lists_exactly_the_commands_and_each_has_help() -> None:
    text = (ROOT / "docs" / "commands.md").read_text()
    table = re.findall(r"^\| (`[a-z].*?) \|", text, re.MULTILINE)
    documented = {re.sub(r" [A-Z].*", "", name) for row in table for name in re.findall(r"`([^`]+)`", row)}
    assert documented == {name for name, _ in commands(main)}
    assert [name for name, command in commands(main) if not command.help] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_and_links_of_a_document_exist(document: Path) -> None:
    text = document.read_text()
    files = re.findall(r"`((?:api|config|docs|gatewayd|modem|systemd|tests|tools)/[a-zA-Z0-9_/.-]*)`", text)
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert [name for name in files if not (ROOT / name).exists()] == []
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_table_of_dependencies_lists_exactly_the_required_packages_with_their_bounds() -> None:
    required = re.search(r"^install_requires =\n((?: .+\n)+)", (ROOT / "setup.cfg").read_text(), re.MULTILINE)
    assert required
    text = (ROOT / "docs" / "dependencies.md").read_text()
    assert re.findall(r"^\| `([a-z-]+>=[0-9.]+,<[0-9.]+)` \|", text, re.MULTILINE) == required[1].split()


def test_the_readme_is_short_and_begins_with_one_paragraph_and_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text()
    title, paragraph, block = text.split("\n\n")[:3]
    assert title == "# gatewayd"
    assert paragraph.startswith("gatewayd is ")
    assert re.fullmatch(r"```sh\nmake run .*\nmake test .*\n```", block)
    assert len(text.splitlines()) <= README_LINES


def test_the_index_of_decisions_lists_every_decision_with_its_title() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(
        r"^\| \[(\d+)\]\((.+?)\) \| (.+?) \|$", (folder / "README.md").read_text(), re.MULTILINE
    )
    titles = [(path.name, path.read_text().splitlines()[0]) for path in sorted(folder.glob("0*.md"))]
    assert [(file, f"# {number}. {title}") for number, file, title in listed] == titles


def test_the_table_of_floors_is_that_of_the_checker() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    rows = re.findall(r"^\| (\d+) \| (`.+?) \|", text, re.MULTILINE)
    documented = {int(floor): set(re.findall(r"`([^`]+)`", places)) for floor, places in rows}
    checked = [
        {prefix for prefix in prefixes if (ROOT / prefix).exists()}
        for prefixes in FLOORS
        if "tests/" not in prefixes
    ]
    assert documented == dict(enumerate(checked))
