"""The unit, the udev rules and the scripts pass the checks of systemd, udev and shellcheck."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "systemd"
SCRIPTS = [
    *sorted(FOLDER.glob("*.sh")),
    *(FOLDER / "debian" / name for name in ("postinst", "prerm", "postrm")),
]


def judged(*command: str | Path) -> str:
    """Run a checker, which must find nothing; return its output. Skips the test if the program is missing."""
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"there is no {command[0]} here")
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=FOLDER.parent)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def test_systemd_finds_no_fault_in_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "gatewayd.service"
    python = "/opt/gatewayd/current/bin/python"  # not installed here
    unit.write_text((FOLDER / "gatewayd.service").read_text().replace(python, f'"{sys.executable}"'))
    assert judged("systemd-analyze", "verify", "--man=no", unit) == ""


def test_the_service_is_confined() -> None:
    judged("systemd-analyze", "security", "--offline=yes", "--threshold=20", FOLDER / "gatewayd.service")


def test_udev_finds_no_fault_in_the_rules() -> None:
    if "verify" not in judged("udevadm", "--help"):
        pytest.skip("this udevadm cannot verify rules")
    judged("udevadm", "verify", FOLDER / "70-gatewayd.rules")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_in_order(script: Path) -> None:
    judged("shellcheck", "--external-sources", "--source-path", FOLDER.parent, script)
