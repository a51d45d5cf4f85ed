"""The files for shells: bash completes commands and options with the installed file, without loading the gateway."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import WAIT_S

ROOT = Path(__file__).parents[2]

# `gatewayd`, and the Python of a release, from this folder: `-I` would hide it.
GATEWAYD = f"#!/bin/sh\nPYTHONPATH='{ROOT}' exec '{sys.executable}' -m gatewayd.cli \"$@\"\n"
PYTHON = f"#!/bin/sh\n[ \"$1\" != -I ] || shift\nPYTHONPATH='{ROOT}' exec '{sys.executable}' \"$@\"\n"


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the files, and beside it a folder `bin` with the command."""
    folder = tmp_path_factory.mktemp("shell")
    (folder / "bin").mkdir()
    for name, text in (("gatewayd", GATEWAYD), ("python", PYTHON)):
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    subprocess.run(
        [ROOT / "systemd" / "shell_files.sh", folder / "bin" / "python", folder / "share"], check=True
    )
    return folder / "share"


def environment(share: Path) -> dict[str, str]:
    return {**os.environ, "PATH": f"{share.parent / 'bin'}:{os.environ['PATH']}", "PS1": "$ ", "TERM": "dumb"}


def test_there_is_a_file_for_each_shell_and_section(share: Path) -> None:
    files = {
        str(path.relative_to(share)) for path in share.rglob("*") if path.stat().st_size and path.is_file()
    }
    assert files == {
        "man/man1/gatewayd.1",
        "man/man5/gatewayd.toml.5",
        "bash-completion/completions/gatewayd",
        "zsh/site-functions/_gatewayd",
        "fish/vendor_completions.d/gatewayd.fish",
    }


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("gatewayd stat", "gatewayd status "),
        ("gatewayd status --js", "gatewayd status --json "),
        ("gatewayd webhook rot", "gatewayd webhook rotate "),
        ("gatewayd send --priority ot", "gatewayd send --priority otp "),
    ],
)
def test_bash_completes_at_the_tab_key(share: Path, typed: str, completed: str) -> None:
    file = share / "bash-completion" / "completions" / "gatewayd"
    terminal, side_of_bash = os.openpty()
    with (
        open(terminal, "r+b", buffering=0) as keys,
        open(side_of_bash, "r+b", buffering=0) as line,
        subprocess.Popen(
            ["bash", "--noprofile", "--rcfile", file, "-i"],
            env=environment(share),
            stdin=line,
            stdout=line,
            stderr=line,
            start_new_session=True,
        ) as bash,
    ):
        try:
            keys.write(f"{typed}\t".encode())
            shown = b""
            deadline = time.monotonic() + WAIT_S
            while completed.encode() not in shown:
                assert select.select([keys], [], [], max(0.0, deadline - time.monotonic()))[0], shown
                shown += keys.read(4096)
        finally:
            bash.kill()


def test_completing_a_command_loads_no_other_command(share: Path) -> None:
    asked = {"_GATEWAYD_COMPLETE": "bash_complete", "COMP_WORDS": "gatewayd ", "COMP_CWORD": "1"}
    done = subprocess.run(
        [share.parent / "bin" / "python", "-X", "importtime", "-m", "gatewayd.cli"],
        env=environment(share) | asked,
        capture_output=True,
        text=True,
        check=True,
    )
    assert {"plain,status", "plain,webhook"} <= set(done.stdout.splitlines())
    assert "plain,installer" not in done.stdout
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "gatewayd.commands.output" in loaded
    assert not {"gatewayd.commands.status", "gatewayd.commands.common", "pydantic", "flask"} & loaded
