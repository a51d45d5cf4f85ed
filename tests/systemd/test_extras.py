"""The scripts that build packages ask for extras of setup.cfg: pip only warns of one that does not exist."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "systemd").glob("*.sh"))


def extras() -> configparser.SectionProxy:
    """The extras of setup.cfg with their packages."""
    found = configparser.ConfigParser()
    found.read(ROOT / "setup.cfg", encoding="utf-8")
    return found["options.extras_require"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_extra_of_a_script_exists(script: Path) -> None:
    asked = re.findall(r"(?:gatewayd|/src)\[(\w+)\]", script.read_text(encoding="utf-8"))
    assert set(asked) <= set(extras())


def test_the_package_brings_what_a_fleet_needs() -> None:
    fleet = extras()["fleet"].split()
    assert [re.match(r"\w+", each)[0] for each in fleet] == ["psycopg"]  # type: ignore[index]
    assert fleet[0] in extras()["dev"].split()
    for name in ("build_deb.sh", "install.sh"):
        assert "[fleet]" in (ROOT / "systemd" / name).read_text(encoding="utf-8")
