"""One box of the tortured fleet: a bank that survives everything, a daemon, a clock, and its way to PostgreSQL."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

from tests.conftest import Process
from tests.fleet.proxy import Proxy
from tests.gatewayd.box import Box
from tests.torture.fleet.plan import Plan
from tests.torture.fleet.wrong_clock import WrongClock

_STORE = ("gatewayd.db", "gatewayd.db-wal", "gatewayd.db-shm")
CARDS = 1000  # numbers of cards for each box


class FleetBox:
    """A box. The constructor starts nothing but its proxy."""

    def __init__(self, path: Path, number: int, plan: Plan, postgres: int) -> None:
        """`postgres`: the port of the server."""
        path.mkdir()
        self.name = f"box-{number}"
        self.number = number
        self.path = path
        self.plan = plan
        self.proxy = Proxy(postgres)
        self.clock = WrongClock(path)
        self.hour = 0  # by which its clock is wrong
        self.tracebacks: list[str] = []
        self._frozen = False
        dispatch = (
            f"max_attempts = 100\nbackoff_s = [0.3]\nsubmit_timeout_s = {plan.submit_timeout_s:g}\n"
            f'in_doubt = "{plan.in_doubt}"\nin_doubt_wait_s = {plan.in_doubt_wait_s:g}\n'
        )
        self.box = Box(path, slots=dict.fromkeys(range(1, plan.ports + 1), 1), dispatch=dispatch)

    @property
    def running(self) -> bool:
        """Whether its daemon was started, and was not killed since."""
        return self.box.gateway is not None

    def start_bank(self) -> None:
        """Start its modems: cards that no other box has."""
        plan = self.plan
        least, most = plan.submit_s
        self.box.start_bank(
            *("--submit-s", f"{(least + most) / 2}", "--submit-jitter", f"{(most - least) / 2}"),
            *("--delivery-s", "0.3"),
            *("--seed", str(plan.seed * 10 + self.number), "--first-card", str(self.number * CARDS)),
        )

    def start(self) -> None:
        """Start the daemon."""
        self.box.gateway = Process(
            *("--config", self.box.config, "run"), environment=self.clock.environment, forked_in=self.path
        )

    def can_send(self) -> bool:
        """Whether all its own SIMs can send."""
        sims = self.box.get("sms/sims/available")["data"]["available_sims"]
        own = [sim for sim in sims if sim.get("box") in (None, self.name)]
        ready: int = sum(sim["can_send_sms"] for sim in own)
        return ready >= self.plan.ports

    def asked(self) -> list[float]:
        """When its modems were handed a part since the last call: monotonic seconds, in order."""
        found: list[float] = []
        while moments := self.box.order(do="moments")["moments"]:
            found += [at for what, at, _ in moments if what == "asked"]
        return found

    def kill(self) -> None:
        """End the daemon as a power cut would."""
        assert self.box.gateway is not None
        self.box.gateway.kill()
        self._keep_log()
        self._frozen = False

    def freeze(self) -> None:
        """Stop the daemon with SIGSTOP."""
        assert self.box.gateway is not None
        os.kill(self.box.gateway.pid, signal.SIGSTOP)
        self._frozen = True

    def thaw(self) -> None:
        """Let it go on."""
        if self._frozen and self.box.gateway is not None:
            os.kill(self.box.gateway.pid, signal.SIGCONT)
        self._frozen = False

    def set_clock(self, hours: int) -> None:
        """Step its wall clock: it is right, or wrong by an hour."""
        self.hour = 0 if self.hour else hours
        self.clock.set(self.hour * 3600)

    def copy_store(self, to: Path) -> None:
        """Kill the daemon, keep the files of its store, and start it."""
        self.kill()
        to.mkdir(parents=True)
        for name in _STORE[:2]:
            if (self.path / name).exists():
                shutil.copy2(self.path / name, to / name)
        self.start()

    def put_store_back(self, copy: Path) -> None:
        """Put older files in place of the store's, while the daemon is dead."""
        for name in _STORE:
            (self.path / name).unlink(missing_ok=True)
        for file in copy.iterdir():
            shutil.copy2(file, self.path / file.name)

    def stop(self) -> None:
        """Stop everything."""
        self.thaw()
        if self.box.gateway is not None:
            self.box.gateway.stop()
            self._keep_log()
        if self.box.bank is not None:
            self.box.bank.stop()
            self.box.bank = None
        self.proxy.close()

    def _keep_log(self) -> None:
        assert self.box.gateway is not None
        lines = self.box.gateway.stderr
        with (self.path / "daemon.log").open("a", encoding="utf-8") as log:
            log.writelines([*lines, "-- ended\n"])
        self.tracebacks += [line.rstrip() for line in lines if line.startswith("Traceback")]
        self.box.gateway = None
