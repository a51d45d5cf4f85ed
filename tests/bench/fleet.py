"""A fleet to measure: boxes on simulated modems, and a PostgreSQL that waits for the disk, with the settings that it comes with."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.conftest import cli_json, eventually
from tests.fleet.databases import PASSWORD, ROLE
from tests.gatewayd.box import Box
from tools.postgres_folder import PostgresFolder

DATABASE = "fleet"
READY_S = 180.0
_CARDS = 1000


class Fleet:
    """Running boxes that accept the same key."""

    def __init__(self, folder: Path, boxes: int, ports: int, submit_s: float) -> None:
        """`ports`: of each box. A submission takes `submit_s`."""
        self.server = PostgresFolder(folder / "postgres")
        self.boxes = [self._box(folder / f"box-{number}", ports) for number in range(1, boxes + 1)]
        self._folder = folder
        self._ports = ports
        self._submit_s = submit_s

    def start(self) -> None:
        """Start everything, and wait until all SIMs can send."""
        self.server.start()
        self.server.create_role(ROLE, PASSWORD)
        self.server.create_database(DATABASE, ROLE)
        first = self.boxes[0]
        company = first.cli("company", "add", "Test")["id"]
        headers = {"X-API-Key": first.cli("key", "add", "--company", company)["key"]}
        password = self._folder / "password"
        password.write_text(PASSWORD, encoding="utf-8")
        password.chmod(0o600)
        cli_json(
            first.config,
            *("fleet", "init", self.server.dsn(dbname=DATABASE), "--role", ROLE),
            *("--password-file", str(password)),
        )
        dsn = f"host=127.0.0.1 port={self.server.port} user={ROLE} dbname={DATABASE}"
        for number, box in enumerate(self.boxes, 1):
            box.headers = headers
            cli_json(
                box.config,
                *("fleet", "join", dsn, "--name", f"box-{number}", "--password-file", str(password), "--yes"),
            )
            box.start_bank(
                *("--submit-s", str(self._submit_s), "--delivery-s", "0.05"),
                *("--first-card", str(number * _CARDS)),
            )
            box.start_gateway()
        total = self._ports * len(self.boxes)

        def all_can_send() -> bool:
            sims = first.get("sms/sims/available")["data"]["available_sims"]
            ready: int = sum(sim["can_send_sms"] for sim in sims)
            return ready == total

        eventually(all_can_send, READY_S)

    def stop(self) -> None:
        """Stop everything."""
        with ExitStack() as stack:
            stack.callback(self.server.close)
            for box in self.boxes:
                stack.callback(box.stop)

    def query(self, sql: str) -> list[str]:
        """The lines of a query."""
        return self.server.psql(sql, DATABASE).splitlines()

    def sims_of(self, box: Box) -> list[int]:
        """The ids of the SIMs in a box."""
        name = f"box-{self.boxes.index(box) + 1}"
        lines = self.query(f"SELECT sim_id FROM gatewayd.sim_places WHERE box = '{name}' ORDER BY sim_id;")  # noqa: S608 - our own names
        return [int(line) for line in lines]

    @staticmethod
    def _box(path: Path, ports: int) -> Box:
        path.mkdir()
        return Box(path, slots=dict.fromkeys(range(1, ports + 1), 1))


@contextmanager
def running_fleet(boxes: int, ports: int, submit_s: float) -> Iterator[Fleet]:
    """A fleet in a new folder, which is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="bench-fleet-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # the user of PostgreSQL passes through
        fleet = Fleet(folder, boxes, ports, submit_s)
        try:
            fleet.start()
            yield fleet
        finally:
            fleet.stop()
