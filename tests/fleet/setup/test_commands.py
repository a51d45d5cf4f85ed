"""`gatewayd fleet …` as a person or a script runs it, against a real PostgreSQL."""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from config.settings import load
from gatewayd.cli import main
from tests.fleet.databases import Database
from tests.fleet.setup.fleets import own_box

pytestmark = pytest.mark.postgres


@dataclass(frozen=True)
class Result:
    """The result of a command."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Folder:
    """A box in a folder: its configuration and its store."""

    path: Path

    @property
    def config(self) -> Path:
        """The configuration."""
        return self.path / "gatewayd.toml"

    def run(self, *arguments: str, **environment: str) -> Result:
        """Run a command of this box, in this process: starting a Python takes most of a second."""
        runner = CliRunner(env={"LC_ALL": "C", "COLUMNS": "80", **environment})
        done = runner.invoke(main, ["--config", str(self.config), *arguments])
        return Result(done.exit_code, done.stdout, done.stderr)

    def json(self, *arguments: str) -> Any:
        """The document of a command that succeeds."""
        done = self.run(*arguments, "--json")
        assert done.code == 0, done
        return json.loads(done.out)


def made_box(folder: Path, name: str, text: str = "") -> Folder:
    """A box that was started once: it has a database."""
    path = folder / name
    path.mkdir()
    (path / "gatewayd.toml").write_text(f'# {name}\n[store]\npath = "{path}/gatewayd.db"\n{text}')
    with own_box(folder, name) as box:
        company = box.company(f"Company of {name}")
        box.key(company)
        box.sim(f"card {name}", company)
    return Folder(path)


def init(box: Folder, database: Database) -> dict[str, Any]:
    """Initialise with a role of the database's own, so that tests do not share its password."""
    role = f"role_{database.name}"
    document: dict[str, Any] = box.json("fleet", "init", database.superuser_dsn, "--role", role)
    return document


def dsn(database: Database) -> str:
    return f"host=127.0.0.1 port={database.server.port} dbname={database.name} user=role_{database.name}"


def test_a_fleet_is_set_up_by_two_commands(database: Database, tmp_path: Path) -> None:
    first, second = made_box(tmp_path, "a"), made_box(tmp_path, "b")
    document = init(first, database)
    password = Path(document["password_file"])
    assert document["created"]
    assert password == first.path / "fleet-password"
    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    assert document["password_changed"]
    again = init(first, database)
    assert not again["created"]
    assert not again["password_changed"]

    joined = first.json("fleet", "join", dsn(database), "--name", "bamako-1")
    assert joined["configuration_written"]
    fleet = load(first.config).fleet
    assert (fleet.dsn, fleet.name, fleet.password_file) == (dsn(database), "bamako-1", password)
    assert first.config.read_text().startswith("# a\n[store]\n")

    unanswered = second.run(
        "fleet", "join", dsn(database), "--name", "kayes", "--password-file", str(password)
    )
    assert unanswered.code == 1
    assert "say which companies are the same" in unanswered.err
    assert "1 Company of a" in unanswered.err
    joined = second.json(
        "fleet",
        "join",
        dsn(database),
        "--name",
        "kayes",
        "--password-file",
        str(password),
        "--company",
        "1=new",
    )
    assert joined["ids"] == {"company": {"1": 2}, "key": {"1": 2}, "sim": {"1": 2}, "webhook": {}}

    state = second.json("fleet", "status")
    assert [(box["name"], box["state"], box["silent"]) for box in state["boxes"]] == [
        ("bamako-1", "member", True),
        ("kayes", "member", True),
    ]
    shown = second.run("fleet", "status")
    assert shown.code == 0
    assert "bamako-1" in shown.out
    assert all(len(line) <= 80 for line in shown.out.splitlines()), shown.out
    french = second.run("fleet", "status", LC_ALL="fr_FR.UTF-8")
    assert "Messages en attente" in french.out


