"""The output of commands: it cannot control the terminal, and a failed write is one line and never a traceback."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from gatewayd import cli
from gatewayd.escaping import json_text, printable
from gatewayd.store.store import Store
from tests.conftest import Running, free_port

ROOT = Path(__file__).parents[3]
CONTROL_SEQUENCES = "a\x1b[2J\x1b]0;title\x07\r\x08\x7f\x9b31m\u202eolleh\u2066\u200f\u2028end"
CONTROL_CHARACTERS = frozenset(
    map(
        chr,
        (
            *range(0x20),
            *range(0x7F, 0xA0),
            0x61C,
            0x200E,
            0x200F,
            *range(0x2028, 0x202F),
            *range(0x2066, 0x206A),
        ),
    )
)


def test_control_characters_are_shown_by_their_codes() -> None:
    assert (
        printable("a\x1b]0;x\x07\n\r\t\x9b\u202e\u2028é漢😀") == r"a\x1b]0;x\x07\n\r\t\x9b\u202e\u2028é漢😀"
    )


@given(st.text() | st.text(alphabet=sorted(CONTROL_CHARACTERS)))
def test_printable_text_has_no_control_character(text: str) -> None:
    escaped = printable(text)
    assert not CONTROL_CHARACTERS & set(escaped)
    assert all(unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp") for character in escaped)
    escaped.encode()


@given(st.text(alphabet=st.characters()) | st.text(alphabet=sorted(CONTROL_CHARACTERS)))
def test_json_holds_the_same_text_without_control_characters(text: str) -> None:
    written = json_text({text: [text]})
    assert not CONTROL_CHARACTERS & set(written)
    assert json.loads(written) == {text: [text]}


def test_every_command_prints_through_the_output_module() -> None:
    for path in (ROOT / "gatewayd").rglob("*.py"):
        if path.name == "output.py":
            continue
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in ("click.echo", "click.secho", "print"), path


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["table", "json"])
def test_a_clients_text_cannot_control_the_terminal_of_the_operator(
    running: Running, options: tuple[str, ...]
) -> None:
    sent = running.cli("send", "+22370123456", CONTROL_SEQUENCES)
    result = running.cli_raw("message", "show", sent["sms_id"], *options)
    assert result.returncode == 0
    assert not CONTROL_CHARACTERS - {"\n"} & set(result.stdout)
    assert len(result.stdout.splitlines()) < 40
    assert "u202eolleh" in result.stdout
    if options:
        assert json.loads(result.stdout)["message"] == CONTROL_SEQUENCES


@pytest.mark.parametrize(
    "arguments",
    [
        ("message", "show", CONTROL_SEQUENCES),
        (CONTROL_SEQUENCES,),
        ("message", "list", "--status", CONTROL_SEQUENCES),
        ("watch", CONTROL_SEQUENCES),
    ],
)
def test_typed_arguments_are_repeated_without_control_characters(
    running: Running, arguments: tuple[str, ...]
) -> None:
    result = running.cli_raw(*arguments)
    assert result.returncode in (1, 2)
    assert "u202eolleh" in result.stderr
    assert not CONTROL_CHARACTERS - {"\n"} & set(result.stderr)


def test_arguments_that_are_not_utf8_are_refused_in_one_line(store: Path) -> None:
    result = gatewayd(store, "message", "show", b"\xff")
    assert (result.returncode, result.stderr) == (
        2,
        "gatewayd: message.show: an argument is not UTF-8 text\n",
    )


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The configuration of a gateway with a company and no daemon."""
    config = tmp_path / "gatewayd.toml"
    config.write_text(
        f'[api]\nlisten = "127.0.0.1:{free_port()}"\n[store]\npath = "{tmp_path}/gatewayd.db"\n'
        '[[ports]]\nport = 1\ndevice = "/dev/missing"\n'
    )
    store = Store(tmp_path / "gatewayd.db")
    store.open()
    store.write(lambda db: db.execute("INSERT INTO companies (name, created_at) VALUES ('Test', 0)"))
    store.close()
    return config


def gatewayd(
    config: Path, *arguments: str | bytes, encoding: str = "utf-8", **streams: Any
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gatewayd.cli", "--config", str(config), *arguments]
    return subprocess.run(
        command,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams},
        encoding=encoding,
        check=False,
        timeout=60,
    )


@contextmanager
def closed_pipe() -> Iterator[int]:
    read, write = os.pipe()
    os.close(read)
    try:
        yield write
    finally:
        os.close(write)


# A test above checks that all commands print through the same module.
@pytest.mark.parametrize("arguments", [("company", "add", "Another"), ("check",), ("sim", "list", "--json")])
def test_an_output_that_cannot_be_written_is_one_line(store: Path, arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        result = gatewayd(store, *arguments, stdout=full)
    assert (result.returncode, result.stderr) == (
        1,
        "gatewayd: the output cannot be written: No space left on device\n",
    )


@pytest.mark.parametrize("arguments", [("company", "list"), ("check", "--json"), ("inbox",)])
def test_an_output_that_was_closed_is_one_line(store: Path, arguments: tuple[str, ...]) -> None:
    with closed_pipe() as pipe:
        result = gatewayd(store, *arguments, stdout=pipe)
    assert result.returncode == 1
    assert result.stderr == "gatewayd: the output was closed before all of it was written\n"


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("sim", "--help")])
def test_help_into_a_closed_pipe_is_no_traceback(store: Path, arguments: tuple[str, ...]) -> None:
    with closed_pipe() as pipe:
        result = gatewayd(store, *arguments, stdout=pipe)
    assert (result.returncode, result.stderr) == (1, "")  # click exits without a message


def test_an_error_that_cannot_be_written_leaves_an_exit_code(store: Path) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        assert gatewayd(store, "company", "list", stdout=full, stderr=full).returncode == 1
        assert gatewayd(store, "key", "set", "7", "--active", "no", stderr=full).returncode == 1
        assert gatewayd(store, "nonsense", stderr=full).returncode == 1


def test_characters_that_the_terminal_cannot_show_are_no_failure(store: Path) -> None:
    assert gatewayd(store, "company", "set", "1", "--name", "Société 漢").returncode == 0
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    result = gatewayd(store, "company", "list", env=environment, encoding="latin-1")
    assert result.returncode == 0
    assert "Soci\xe9t\xe9 \\u6f22" in result.stdout


def test_the_click_runner_leaves_the_standard_output_of_the_process_open(store: Path) -> None:
    before = os.fstat(1)
    result = CliRunner().invoke(cli.main, ["--config", str(store), "nonsense"])
    assert result.exit_code == 2
    assert os.path.samestat(before, os.fstat(1))
