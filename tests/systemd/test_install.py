"""Install into a folder, repeat, and uninstall; switch to a new release, and back.

The scripts are the real ones, and so is the database. A Python that builds environments is a small program, since the
tests must not need a network.
"""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from config.settings import load

ROOT = Path(__file__).parents[2]

# A replacement for Python: it answers the calls of the scripts, and its virtual environments contain a copy of itself. Only the
# steps of `gatewayd installer` run with the real Python.
PYTHON = f"""#!/bin/sh
case "$*" in
    *' installer '*) shift; PYTHONPATH='{ROOT}' exec '{sys.executable}' "$@" ;;
    *dashboard-token*) [ -z "${{CODE:-}}" ] || echo "$CODE"; [ -n "${{CODE:-}}" ] ;;
    *man_page.py*) mkdir -p "$3/man1" "$3/man5"; touch "$3/man1/gatewayd.1" "$3/man5/gatewayd.toml.5" ;;
    *print*) echo "${{VERSION:-py3.11}}" ;;
    *'-m venv '*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
    *' install '* | *' wheel '*)
        echo "$*" >>"$CALLS"
        [ -z "${{PIP_SAYS:-}}" ] || {{ echo "$PIP_SAYS" >&2; exit 1; }} ;;
esac
"""


class Target:
    """The folder of an installation."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "an image"
        self.calls = folder / "calls"
        self.python = folder / "python"
        self.python.write_text(PYTHON)
        self.python.chmod(0o755)

    def run(self, *command: str, **variables: str) -> tuple[int, str]:
        """Run the script; return exit code and output."""
        environment = {
            **os.environ,
            "DESTDIR": str(self.root),
            "PYTHON": str(self.python),
            "CALLS": str(self.calls),
            **variables,
        }
        result = subprocess.run(
            ["systemd/install.sh", *command],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return result.returncode, result.stdout + result.stderr

    def run_on_terminal(self, command: str, *answers: str, **variables: str) -> str:
        """Run the script on a terminal and type these lines; return the output."""
        environment = {
            **os.environ,
            "DESTDIR": str(self.root),
            "PYTHON": str(self.python),
            "CALLS": str(self.calls),
            "DEBIAN_FRONTEND": "",
            **variables,
        }
        terminal_fd, script_fd = os.openpty()
        os.write(terminal_fd, "".join(f"{answer}\n" for answer in answers).encode())
        with open(terminal_fd, "rb", buffering=0) as terminal:
            result = subprocess.run(
                ["systemd/install.sh", command],
                cwd=ROOT,
                env=environment,
                stdin=script_fd,
                capture_output=True,
                text=True,
                check=False,
            )
            os.close(script_fd)
            assert terminal.readable()
        return result.stdout + result.stderr

    def installed(self) -> int:
        """Count the installations of packages since the last call."""
        calls = self.calls.read_text() if self.calls.exists() else ""
        self.calls.unlink(missing_ok=True)
        return calls.count(" install ")

    def files(self) -> dict[str, bytes]:
        """Return the contents of all files below the folder."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file()
        }


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(tmp_path)


def test_an_installation_has_every_file_that_the_service_needs(target: Target) -> None:
    code, output = target.run("install", LISTEN="[::]:8080")
    assert code == 0, output
    current = target.root / "opt/gatewayd/current"
    assert (current / "bin/python").exists()
    assert os.readlink(current).startswith("releases/")
    config = target.root / "etc/gatewayd/gatewayd.toml"
    assert load(config).api.listen == "[::]:8080"
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    assert (target.root / "var/lib/gatewayd").is_dir()
    unit = (target.root / "etc/systemd/system/gatewayd.service").read_text()
    assert "ExecStart=/opt/gatewayd/current/bin/python " in unit, "the image is another system's root"
    assert (target.root / "etc/udev/rules.d/70-gatewayd.rules").exists()
    assert os.access(target.root / "usr/local/bin/gatewayd", os.X_OK)
    share = target.root / "usr/local/share"
    assert (share / "man/man1/gatewayd.1").exists()
    assert (share / "bash-completion/completions/gatewayd").exists()
    assert (share / "zsh/site-functions/_gatewayd").exists()
    assert (current / "share/config/gatewayd.toml").read_bytes() == (
        ROOT / "config/gatewayd.toml"
    ).read_bytes()


@pytest.mark.parametrize("layout", ["", "debian"])
def test_the_links_of_the_copied_documents_find_their_files(tmp_path: Path, layout: str) -> None:
    subprocess.run([ROOT / "systemd/copy_docs.sh", tmp_path, layout], check=True)
    documents = sorted(tmp_path.rglob("*.md"))
    originals = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    assert len(documents) == len(originals) - (layout == "debian"), (
        "Debian has its own name for the changelog"
    )
    missing = [
        f"{document.name}: {link}"
        for document in documents
        for link in re.findall(
            r"""(?:\]\(|(?:src|srcset|href)=")([^)#:"]+)[^):"]*[)"]""", document.read_text(encoding="utf-8")
        )
        if not (document.parent / link).exists()
    ]
    assert missing == []


