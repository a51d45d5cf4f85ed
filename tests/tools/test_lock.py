"""constraints.txt agrees with setup.cfg and with the installed versions."""

from __future__ import annotations

import re
from configparser import ConfigParser
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKED = dict(
    line.split("==")
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if not line.startswith("#")
)


def required() -> list[Requirement]:
    """The requirements of setup.cfg, for running and developing."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    lines = setup["options"]["install_requires"] + "".join(setup["options.extras_require"].values())
    return [Requirement(line) for line in lines.split("\n") if line.strip()]


def test_each_requirement_is_bounded_and_its_locked_version_is_within_the_bounds() -> None:
    found = required()
    assert len(found) > 20
    for each in found:
        assert {">=", "<"} == {bound.operator for bound in each.specifier}, each
        assert each.specifier.contains(LOCKED[canonicalize_name(each.name)]), each


def test_waitress_is_held_to_the_minor_release_that_the_channel_is_built_on() -> None:
    (waitress,) = [each for each in required() if each.name == "waitress"]
    assert set(str(waitress.specifier).split(",")) == {">=3.0.1", "<3.1"}


def test_all_that_a_requirement_needs_is_locked_too() -> None:
    waiting, seen = [canonicalize_name(each.name) for each in required()], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        assert name in LOCKED
        try:
            needs = [Requirement(line) for line in distribution(name).requires or ()]
        except PackageNotFoundError:
            continue  # only some commands of the Makefile install it
        waiting += [
            canonicalize_name(each.name)
            for each in needs
            if each.marker is None or each.marker.evaluate({"extra": ""})
        ]


@pytest.mark.parametrize("name", LOCKED)
def test_what_is_installed_here_is_what_is_locked(name: str) -> None:
    try:
        installed = version(name)
    except PackageNotFoundError:
        pytest.skip("it builds packages, and is not installed here")
    if name != "setuptools":  # a venv of Python 3.11 brings one; packages are built with another
        assert installed == LOCKED[name]


@pytest.mark.parametrize(
    "file", ["tools/setup_venv.sh", "systemd/install.sh", "systemd/build_deb.sh", "Makefile"]
)
def test_whatever_installs_packages_uses_the_lock(file: str) -> None:
    text = (ROOT / file).read_text()
    assert re.search(r"PIP_CONSTRAINT=constraints\.txt|--constraint constraints\.txt", text)
