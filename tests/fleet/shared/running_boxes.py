"""Daemons of a fleet in this process: each with its own store, bank of modems and HTTP server, on one real PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from config.settings import (
    ApiSettings,
    ClockSettings,
    DispatchSettings,
    FleetSettings,
    InboxSettings,
    NumberSettings,
    PortSettings,
    Settings,
    StoreSettings,
)
from gatewayd.admin import commands
from gatewayd.daemon.daemon import Daemon
from modem.simulator.bank import Bank, BankConfig
from tests.conftest import eventually
from tests.fleet.databases import Database
from tests.fleet.proxy import Proxy
from tests.fleet.setup import fleets
from tests.gatewayd.webhooks.receiver import open_way
from tests.modem.recording_work import FAST

# Of simulated time: a submission takes 60 ms.
SCALE = 0.02

RECIPIENT = "+22376999999"

DEADLINE_S = 60.0

# The times of the protocol in these tests: as short as a busy machine allows.
TIMES = {"beat_s": 0.5, "lease_s": 5.0, "dead_after_s": 8.0, "doubt_extra_s": 1.0, "look_s": 0.3}


@dataclass
class RunningBox:
    """A box that has joined; `start` runs its daemon."""

    name: str
    settings: Settings
    bank: Bank | None
    daemon: Daemon = field(init=False)
    url: str = ""
    running: bool = False

    def start(self) -> None:
        """Run its daemon."""
        self.daemon = Daemon(self.settings, FAST, open_way())
        self.url = self.daemon.start()
        self.running = True

    def stop(self) -> None:
        """Stop its daemon."""
        if self.running:
            self.running = False
            self.daemon.stop()

    def run(self, command: str, **arguments: Any) -> Any:
        """An administration command at this box."""
        return commands.run(self.daemon.admin, command, arguments)

    def get(self, path: str, key: str, **parameters: Any) -> requests.Response:
        """A GET request."""
        return requests.get(
            f"{self.url}{path}", headers={"X-API-Key": key}, params=parameters, timeout=DEADLINE_S
        )

    def post(self, path: str, key: str, body: Any = None, **headers: str) -> requests.Response:
        """A POST request with these headers (`_` stands for `-`)."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.post(
            f"{self.url}{path}", json=body, headers={"X-API-Key": key, **named}, timeout=DEADLINE_S
        )

    def patch(self, path: str, key: str, body: Any) -> requests.Response:
        """A PATCH request."""
        return requests.patch(f"{self.url}{path}", json=body, headers={"X-API-Key": key}, timeout=DEADLINE_S)

    def send(self, key: str, text: str = "hello", *, wait_s: float = 0.0, **values: Any) -> requests.Response:
        """Send a message, and wait for its result for up to `wait_s`."""
        body = {"recipient": RECIPIENT, "message": text, **values}
        return self.post("/sms/send", key, body, Prefer=f"wait={wait_s:g}" if wait_s else "respond-async")

    def accepted(self, key: str, text: str, *, wait_s: float = 0.0, **values: Any) -> dict[str, Any]:
        """The data of the answer to a message that must be accepted."""
        answer = self.send(key, text, wait_s=wait_s, **values)
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def status(self, key: str, sms_id: str) -> dict[str, Any]:
        """A message as its company reads it."""
        answer = self.get(f"/sms/status/{sms_id}", key)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["data"]
        return found

    def knows(self, key: str, *, sims: int | None = None) -> None:
        """Wait until a key that was made elsewhere works here, and so many SIMs are listed."""

        def known() -> bool:
            answer = self.get("/sms/sims/available", key)
            return answer.status_code == 200 and sims in (None, answer.json()["data"]["total_available"])

        eventually(known)

    def ready(self) -> None:
        """Wait until all SIMs of its ports can send, and it may."""
        ports = len(self.settings.ports)
        registry = self.daemon.gateway.port_registry
        eventually(lambda: sum(each.registered for each in registry.sims().values()) == ports)
        fleet = self.daemon.fleet
        assert fleet is not None
        eventually(fleet.permit.is_open)


class RunningBoxes:
    """A fleet in an own database, and the boxes that joined it."""

    def __init__(self, database: Database, folder: Path, **times: float) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.database = database
        self.fleet = fleets.begin_fleet(database, folder, fleets.configured(), **{**TIMES, **times})
        self.boxes: list[RunningBox] = []
        self._cards = 0

    def add(
        self,
        name: str,
        *,
        ports: int = 1,
        proxy: Proxy | None = None,
        first_card: int | None = None,
        **sections: Any,
    ) -> RunningBox:
        """A box that has joined. Without ports it has no modems."""
        folder = self.folder / name
        folder.mkdir()
        bank = None
        if ports:
            bank = Bank(
                BankConfig(
                    folder / "bank",
                    ports=ports,
                    first_card=1 + self._cards if first_card is None else first_card,
                    time_scale=SCALE,
                )
            )
            self._cards += ports
            bank.__enter__()
        dsn = self.fleet.dsn
        if proxy is not None:
            dsn = dsn.replace(f"port={self.database.server.port}", f"port={proxy.port}")
        settings = Settings(
            **{
                "api": ApiSettings(listen="127.0.0.1:0", send_wait_s=3, threads=8),
                "store": StoreSettings(path=folder / "gatewayd.db"),
                "numbers": NumberSettings(plan="guide"),
                "dispatch": DispatchSettings(submit_timeout_s=5),
                "clock": ClockSettings(trust="always"),
                "inbox": InboxSettings(),
                "fleet": FleetSettings(dsn=dsn, name=name, password_file=self.fleet.password_file),
                "ports": ()
                if bank is None
                else tuple(PortSettings(port=port, device=str(bank.device(port))) for port in bank.ports),
                **sections,
            }
        )
        with fleets.own_box(self.folder, name) as own:
            fleets.join(self.fleet, own, name)
        box = RunningBox(name, settings, bank)
        self.boxes.append(box)
        box.start()
        return box

    def one(self, statement: str, *values: object) -> Any:
        """The first column of the first row of a statement; None without a row."""
        with self.fleet.connected() as db:
            row = db.execute(statement, values).fetchone()
        return None if row is None else row[0]

    def company(self, box: RunningBox, **changes: Any) -> tuple[int, str]:
        """A new company with a key, made at this box."""
        company = box.run("company.add", name="Company", **changes)["id"]
        return company, box.run("key.add", company=company)["key"]

    def close(self) -> None:
        """Stop what runs."""
        for box in self.boxes:
            box.stop()
        for box in self.boxes:
            if box.bank is not None:
                box.bank.__exit__(None, None, None)


@dataclass(frozen=True)
class Pair:
    """Two boxes, and a company with its key: `here` has no modem, `there` sends all messages."""

    boxes: RunningBoxes
    here: RunningBox
    there: RunningBox
    company: int
    key: str

    def sent(self, text: str, **values: Any) -> str:
        """A message that was accepted here and sent there; its id."""
        data = self.here.accepted(self.key, text, wait_s=30, **values)
        assert data["status"] in ("sent", "delivered"), data
        sms_id: str = data["sms_id"]
        return sms_id