@pytest.mark.parametrize(
    ("listen", "kept"),
    [
        ("*:8000", "*:8000"),
        ("[fe80::1%eth0]:8000", "[fe80::1%eth0]:8000"),
        ("127.0.0.1:8000,[::1]:8001,localhost:8002", ("127.0.0.1:8000", "[::1]:8001", "localhost:8002")),
    ],
)
def test_the_api_may_listen_everywhere_or_on_several_addresses(
    target: Target, listen: str, kept: object
) -> None:
    code, output = target.run("install", LISTEN=listen)
    assert code == 0, output
    assert load(target.root / "etc/gatewayd/gatewayd.toml").api.listen == kept


def test_a_second_installation_changes_nothing_and_never_the_configuration(target: Target) -> None:
    assert target.run("install")[0] == 0
    assert target.installed() == 1
    config = target.root / "etc/gatewayd/gatewayd.toml"
    assert load(config).api.listen == "127.0.0.1:8000"
    config.write_text(config.read_text() + "# mine\n")
    before = target.files()
    code, output = target.run("install", LISTEN="0.0.0.0:9000")
    assert code == 0
    assert "LISTEN changes nothing" in output
    assert target.run("upgrade")[0] == 0
    assert target.files() == before
    assert target.installed() == 0


def test_another_python_builds_another_release_and_keeps_the_previous_one(target: Target) -> None:
    for version in ("py3.11", "py3.12", "py3.13"):
        assert target.run("install", VERSION=version)[0] == 0
    kept_releases = sorted(path.name[-6:] for path in (target.root / "opt/gatewayd/releases").iterdir())
    assert kept_releases == ["py3.12", "py3.13"]
    assert os.readlink(target.root / "opt/gatewayd/current").endswith("py3.13")


def test_a_prefix_holds_everything_and_its_own_paths_are_configured(target: Target) -> None:
    assert target.run("install", DESTDIR="", prefix=str(target.root))[0] == 0
    settings = load(target.root / "etc/gatewayd/gatewayd.toml")
    assert settings.store.path == target.root / "var/lib/gatewayd/gatewayd.db"
    command = (target.root / "bin/gatewayd").read_text()
    assert f"{target.root}/lib/gatewayd/current/bin/python" in command
    assert f"{target.root}/etc/gatewayd/gatewayd.toml" in command
    assert (target.root / "lib/systemd/system/gatewayd.service").exists()


def test_an_invalid_address_is_refused_before_anything_is_configured(target: Target) -> None:
    for listen in ("everywhere", '0.0.0.0:8000"', "0.0.0.0:99999", "*:8000,", "*:8000, *:8001", "a:1,a:1"):
        code, output = target.run("install", LISTEN=listen)
        assert code == 1
        assert "HOST:PORT" in output
    assert list((target.root / "etc/gatewayd").iterdir()) == []


def test_the_numbering_plan_is_asked_for_and_not_guessed(target: Target) -> None:
    assert target.run("install", PLAN="mali")[0] == 0
    config = target.root / "etc/gatewayd/gatewayd.toml"
    assert load(config).numbers.plan == "mali"
    before = config.read_bytes()
    code, output = target.run("install", PLAN="ghana")
    assert (code, config.read_bytes()) == (0, before)
    assert "PLAN changes nothing" in output


def test_without_a_plan_the_guides_plan_applies(target: Target) -> None:
    assert target.run("install")[0] == 0
    assert load(target.root / "etc/gatewayd/gatewayd.toml").numbers.plan == "guide"


@pytest.mark.parametrize("plan", ["atlantis", 'mali"', "mali|ghana", "&", "ma\\li", "[mali]"])
def test_an_unknown_plan_is_refused_before_anything_is_configured(target: Target, plan: str) -> None:
    code, output = target.run("install", PLAN=plan)
    assert code == 1
    assert "config/plans.toml" in output
    assert list((target.root / "etc/gatewayd").iterdir()) == []


@pytest.mark.parametrize(
    ("language", "question", "answers", "listen", "plan"),
    [
        ("C", "In which country are your numbers?", ("", "senegal"), "127.0.0.1:8000", "senegal"),
        ("fr_FR.UTF-8", "Dans quel pays sont vos numéros ?", ("perhaps", "oui", ""), "*:8000", "guide"),
    ],
)
def test_the_questions_are_asked_on_a_terminal_in_the_language_of_the_operator(
    target: Target, language: str, question: str, answers: tuple[str, ...], listen: str, plan: str
) -> None:
    output = target.run_on_terminal("install", *answers, LC_ALL=language)
    settings = load(target.root / "etc/gatewayd/gatewayd.toml")
    assert (settings.api.listen, settings.numbers.plan) == (listen, plan), output
    assert question in output
    assert "guide mali senegal cote_d_ivoire" in output


