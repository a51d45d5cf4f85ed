"""A simulated box that looks as one in daily use: companies, names, a month of figures, messages on their way, and two faults."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any, Final

import requests

from gatewayd.daemon.control_client import ask
from gatewayd.store.engine.connection import Connection
from gatewayd.store.store import Store
from gatewayd.store.tables import balances, sims
from gatewayd.store.tables.hourly_counts import HOUR
from gatewayd.timekeeping.clock import DAY
from tests.conftest import eventually
from tests.gatewayd.box import Box

PASSWORD: Final = "quatre chats dorment"
LOGINS: Final = {"owner": "awa", "company": "moussa"}

_PORTS = 8
_DEADLINE_S = 60.0
_COMPANIES = (("Mobipay", 200_000), ("Clinique du Fleuve", 5_000), ("École Horizon", None))
_SIM_NAMES = ("Orange 1", "Malitel 1", "Orange 2", "Malitel 2", "Orange 3", "Malitel 3", "Orange 4", "Malitel 4", "Orange 5")  # fmt: skip
_REFUSED = "+22370000013"
_TEXTS = (
    "Votre code Mobipay est {code}. Ne le donnez à personne.",
    "Clinique du Fleuve : votre rendez-vous est confirmé pour demain à 9 h 30.",
    "Vous avez reçu 15 000 F de AMINATA K. Nouveau solde : 42 350 F.",
    "École Horizon : la réunion des parents aura lieu samedi à 10 h.",
    "Votre ordonnance est prête. Passez à la pharmacie avant 18 h.",
)
_ANSWERS = (
    "Merci beaucoup",
    "D'accord, je viens à 9 h 30",
    "STOP",
    "C'est pour quel enfant ?",
    "Bien reçu, merci",
)


class LivelyBox:
    """The box, its bank and its persons. `url`: of the dashboard."""

    def __init__(self, path: Path) -> None:
        self._box = Box(path, slots=dict.fromkeys(range(1, _PORTS), 1) | {_PORTS: 2})
        self._chance = random.Random(7)  # noqa: S311 - the same pictures each time
        self.url = self._box.api.removesuffix("/api")

    def start(self) -> None:
        """Start it, and wait until its messages are on their way."""
        box = self._box
        box.start_bank("--submit-s", "3", "--delivery-s", "2", "--refuse", f"{_REFUSED}=21")
        box.start_gateway()
        found = {sim["port"] * 10 + sim["slot"]: sim["id"] for sim in eventually(self._all_sims)}
        sim_ids = [found[place] for place in sorted(found)]
        self._accounts(sim_ids)
        box.stop_gateway()
        self._fill(sim_ids)
        box.start_gateway()
        for role, login in LOGINS.items():
            company = 1 if role == "company" else None
            self.ask(
                "user.add",
                login=login,
                password=PASSWORD,
                role=role,
                name=login.title() + " Traoré",
                company=company,
            )
        eventually(lambda: all(port["state"] == "up" for port in self.ask("status")["ports"]))
        self._send(sim_ids)
        for number, text in enumerate(_ANSWERS):
            order: dict[str, str | int] = {
                "port": 1 + number,
                "from": f"+2237612340{number}",
                "text": text,
            }
            box.order(do="incoming", **order)
        box.order(do="unplug", port=6)
        box.order(do="registration", port=4, stat=3)
        eventually(lambda: self.ask("status")["ports"][5]["state"] == "absent")
        eventually(self._some_delivered)

    def stop(self) -> None:
        """Stop the box and its bank."""
        self._box.stop()

    def ask(self, command: str, **arguments: object) -> Any:
        """The result of an administration command."""
        return ask(self._box.path / "gatewayd.db", command, arguments, _DEADLINE_S)

    def sms_id(self, status: str) -> str:
        """The newest message with this status."""
        body = requests.get(
            f"{self._box.api}/sms/messages", params={"status": status}, headers=self._box.headers, timeout=30
        ).json()
        found: str = body["data"][0]["sms_id"]
        return found

    def _all_sims(self) -> list[dict[str, Any]]:
        known: list[dict[str, Any]] = self.ask("sim.list")
        return known if len(known) == _PORTS + 1 else []

    def _some_delivered(self) -> bool:
        return int(self.ask("status")["messages"]["sent"]) > 0

    def _accounts(self, sim_ids: list[int]) -> None:
        for number, (name, quota) in enumerate(_COMPANIES, 1):
            if number > 1:
                self.ask("company.add", name=name, quota=quota)
            else:
                self.ask("company.set", company=1, changes={"name": name, "quota": quota})
        for sim_id, name in zip(sim_ids, _SIM_NAMES, strict=True):
            self.ask("sim.set", sim=sim_id, changes={"name": name, "cost": 25.0, "daily_limit": 800})

    def _fill(self, sim_ids: list[int]) -> None:
        """A month of figures, balances and bundles; nothing else may have the store open."""
        now = time.time_ns() // 1000
        store = Store(self._box.path / "gatewayd.db")
        store.open()
        try:
            store.write(lambda db: self._fill_in(db, sim_ids, now))
        finally:
            store.close()

    def _fill_in(self, db: Connection, sim_ids: list[int], now: int) -> None:
        chance = random.Random(7)  # noqa: S311 - as above
        today = time.strftime("%Y-%m-%d", time.gmtime(now / 1e6))
        of_today = {sim_id: [0, 0] for sim_id in sim_ids}
        for hour in range((now - 30 * DAY) // HOUR, now // HOUR):
            busy = max(0.0, 1 - abs(hour % 24 - 13) / 9) * (0.5 if hour // 24 % 7 in (2, 3) else 1.0)
            month = time.strftime("%Y-%m", time.gmtime(hour * 3600))
            for place, sim_id in enumerate(sim_ids):
                sent = int(busy * (34 - 3 * place) * chance.uniform(0.6, 1.3))
                failed = int(sent * chance.uniform(0, 0.06))
                counts = (sent + failed, sent, int(sent * 0.96), failed, 0, 0, 0, int(sent * 1.2))
                if time.strftime("%Y-%m-%d", time.gmtime(hour * 3600)) == today:
                    of_today[sim_id][0] += sent
                    of_today[sim_id][1] += failed
                company = 1 + chance.choice((0, 0, 0, 1, 1, 2))
                values = (*counts, int(sent * 1.2) * 25_000_000)
                marks = ", ".join("?" * len(values))
                db.execute(
                    f"INSERT INTO hourly_counts VALUES (?, ?, ?, {marks})",  # noqa: S608 - only marks
                    (company, hour, sim_id, *values),
                )
                db.execute(
                    f"INSERT INTO monthly_counts VALUES (?, ?, ?, 0, {marks}) ON CONFLICT DO UPDATE SET"  # noqa: S608
                    " accepted = accepted + excluded.accepted, sent = sent + excluded.sent,"
                    " delivered = delivered + excluded.delivered, failed = failed + excluded.failed,"
                    " parts = parts + excluded.parts, cost = cost + excluded.cost",
                    (company, month, sim_id, *values),
                )
        for place, sim_id in enumerate(sim_ids):
            db.execute(
                "INSERT INTO sim_usage (sim_id, day, sent, failed) VALUES (?, ?, ?, ?)",
                (sim_id, today, *of_today[sim_id]),
            )
            sims.set_balance(db, sim_id, 12_450.0 - 1_300 * place, now)
            balances.set_bundle(db, sim_id, 2_000 - 170 * place, now + (3 + place) * DAY, now)

    def _send(self, sim_ids: list[int]) -> None:
        for number in range(150):
            text = self._chance.choice(_TEXTS).format(code=self._chance.randrange(100_000, 999_999))
            recipient = _REFUSED if number % 25 == 7 else f"+2237{self._chance.randrange(10**6, 10**7)}"
            body: dict[str, object] = {"recipient": recipient, "message": text}
            if number % 10 == 0:
                body["sim_number_id"] = sim_ids[3]  # it will have no network
            if number % 4 == 0:
                body["priority"] = "otp"
            self._post("send", body)
        text = "École Horizon : les inscriptions sont ouvertes jusqu'au 15."
        bulk = [{"recipient": f"+2236{number:07}", "message": text} for number in range(120)]
        self._post("send-bulk", {"messages": bulk, "campaign_id": 12, "priority": "bulk"})

    def _post(self, path: str, body: dict[str, object]) -> None:
        headers = {**self._box.headers, "Prefer": "respond-async"}
        answer = requests.post(f"{self._box.api}/sms/{path}", json=body, headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
