"""From `make install` to the package and back, under a real systemd: no question is asked, and no file is lost.

See `container.py` for the Debian in which it runs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.systemd.container import MARKS, ROOT, TREE, Container, put_sources

pytestmark = MARKS

CONFIG = TREE / "etc/gatewayd/gatewayd.toml"


@pytest.fixture
def container(tmp_path: Path) -> Iterator[Container]:
    """A booted Debian without gatewayd, with its sources, wheels and package in /root."""
    subprocess.run([ROOT / "systemd/build_deb.sh"], check=True, env=os.environ | {"ARCH": architecture()})
    [package] = (ROOT / "build").glob(f"gatewayd_*_{architecture()}.deb")
    container = Container()
    try:
        put_sources(tmp_path)
        shutil.copy(package, TREE / "root" / "gatewayd.deb")
        container.run("dpkg --purge gatewayd; cd /root/gatewayd && make uninstall PURGE=1")
        yield container
    finally:
        container.close()


def architecture() -> str:
    return subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_from_make_install_to_the_package_and_back(container: Container) -> None:
    make = (
        f"cd /root/gatewayd && make install LISTEN=127.0.0.1:{free_port()} PLAN=mali WHEELS=/root/wheels 2>&1"
    )
    assert "is installed and runs" in container.run(make)
    container.run("gatewayd company add Kept")
    with CONFIG.open("a") as file:
        file.write("# a line of the operator\n")
    before = CONFIG.read_bytes()

    output = container.run("dpkg --install /root/gatewayd.deb 2>&1 </dev/null")
    assert "runs in the place of" in output
    kept(container, before)
    assert container.run("command -v gatewayd") == "/usr/bin/gatewayd\n"
    assert container.run("systemctl show --property FragmentPath gatewayd").endswith(
        "/lib/systemd/system/gatewayd.service\n"
    )
    assert not [path for path in (TREE / "usr/local").rglob("*gatewayd*") if path.is_file()]
    container.run("dpkg --install /root/gatewayd.deb 2>&1 </dev/null")  # a second time
    kept(container, before)

    assert "sudo apt remove gatewayd" in container.run(make, check=False)
    container.run("dpkg --remove gatewayd")
    assert "is installed and runs" in container.run(make)
    kept(container, before)
    container.run("dpkg --purge gatewayd")
    kept(container, before)
    container.run("systemctl restart gatewayd")
    kept(container, before)
    container.run("cd /root/gatewayd && make uninstall && dpkg --install /root/gatewayd.deb 2>&1 </dev/null")
    kept(container, before)


def kept(container: Container, config: bytes) -> None:
    """The service runs, is enabled, and has its configuration and its database."""
    assert (
        container.run("systemctl is-active gatewayd && systemctl is-enabled gatewayd") == "active\nenabled\n"
    )
    assert CONFIG.read_bytes() == config
    assert "Kept" in container.run("gatewayd company list --json")