def test_the_answer_about_the_lan_is_given_before(target: Target) -> None:
    code, output = target.run("install", "--lan", "perhaps")
    assert (code, "yes or no" in output) == (1, True)
    code, output = target.run("install", LAN="no", LISTEN="*:8000")
    assert (code, "exclude each other" in output) == (1, True)
    assert target.run("install", "--lan", "yes")[0] == 0
    config = target.root / "etc/gatewayd/gatewayd.toml"
    assert load(config).api.listen == "*:8000"
    before = config.read_bytes()
    code, output = target.run("install", LAN="no")
    assert (code, config.read_bytes()) == (0, before)
    assert "LAN changes nothing" in output


def test_unsuitable_wheels_are_named_in_a_sentence_and_leave_no_release(
    target: Target, tmp_path: Path
) -> None:
    says = "ERROR: No matching distribution found for gatewayd"
    code, output = target.run("install", WHEELS=str(tmp_path), PIP_SAYS=says)
    assert code == 1
    assert "They must be for" in output
    assert says not in output
    assert list((target.root / "opt/gatewayd/releases").iterdir()) == []
    assert not (target.root / "etc").exists()


def test_without_a_network_the_remedy_is_told_without_the_noise_of_pip(target: Target) -> None:
    noise = "WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError'"
    code, output = target.run("install", PIP_SAYS=noise)
    assert code == 1
    assert "reaches no package index" in output
    assert "make install WHEELS=/path/to/wheels" in output
    assert "Retrying" not in output


def test_another_failure_of_pip_is_shown(target: Target, tmp_path: Path) -> None:
    for variables in ({}, {"WHEELS": str(tmp_path)}):
        code, output = target.run("install", PIP_SAYS="ERROR: No space left on device", **variables)
        assert code == 1
        assert "No space left" in output


def test_uninstall_keeps_configuration_and_messages_until_they_are_purged(target: Target) -> None:
    target.run("install")
    (target.root / "var/lib/gatewayd/gatewayd.db").touch()
    assert target.run("uninstall")[0] == 0
    assert sorted(target.files()) == ["etc/gatewayd/gatewayd.toml", "var/lib/gatewayd/gatewayd.db"]
    assert target.run("uninstall")[0] == 0, "a second time is no failure"
    assert target.run("upgrade")[0] == 1, "there is nothing to upgrade"
    assert target.run("uninstall", PURGE="1")[0] == 0
    assert target.files() == {}


# Two releases, `old` and `new`, and a service that only writes a file: `fails` names the release that does not start, `dies` the
# release that stops soon after its start, `migrates` the release that changes the database so that `old` no longer starts.
SWITCH = """
set -eu
home=$PWD/home etc=$PWD/etc state=$PWD/state python='{python}'
. '{root}'/systemd/release.sh
as_gatewayd() {{ "$@"; }}
activate() {{ ln -sfn "releases/$1" "$home/current"; }}
service() {{
    echo "$1 $(current)" >>service
    [ "$1" = start ] || return 0
    [ "$(current)" = new ] || ! {sqlite} 'SELECT y FROM t' 2>/dev/null || return 1
    [ "$(current)" != "${{migrates:-}}" ] || {sqlite} 'ALTER TABLE t ADD COLUMN y'
    [ "$(current)" != "${{fails:-}}" ]
}}
lasts() {{ [ "$1" != "${{dies:-}}" ]; }}
{then}
"""


