"""The packages for ARM, installed in Debian 12 under qemu-user, send a message in the demo.

The roots lie in `build/roots`, made once by debootstrap. The kernel starts their programs by qemu through binfmt_misc, which
needs root. They share the network of this machine.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import eventually, free_port

ROOT = Path(__file__).parents[2]
BINFMT = Path("/proc/sys/fs/binfmt_misc")
PACKAGES = "python3,python3-venv"

# An emulated core is some twenty times slower.
SLOW_S = 300.0

pytestmark = [
    pytest.mark.bench,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(
        os.geteuid() != 0 or not shutil.which("debootstrap") or not shutil.which("qemu-arm-static"),
        reason="needs root, debootstrap, qemu-user-static and binfmt-support",
    ),
]


class Root:
    """A Debian of another architecture. Its programs run in namespaces of their own, and end with the test."""

    def __init__(self, architecture: str, emulator: str) -> None:
        _start_by_emulator(emulator)
        self.tree = ROOT / "build" / "roots" / architecture
        if not (self.tree / "root" / "complete").exists():
            shutil.rmtree(self.tree, ignore_errors=True)
            command: list[str | Path] = ["debootstrap", f"--arch={architecture}", "--variant=minbase"]
            subprocess.run([*command, f"--include={PACKAGES}", "bookworm", self.tree], check=True)
            (self.tree / "root" / "complete").touch()

    def command(self, *words: str) -> list[str]:
        """The command that runs these words in the root."""
        mounts = (
            f"mount -t proc proc '{self.tree}/proc' && mount -t devpts -o newinstance,ptmxmode=0666"
            f" devpts '{self.tree}/dev/pts' && mount --bind '{self.tree}/dev/pts/ptmx' '{self.tree}/dev/ptmx' &&"
            f" exec chroot '{self.tree}' \"$@\""
        )
        namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--"]
        return [*namespaces, "sh", "-c", mounts, "sh", "env", "LC_ALL=C.UTF-8", *words]

    def run(self, *words: str) -> str:
        """The output of a command in the root."""
        done = subprocess.run(self.command(*words), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def _start_by_emulator(name: str) -> None:
    """Let the kernel start the programs of an architecture by qemu."""
    if not (BINFMT / "status").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT], check=True)
    if not (BINFMT / name).exists():
        subprocess.run(["update-binfmts", "--enable", name], check=True)


@contextmanager
def demo(root: Root) -> Iterator[dict[str, Any]]:
    """The url and the keys of a running demo."""
    shutil.rmtree(root.tree / "root" / "demo", ignore_errors=True)
    listen = f"127.0.0.1:{free_port()}"
    words = ["gatewayd", "demo", "--json", "--ports", "2", "--listen", listen, "--state", "/root/demo"]
    with subprocess.Popen(root.command(*words), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("architecture", "emulator", "machine"),
    [("arm64", "qemu-aarch64", "aarch64"), ("armhf", "qemu-arm", "armv7l")],
)
def test_the_installed_package_sends_a_message(architecture: str, emulator: str, machine: str) -> None:
    subprocess.run([ROOT / "systemd" / "build_deb.sh"], check=True, env={**os.environ, "ARCH": architecture})
    [package] = (ROOT / "build").glob(f"gatewayd_*_{architecture}.deb")
    root = Root(architecture, emulator)
    assert root.run("uname", "-m").strip() == machine
    shutil.copy(package, root.tree / "root" / "gatewayd.deb")
    root.run("dpkg", "--purge", "gatewayd")
    root.run("dpkg", "--install", "/root/gatewayd.deb")
    with demo(root) as running:
        headers = {"X-API-Key": running["key"]}
        body = {"recipient": "+22370123456", "message": "Hello"}
        sent = requests.post(f"{running['url']}/sms/send", json=body, headers=headers, timeout=60).json()
        assert sent["success"], sent
        status = f"{running['url']}/sms/status/{sent['data']['sms_id']}"

        def is_delivered() -> bool:
            answer = requests.get(status, headers=headers, timeout=60).json()
            return bool(answer["data"]["status"] == "delivered")

        eventually(is_delivered, SLOW_S)
