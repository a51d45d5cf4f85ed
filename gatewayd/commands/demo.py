"""`gatewayd demo`: run the gateway on a simulated modem bank, ready for a first message."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import sys
import time
from pathlib import Path

import click

from config.language.text import Text
from config.settings import ConfigError, Settings, load
from gatewayd.admin import commands
from gatewayd.commands.command_help import examples
from gatewayd.commands.common import fail
from gatewayd.commands.output import say
from gatewayd.commands.run import START_ERRORS
from gatewayd.daemon.daemon import Daemon
from gatewayd.daemon.logging_setup import log_to_stderr
from gatewayd.daemon.signals import stop_signals_held
from gatewayd.escaping import json_text
from gatewayd.fleet.setup import configuring
from gatewayd.store.engine.errors import StoreLockedError
from gatewayd.store.store import check_free
from modem.port.status import PortState
from modem.simulator.bank import Bank
from modem.simulator.core.config import BankConfig

_DEFAULT_STATE = Path("~/.local/state/gatewayd-demo")

# Simulated modems boot and register within a second or two; two slots are read one after the other.
_READY_TIMEOUT_S = 60.0
_LOOK_S = 0.05

_LOGIN = "demo"
_PASSWORD_BYTES = 9  # 12 characters


@examples("gatewayd demo", "gatewayd demo --ports 8 --listen 127.0.0.1:8080")
@click.command()
@click.option("--listen", default="127.0.0.1:8000", show_default=True, help="HOST:PORT of the API.")
@click.option("--ports", type=click.IntRange(1, 256), default=4, show_default=True, help="Simulated modems.")
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    default=_DEFAULT_STATE,
    show_default=True,
    help="The folder of database and configuration.",
)
@click.option("--submit-s", type=float, default=1.0, show_default=True, help="Seconds of one submission.")
@click.option("--delivery-s", type=float, default=1.0, show_default=True, help="Seconds until delivery.")
@click.option(
    "--first-card", type=click.IntRange(1), default=1, hidden=True, help="Other boxes, other cards."
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print url, keys, log-in and state as one JSON line once ready."
)
@stop_signals_held()
def demo(
    listen: str, ports: int, state: Path, submit_s: float, delivery_s: float, first_card: int, as_json: bool
) -> None:
    """Run the gateway on a simulated modem bank."""
    state = state.expanduser().absolute()
    try:
        check_free(state / "gatewayd.db")
        settings = _configure(state, listen, ports)
    except (ConfigError, StoreLockedError, OSError) as error:
        fail(error)
    recent_log = log_to_stderr(settings.daemon)
    bank = Bank(
        BankConfig(
            directory=state / "ports",
            ports=ports,
            slots_of={ports: 2},
            submit_s=submit_s,
            delivery_s=delivery_s,
            ussd_s=submit_s,
            registration_s=0.2,
            boot_s=0.2,
            first_card=first_card,
        )
    )
    daemon = Daemon(settings, config=state / "gatewayd.toml", recent_log=recent_log)
    try:
        bank.start()
        url = daemon.start()
    except START_ERRORS as error:
        bank.stop()
        fail(error)
    try:
        _wait_until_ready(daemon, ports)
        keys = _accounts(daemon, state)
        _announce(url, keys, state, as_json)
        daemon.watch()
    finally:
        daemon.stop()
        bank.stop()


def _configure(state: Path, listen: str, ports: int) -> Settings:
    """Write the configuration of the demo into its state folder and load it."""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    lines = [
        "# Rewritten by each `gatewayd demo`; use it with `gatewayd --config`.",
        f"[api]\nlisten = {json.dumps(listen)}",
        f"[store]\npath = {json.dumps(str(state / 'gatewayd.db'))}",
    ]
    for number in range(1, ports + 1):
        device = json.dumps(str(state / "ports" / f"port{number}"))
        slots = 2 if number == ports else 1
        lines.append(f"[[ports]]\nport = {number}\ndevice = {device}\nslots = {slots}")
    path = state / "gatewayd.toml"
    if path.exists() and (fleet := load(path).fleet).joined:  # `make fleet` runs several of these
        keys = configuring.values(fleet.dsn, fleet.name, fleet.password_file, fleet.sslrootcert)
        lines.append(configuring.shown(keys))
    path.write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    return load(path)


def _wait_until_ready(daemon: Daemon, ports: int) -> None:
    deadline = time.monotonic() + _READY_TIMEOUT_S
    while time.monotonic() < deadline:
        statuses = daemon.gateway.port_registry.ports()
        if len(statuses) == ports and all(
            port.state is PortState.UP and port.active.registration.carries_sms for port in statuses.values()
        ):
            return
        time.sleep(_LOOK_S)
    fail(Text("the simulated modems did not come up in time"))


def _accounts(daemon: Daemon, state: Path) -> dict[str, str]:
    """Return the keys of the demo company, and the login and password of a person. What is missing is created and kept."""
    path = state / "keys.json"
    stored: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    accounts = {
        **(stored if "key" in stored else _keys(daemon)),
        **({} if "login" in stored else _person(daemon)),
    }
    if accounts != stored:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(fd, "w", encoding="utf-8") as file:
            json.dump(accounts, file)
    return accounts


def _keys(daemon: Daemon) -> dict[str, str]:
    """Create a company with a SIM of its own, and two keys."""
    company = _run(daemon, "company.add", name="Demo")
    sims = commands.run(daemon.admin, "sim.list", {})
    if isinstance(sims, list) and sims:
        first = sims[0]["id"]
        _run(daemon, "sim.set", sim=first, changes={"company_id": company["id"], "cost": 0.05}, default=True)
    return {
        "key": str(_run(daemon, "key.add", company=company["id"])["key"]),
        "admin_key": str(_run(daemon, "key.add", company=company["id"], admin=True)["key"]),
    }


def _person(daemon: Daemon) -> dict[str, str]:
    """Create an owner of the dashboard with a random password."""
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    _run(daemon, "user.add", login=_LOGIN, password=password, role="owner", name="Demo")
    return {"login": _LOGIN, "password": password}


def _run(daemon: Daemon, command: str, **arguments: object) -> dict[str, object]:
    result = commands.run(daemon.admin, command, arguments)
    return result if isinstance(result, dict) else {}


def _announce(url: str, keys: dict[str, str], state: Path, as_json: bool) -> None:
    if as_json:
        say(json_text({"url": url, **keys, "state": str(state)}))
        return
    body = json.dumps({"recipient": "+22370123456", "message": "Hello World"})
    say(f"""
gatewayd listens on {url}, on simulated modems.

  API key             {keys["key"]}
  administration key  {keys["admin_key"]}
  dashboard           {url.removesuffix("api")}  login {keys["login"]}, password {keys["password"]}
  state               {state}

Show the ports and SIMs:

  {shlex.quote(sys.executable)} -m gatewayd.cli --config {shlex.quote(str(state / "gatewayd.toml"))} status

Send a message:

  curl -X POST {url}/sms/send -H "X-API-Key: {keys["key"]}" -H "Content-Type: application/json" -d '{body}'

Ctrl-C stops it.
""")