class Box:
    """Two releases, with `old` running, and a database with one row."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "state" / "gatewayd.db"
        for name in ("old", "new"):
            python = folder / "home" / "releases" / name / "bin" / "python"
            python.parent.mkdir(parents=True)
            python.write_text(PYTHON)
            python.chmod(0o755)
            (python.parents[1] / ".complete").touch()
        (folder / "home" / "current").symlink_to("releases/old")
        (folder / "etc").mkdir()
        (folder / "etc" / "gatewayd.toml").write_text(f'[store]\npath = "{self.store}"\n')
        self.store.parent.mkdir()
        self.sql("PRAGMA journal_mode = WAL", "CREATE TABLE t (x)", "INSERT INTO t VALUES (1)")

    def sql(self, *statements: str) -> list[tuple[object, ...]]:
        """Run statements; return the rows of the last one."""
        with closing(sqlite3.connect(self.store)) as db, db:
            rows: list[tuple[object, ...]] = []
            for statement in statements:
                rows = db.execute(statement).fetchall()
            return rows

    def switch(self, **variables: str) -> tuple[int, str]:
        """Switch to `new`; return exit code and output."""
        return self.run("switch_to new", **variables)

    def run(self, then: str, **variables: str) -> tuple[int, str]:
        """Run a function of the script; return exit code and output."""
        program = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute(sys.argv[2]); db.commit(); db.close()"
        script = SWITCH.format(
            python=sys.executable,
            root=ROOT,
            sqlite=f"'{sys.executable}' -c '{program}' '{self.store}'",
            then=then,
        )
        done = subprocess.run(
            ["sh", "-c", script],
            cwd=self.folder,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    @property
    def current(self) -> str:
        """The current release."""
        return os.readlink(self.folder / "home" / "current").removeprefix("releases/")

    @property
    def started(self) -> list[str]:
        """The releases that were started, in order."""
        lines = (self.folder / "service").read_text().splitlines()
        return [line.removeprefix("start ") for line in lines if line.startswith("start ")]


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_a_new_release_that_starts_stays_and_the_database_was_copied(box: Box) -> None:
    code, output = box.switch(migrates="new")
    assert code == 0, output
    assert (box.current, box.started) == ("new", ["new"])
    copy = box.folder / "state" / "backups" / "000001-old.db"
    assert str(copy) in output
    with closing(sqlite3.connect(copy)) as db:
        assert db.execute("SELECT * FROM t").fetchall() == [(1,)]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


@pytest.mark.parametrize("how", ["fails", "dies"])
def test_a_new_release_that_does_not_start_is_replaced_by_the_old_one_on_the_same_database(
    box: Box, how: str
) -> None:
    code, output = box.switch(**{how: "new"})
    assert code == 1
    assert "old runs again" in output
    assert (box.current, box.started) == ("old", ["new", "old"])
    assert not list(box.store.parent.glob("*.failed"))
    assert not (box.folder / "home" / "releases" / "new").exists(), "the next try builds it again"


def test_the_database_is_restored_where_the_old_release_cannot_read_the_migrated_one(
    box: Box,
) -> None:
    code, output = box.switch(fails="new", migrates="new")
    assert code == 1
    assert "ends in .failed" in output
    assert (box.current, box.started) == ("old", ["new", "old", "old"])
    assert box.sql("SELECT * FROM t") == [(1,)]
    with closing(sqlite3.connect(box.store.with_name("gatewayd.db.failed"))) as db:
        assert db.execute("SELECT * FROM t").fetchall() == [(1, None)]


def test_without_a_copy_nothing_is_changed(box: Box) -> None:
    (box.folder / "state" / "backups").touch()  # a file in the place of the folder
    code, output = box.switch()
    assert code == 1
    assert "Nothing was changed" in output
    assert box.current == "old"
    assert (box.folder / "service").read_text().splitlines()[-2:] == ["stop old", "start old"]


def test_three_copies_are_kept(box: Box) -> None:
    folder = box.folder / "state" / "backups"
    folder.mkdir()
    for number in range(7, 11):
        (folder / f"{number:06}-older.db").touch()
    assert box.switch()[0] == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        "000009-older.db",
        "000010-older.db",
        "000011-old.db",
    ]


def test_a_first_installation_ends_with_the_address_and_the_code(box: Box) -> None:
    (box.folder / "etc/gatewayd.toml").write_text('[api]\nlisten = "192.168.1.5:8000"\n')
    words = "closing_words new '' changes"
    code, output = box.run(f"show_code=1; {words}", CODE="a1b2-c3d4")
    assert code == 0
    assert "http://192.168.1.5:8000/" in output
    assert "a1b2-c3d4" in output
    code, output = box.run(words, CODE="a1b2-c3d4")
    assert (code, "a1b2-c3d4" in output) == (0, False), "apt writes down what a package prints"
    assert "sudo gatewayd dashboard-token" in output
    code, output = box.run(f"show_code=1; {words}")
    assert (code, "sudo gatewayd dashboard-token" in output) == (0, True), "a person exists already"


def test_where_only_the_box_reaches_the_page_the_words_say_how_the_lan_may(box: Box) -> None:
    code, output = box.run("closing_words new '' changes")
    assert code == 0
    assert "http://127.0.0.1:8000/" in output
    assert 'listen = "*:8000"' in output


@pytest.mark.parametrize(
    ("language", "old", "words"),
    [
        ("C", "old", "new runs in the place of old. What changed: changes"),
        ("C", "new", "new was up to date"),
        ("fr_FR.UTF-8", "old", "new fonctionne à la place de old. Les changements : changes"),
    ],
)
def test_an_upgrade_ends_with_words_for_an_upgrade(box: Box, language: str, old: str, words: str) -> None:
    code, output = box.run(f"closing_words new {old} changes", LC_ALL=language)
    assert code == 0
    assert words in output
    assert "http://" not in output