def test_a_box_leaves_and_is_alone_again(fleet_database: Database, tmp_path: Path) -> None:
    box = made_box(tmp_path, "a")
    init(box, fleet_database)
    box.json("fleet", "join", dsn(fleet_database), "--name", "bamako-1")
    assert box.json("fleet", "leave")["configuration_written"]
    assert not load(box.config).fleet.joined
    assert "[fleet]" not in box.config.read_text()
    assert fleet_database.psql("SELECT state FROM gatewayd.boxes") == "left"
    refused = box.run("fleet", "status")
    assert (refused.code, "belongs to no fleet" in refused.err) == (1, True)
    box.json("fleet", "join", dsn(fleet_database), "--name", "bamako-1", "--yes")
    assert fleet_database.psql("SELECT state FROM gatewayd.boxes") == "member"


def test_a_box_leaves_with_unfinished_messages_by_force_alone(
    fleet_database: Database, tmp_path: Path
) -> None:
    box = made_box(tmp_path, "a")
    init(box, fleet_database)
    box.json("fleet", "join", dsn(fleet_database), "--name", "bamako-1")
    fleet_database.psql(
        "INSERT INTO gatewayd.queue (message_id, state, box, epoch, incarnation, sim_id, pinned, priority, company_id,"
        " transactional, parts) SELECT 5, 'started', name, epoch, incarnation, 1, 0, 1, 1, 0, 1 FROM gatewayd.boxes;"
    )
    refused = box.run("fleet", "leave")
    assert refused.code == 1
    assert "1 messages that this box started are unfinished" in refused.err
    assert load(box.config).fleet.joined
    assert box.json("fleet", "leave", "--force")["started"] == 1
    assert fleet_database.psql("SELECT state FROM gatewayd.boxes") == "left"


def test_a_box_is_excluded_and_a_restored_fleet_recovers(fleet_database: Database, tmp_path: Path) -> None:
    first, second = made_box(tmp_path, "a"), made_box(tmp_path, "b")
    password = init(first, fleet_database)["password_file"]
    first.json("fleet", "join", dsn(fleet_database), "--name", "bamako-1")
    second.json("fleet", "join", dsn(fleet_database), "--name", "kayes", "--password-file", password, "--yes")
    nothing = first.run("fleet", "recovered", "--yes")
    assert (nothing.code, "is not recovering" in nothing.err) == (1, True)
    fleet_database.psql(
        "UPDATE gatewayd.fleet SET recovering = 1; UPDATE gatewayd.boxes SET caught_up = 0 WHERE name = 'kayes';"
    )
    assert "PostgreSQL was restored, and these boxes have not told" in first.run(
        "fleet", "status"
    ).out.replace("\n", " ")
    behind = first.run("fleet", "recovered", "--yes")
    assert (behind.code, "have not told everything again: kayes" in behind.err) == (1, True)
    asked = first.run("fleet", "exclude", "kayes")
    assert (asked.code, "add --yes" in asked.err) == (1, True)
    unknown = first.run("fleet", "exclude", "segou", "--yes")
    assert (unknown.code, "its members are: bamako-1, kayes" in unknown.err) == (1, True)
    assert first.json("fleet", "exclude", "kayes", "--yes") == {"excluded": "kayes"}
    assert first.json("fleet", "recovered", "--yes") == {"recovered": True}
    assert fleet_database.psql("SELECT recovering FROM gatewayd.fleet") == "0"
    # A box that comes back after all goes on under its name.
    assert second.json("fleet", "join", dsn(fleet_database), "--name", "kayes")["already"]
    assert fleet_database.psql("SELECT state FROM gatewayd.boxes WHERE name = 'kayes'") == "member"


def test_the_daemon_must_be_stopped(fleet_database: Database, tmp_path: Path) -> None:
    box = made_box(tmp_path, "a")
    init(box, fleet_database)
    with own_box(tmp_path, "a"):
        refused = box.run("fleet", "join", dsn(fleet_database), "--name", "bamako-1")
    assert (refused.code, "the daemon of this box runs" in refused.err) == (1, True)
    assert fleet_database.psql("SELECT count(*) FROM gatewayd.boxes") == "0"


