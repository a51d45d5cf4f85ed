"""The address of the dashboard that the installer prints is one that a browser reaches."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from gatewayd.cli import main


def printed(folder: Path, listen: object) -> str:
    """What `gatewayd installer dashboard-address` prints for this value of `api.listen`."""
    config = folder / "gatewayd.toml"
    config.write_text(f"[api]\nlisten = {json.dumps(listen)}\n")
    result = CliRunner().invoke(main, ["--config", str(config), "installer", "dashboard-address"])
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000/"),
        ("localhost:8000", "http://localhost:8000/"),
        ("[::1]:8001", "http://[::1]:8001/"),
        ("192.168.1.5:8000", "http://192.168.1.5:8000/"),
        (["127.0.0.1:8000", "192.168.1.5:8080"], "http://192.168.1.5:8080/"),
        (["[::1]:8000", "[fd00::5]:8080"], "http://[fd00::5]:8080/"),
    ],
)
def test_an_address_that_the_network_reaches_comes_first(tmp_path: Path, listen: object, url: str) -> None:
    assert printed(tmp_path, listen) == url


def test_a_server_on_all_addresses_is_reached_at_the_printed_one(tmp_path: Path) -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104 - as api.listen says it
        port = server.getsockname()[1]
        for anywhere in ("*", "0.0.0.0", "[::]"):  # noqa: S104
            host, _, found_port = printed(tmp_path, f"{anywhere}:{port}")[7:-1].rpartition(":")
            assert int(found_port) == port
            with socket.create_connection((host, port), timeout=10):
                pass
