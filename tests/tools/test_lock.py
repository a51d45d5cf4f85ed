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
    for requirement in found:
        assert {">=", "<"} == {bound.operator for bound in requirement.specifier}, requirement
        assert requirement.specifier.contains(LOCKED[canonicalize_name(requirement.name)]), requirement


def test_waitress_is_bound_to_the_minor_release_of_the_channel() -> None:
    (waitress,) = [requirement for requirement in required() if requirement.name == "waitress"]
    assert set(str(waitress.specifier).split(",")) == {">=3.0.1", "<3.1"}


def test_the_dependencies_of_each_requirement_are_locked() -> None:
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
            canonicalize_name(requirement.name)
            for requirement in needs
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        ]


@pytest.mark.parametrize("name", LOCKED)
def test_the_installed_versions_are_the_locked_ones(name: str) -> None:
    try:
        installed = version(name)
    except PackageNotFoundError:
        pytest.skip("it builds packages, and is not installed here")
    if name != "setuptools":  # a venv of Python 3.11 brings one; packages are built with another
        assert installed == LOCKED[name]


@pytest.mark.parametrize(
    "file", ["tools/setup_venv.sh", "systemd/install.sh", "systemd/build_deb.sh", "Makefile"]
)
def test_every_file_that_installs_packages_uses_the_lock(file: str) -> None:
    text = (ROOT / file).read_text()
    assert re.search(r"PIP_CONSTRAINT=constraints\.txt|--constraint constraints\.txt", text)