def test_a_password_on_the_command_line_is_refused_and_not_repeated(
    fleet_database: Database, tmp_path: Path
) -> None:
    box = made_box(tmp_path, "a")
    init(box, fleet_database)
    refused = box.run("fleet", "join", f"{dsn(fleet_database)} password=verysecret", "--name", "bamako-1")
    assert refused.code == 1
    assert "password" in refused.err
    assert "verysecret" not in refused.out + refused.err


def test_a_wrong_password_is_told(fleet_database: Database, tmp_path: Path) -> None:
    box = made_box(tmp_path, "a")
    init(box, fleet_database)
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong-password\n")
    refused = box.run(
        "fleet", "join", dsn(fleet_database), "--name", "bamako-1", "--password-file", str(wrong)
    )
    assert refused.code == 1
    assert "password authentication failed" in refused.err
    assert "wrong-password" not in refused.out + refused.err
    assert not load(box.config).fleet.joined


def test_a_password_comes_from_the_environment(fleet_database: Database, tmp_path: Path) -> None:
    box = made_box(tmp_path, "a")
    password = Path(init(box, fleet_database)["password_file"])
    secret = password.read_text().strip()
    password.unlink()
    joined = box.run(
        "fleet", "join", dsn(fleet_database), "--name", "a", "--json", GATEWAYD_FLEET_PASSWORD=secret
    )
    assert joined.code == 0, joined
    assert load(box.config).fleet.password_file is None
    assert secret not in box.config.read_text() + joined.out


def test_a_network_is_never_crossed_without_tls(fleet_database: Database, tmp_path: Path) -> None:
    box = made_box(tmp_path, "a")
    init(box, fleet_database)
    refused = box.run("fleet", "join", "host=192.0.2.1 dbname=x user=y sslmode=disable", "--name", "a")
    assert refused.code == 1
    assert "without TLS" in refused.err


def test_a_box_of_an_older_version_is_refused(fleet_database: Database, tmp_path: Path) -> None:
    box = made_box(tmp_path, "a")
    init(box, fleet_database)
    fleet_database.psql(
        "INSERT INTO gatewayd.schema_versions"
        " SELECT max(version) + 1, 1, max(version) + 1 FROM gatewayd.schema_versions;"
    )
    refused = box.run("fleet", "join", dsn(fleet_database), "--name", "a")
    assert refused.code == 1
    assert "install the version of the other boxes" in refused.err


def test_a_configuration_that_cannot_be_changed_is_printed(fleet_database: Database, tmp_path: Path) -> None:
    box = made_box(tmp_path, "a", "fleet.prefetch_s = 5\n")
    box.config.write_text(f'fleet = {{ prefetch_s = 5 }}\n[store]\npath = "{box.path}/gatewayd.db"\n')
    init(box, fleet_database)
    joined = box.run("fleet", "join", dsn(fleet_database), "--name", "bamako-1")
    assert joined.code == 0, joined
    assert f'[fleet]\ndsn = "{dsn(fleet_database)}"\nname = "bamako-1"\n' in joined.out


def test_a_database_that_is_missing_is_created_and_the_owner_of_one_may_initialise(
    fleet_database: Database, tmp_path: Path
) -> None:
    box = made_box(tmp_path, "a")
    name = f"new_{fleet_database.name}"
    created = box.json(
        "fleet",
        "init",
        fleet_database.superuser_dsn.replace(fleet_database.name, name),
        "--role",
        f"role_{fleet_database.name}",
    )
    try:
        assert created["created"]
        assert f"dbname={name}" in created["dsn"]
    finally:
        fleet_database.server.drop_database(name)


def test_the_role_of_the_boxes_may_not_change_the_schema(fleet_database: Database, tmp_path: Path) -> None:
    box = made_box(tmp_path, "a")
    document = init(box, fleet_database)
    refused = box.run(
        "fleet",
        "init",
        dsn(fleet_database),
        "--admin-password-file",
        document["password_file"],
        "--role",
        "another",
    )
    assert refused.code == 1
