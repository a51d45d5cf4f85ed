"""`gatewayd support`: the contents of the archive, and the secrets that it must not contain."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.cli import main
from gatewayd.support import archive
from gatewayd.support.blanking import blanked, secrets
from gatewayd.support.redaction import Redactor
from modem.recording import document
from tests.conftest import eventually
from tests.gatewayd.box import Box

RECIPIENT = "+22376543210"
SENDER = "+22371234567"
SENT = "Votre code secret est zanzibar"
RECEIVED = "Le mot de passe reste kilimandjaro"
PIN = "4821"
OTHER_PIN = "77345"
KEY_IN_LOG = "gw_AbCdEf0123456789AbCdEf0123456789AbCdEf01234"
PASSWORD = "hunter2hunter2"
DEBUGGED = "tombouctou"

JOURNAL = f"""\
2026-11-22T14:08:19+0000 box gatewayd[812]: 2026-11-22 14:08:19,123 INFO    gatewayd.x: listening on http://127.0.0.1:8000/api
2026-11-22T14:08:20+0000 box gatewayd[812]: 2026-11-22 14:08:20,123 WARNING gatewayd.x: about {RECIPIENT} and +223 71 23 45 67
2026-11-22T14:08:21+0000 box gatewayd[812]: 2026-11-22 14:08:21,123 INFO    gatewayd.x: key {KEY_IN_LOG} AT+CPIN="{OTHER_PIN}"
2026-11-22T14:08:21+0000 box gatewayd[812]: 2026-11-22 14:08:21,124 INFO    gatewayd.x: 07911326040000F0040B913267452301F70000
2026-11-22T14:08:22+0000 box gatewayd[812]: 2026-11-22 14:08:22,123 DEBUG   gatewayd.x: said {DEBUGGED}
2026-11-22T14:08:23+0000 box gatewayd[812]: tried PIN {PIN}, http://user:{PASSWORD}@host/
2026-11-22T14:08:23+0000 box kernel: usb 1-1.2: SerialNumber: 866123040123456
"""


@pytest.fixture(autouse=True)
def _journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal with known contents, instead of that of the machine."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (tmp_path / "journal").write_text(JOURNAL)
    program = folder / "journalctl"
    program.write_text(f"#!/bin/sh\ncat {tmp_path}/journal\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """A daemon that has sent and received, with many secrets in its configuration."""
    box = Box(tmp_path, slots={1: 1})
    box.config.write_text(
        f"# the SIM of {SENDER}, PIN {PIN}\n{box.config.read_text()}"
        f'pin = "{PIN}"\nsmsc = "{SENDER}"\nreset_command = ["curl", "-u", "admin:{PASSWORD}"]\n'
        f'[[balance]]\noperator = "Nobody"\ncode = "#144*{OTHER_PIN}#"\nrenew_code = "*144*{OTHER_PIN}*1#"\n'
    )
    box.start_bank("--submit-s", "0.05", "--delivery-s", "0.05")
    box.start_gateway()
    box.sims_ready(1)
    yield box
    box.stop()


def support(config: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["--config", str(config), "support", *map(str, arguments)])


def contents(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive_file:
        members = archive_file.getmembers()
        assert {member.mode for member in members} == {0o600}
        files = [archive_file.extractfile(member) for member in members]
        return {
            Path(member.name).name: file.read().decode()
            for member, file in zip(members, files, strict=True)
            if file is not None
        }


def secrets_in(text: str) -> list[str]:
    """Return the secrets that a text contains, also phone numbers in the form of PDUs."""
    numbers = [number[4:] for number in (RECIPIENT, SENDER)]
    swapped = ["".join(a + b for b, a in zip(n[::2], n[1::2], strict=True)) for n in numbers]
    spaced = ["71 23 45 67"]
    secrets = [*numbers, *swapped, *spaced, SENT, RECEIVED, "zanzibar", "kilimandjaro", KEY_IN_LOG, PASSWORD]
    secrets += [DEBUGGED, "866123040123456", "0B9132674523"]
    present = [secret for secret in secrets if secret in text]
    return present + [pin for pin in (PIN, OTHER_PIN) if re.search(rf"(?<![0-9.]){pin}(?![0-9])", text)]


def test_the_modems_are_recorded_when_asked(box: Box, tmp_path: Path) -> None:
    path = tmp_path / "out.tar.gz"
    result = support(box.config, path, "--modems", "--json")
    assert result.exit_code == 0, result.output
    files = contents(path)
    recording = document.parse(files["modem-1.json"].encode())
    commands = {exchange.command for exchange in recording.exchanges}
    assert {"AT+CNMI=?", "AT+CPMS=?"} <= commands
    assert [
        command for command in commands if command.startswith("AT+CMGS=") and command != "AT+CMGS=?"
    ] == []
    assert "modem-1.json" in files["README.txt"]
    iccid = box.cli("status")["ports"][0]["slots"][0]["iccid"]
    assert iccid not in files["modem-1.json"]
    assert secrets_in(files["modem-1.json"]) == []


def test_without_a_daemon_the_modems_are_not_recorded(tmp_path: Path) -> None:
    config = tmp_path / "gatewayd.toml"
    config.write_text(f'[store]\npath = "{tmp_path / "gatewayd.db"}"\n')
    path = tmp_path / "out.tar.gz"
    result = support(config, path, "--modems", "--json")
    assert result.exit_code == 0, result.output
    readme = contents(path)["README.txt"]
    assert "Missing: recordings of the modems (no gatewayd is running)." in readme


def test_the_archive_holds_useful_facts_and_no_secrets(box: Box, tmp_path: Path) -> None:
    sms_id = box.send(SENT, recipient=RECIPIENT)
    box.becomes(sms_id, "delivered")
    box.cli("sim", "set", 1, "--company", 1)  # the company that owns the inbox
    box.order(do="incoming", port=1, **{"from": SENDER, "text": RECEIVED})
    eventually(lambda: box.get("sms/inbox")["data"])
    iccid = box.cli("status")["ports"][0]["slots"][0]["iccid"]
    number = box.cli("sim", "list")[0]["number"]
    path = tmp_path / "out.tar.gz"
    result = support(box.config, path, "--json")
    assert result.exit_code == 0, result.output
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    files = contents(path)
    assert json.loads(result.stdout) == {"file": str(path), "contents": list(files)}
    assert {
        "README.txt",
        "status.json",
        "check.json",
        "counts.json",
        "configuration.json",
        "versions.json",
        "resources.json",
        "devices.json",
        "log.txt",
        "kernel.txt",
        "port-1.txt",
    } == set(files)

    assert {name: secrets_in(text) for name, text in files.items() if secrets_in(text)} == {}
    everything = "\n".join(files.values())
    for secret in (box.headers["X-API-Key"], iccid, number[4:], sms_id):
        assert secret not in everything

    status = json.loads(files["status.json"])
    assert status["ports"][0]["slots"][0]["iccid"] == f"…{iccid[-4:]}"
    assert status["ports"][0]["slots"][0]["signal_dbm"] == -71
    assert json.loads(files["check.json"])["faults"] == 0
    assert json.loads(files["counts.json"])["by_status"] == {"delivered": 1}
    assert " > AT+CMEE=1" in files["port-1.txt"]
    assert "(SMS-SUBMIT, " in files["port-1.txt"]
    assert "listening on http://127.0.0.1:8000/api" in files["log.txt"]
    assert "2026-11-22 14:08:19,123" in files["log.txt"]
    assert "pydantic" in json.loads(files["versions.json"])["packages"]
    configuration = json.loads(files["configuration.json"])
    assert configuration["ports"][0]["device"] == f"{tmp_path}/ports/port1"
    assert configuration["ports"][0]["pin"] == "(hidden)"
    assert configuration["ports"][0]["reset_command"] == ["curl", "(2 arguments hidden)"]
    for name in files:
        assert name in files["README.txt"] or name == "README.txt"


def test_without_a_daemon_the_readme_names_the_missing_files(tmp_path: Path) -> None:
    box = Box(tmp_path, slots={1: 1})
    path = tmp_path / "out.tar.gz"
    result = support(box.config, path)
    assert result.exit_code == 0, result.output
    files = contents(path)
    assert "status.json" not in files
    assert "no gatewayd is running" in files["README.txt"]
    assert "no gatewayd is running" in result.stdout
    assert json.loads(files["check.json"])["faults"] > 0
    assert "Traceback" not in result.output


def test_the_counts_of_a_stopped_gateway_come_from_its_database(box: Box, tmp_path: Path) -> None:
    box.becomes(box.send(SENT, recipient=RECIPIENT), "delivered")
    assert box.gateway is not None
    assert box.gateway.stop() == 0
    path = tmp_path / "out.tar.gz"
    assert support(box.config, path).exit_code == 0
    files = contents(path)
    assert json.loads(files["counts.json"])["newest_messages"] == 1
    assert "port-1.txt" not in files
    assert secrets_in("".join(files.values())) == []


@pytest.mark.parametrize("text", ["[[ports", "pin = 4821\nnonsense = 4821", "\xff"])
def test_an_unusable_configuration_reveals_no_secret(tmp_path: Path, text: str) -> None:
    config = tmp_path / "gatewayd.toml"
    config.write_bytes(text.encode("latin-1"))
    path = tmp_path / "out.tar.gz"
    result = support(config, path)
    assert result.exit_code == 0, result.output
    files = contents(path)
    assert PIN not in "".join(files.values())
    assert json.loads(files["check.json"])["faults"] > 0


def test_the_archive_needs_neither_configuration_nor_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    path = tmp_path / "out.tar.gz"
    result = support(tmp_path / "none.toml", path)
    assert result.exit_code == 0, result.output
    assert "no journalctl" in contents(path)["README.txt"]
    (tmp_path / "bin" / "journalctl").write_text("#!/bin/sh\necho Denied >&2\nexit 1\n")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    path.unlink()
    assert support(tmp_path / "none.toml", path).exit_code == 0
    assert "log.txt (Denied)" in contents(path)["README.txt"]


def test_the_archive_is_named_after_the_time_and_overwrites_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert support(tmp_path / "none.toml").exit_code == 0
    [first] = tmp_path.glob("gatewayd-support-*.tar.gz")
    assert re.fullmatch(r"gatewayd-support-\d{4}-\d\d-\d\d-\d{6}\.tar\.gz", first.name)
    before = first.read_bytes()
    refused = support(tmp_path / "none.toml", first)
    assert refused.exit_code == 1
    assert "already exists" in refused.stderr
    assert first.read_bytes() == before
    no_folder = support(tmp_path / "none.toml", tmp_path / "none" / "x.tar.gz")
    assert no_folder.exit_code == 1
    assert "there is no folder" in no_folder.stderr
    assert support(tmp_path / "none.toml", "--nonsense").exit_code == 2
    assert support(tmp_path / "none.toml", "one", "two").exit_code == 2


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    path.write_text("of another program")
    with pytest.raises(FileExistsError):
        archive.write(path, {})
    assert path.read_text() == "of another program"


def test_an_archive_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    result = support(tmp_path / "none.toml", "/proc/out.tar.gz")
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("to +22376543210.", "to …10."),
        ("to 76543210,", "to …10,"),
        ("+223 76 54 32 10", "…10"),
        ("Boutique 70 12 34 56 Bamako", "Boutique …56 Bamako"),
        ("Chez Awa (70.12.34.56)", "Chez Awa …56)"),
        ("Tel:07-01-02-03-04", "Tel:…04"),
        ("70\u00a012\u202f34\u00a056 / 66\u201112\u201134\u201157", "…57"),
        ("0803 123 4567,0803/123/4568", "…67,…68"),
        ("٧٠ ١٢ ٣٤ ٥٦", "…٥٦"),
        ("2026-11-22 70 12 34 56", "2026-11-22 …56"),
        ("356938035643809", "…3809"),
        ("[12345.678901] 192.168.100.200, 172.16.0.0/12", "[12345.678901] 192.168.100.200, 172.16.0.0/12"),
        ("on 22.11.2026, 5 30 120", "on 22.11.2026, 5 30 120"),
        ("port 12, 2026-11-22T14:08:19.123456Z, -71 dBm", "port 12, 2026-11-22T14:08:19.123456Z, -71 dBm"),
        ("2026-11-22 14:08:19,123 +0000", "2026-11-22 14:08:19,123 +0000"),
        (
            "/dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.2-port0",
            "/dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.2-port0",
        ),
        ("its PIN: set `pin` for this port", "its PIN: set `pin` for this port"),
        ("PIN 1234", "PIN …"),
        ('pin = "1234"', 'pin = "…"'),
        ('"api_token": "abc"', '"api_token": "…"'),
        ('AT+CLCK="SC",1,"1234"', "AT+CLCK=…"),
        ("code 4821, in 4821-01-01", "code …, in 4821-01-01"),
        ("gw_abcdefg", "gw_…"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_…"),
        ("0011000B913267452301F70000", "(26 characters)"),
    ],
)
def test_only_secrets_are_masked(text: str, masked: str) -> None:
    assert Redactor(["4821"]).text(text) == masked


@pytest.mark.parametrize(
    "number",
    [
        "76 54 32 10",
        "76.54.32.10",
        "76-54-32-10",
        "76\u00a054\u00a032\u00a010",
        "76\u202f54\u202f32\u202f10",
        "7654 3210",
        "+223 (76) 54.32.10",
        "+223\u00a076\u00a054\u00a032\u00a010",
        "06 76 54 32 10",
        "0676.54.32.10",
        "٧٦٥٤٣٢١٠",
    ],
)
def test_a_number_is_masked_in_every_notation(number: str) -> None:
    for text in (number, f"called {number}.", f"“{number}”, again"):
        digits = [character for character in Redactor().text(text) if character.isdigit()]
        assert len(digits) <= 2, Redactor().text(text)


@pytest.mark.parametrize(
    "name",
    [
        "Pharmacie 76 54 32 10",
        "76  54/32_10 Pharmacie",
        "Ph. (76) 54.32 10",
        "76\u200b54\u200b32\u200b10",
        "7 6 5 4 3 2 1 0",
        "76·54·32·10",
        "tel:76,54,32,10",
        "654 321",
    ],
)
def test_a_number_in_the_name_of_a_company_is_masked(name: str) -> None:
    masked = Redactor().tree({"companies": [{"id": 1, "name": name, "used_this_month": 76543210}]})
    company = masked["companies"][0]
    assert sum(map(str.isdigit, company["name"])) <= 2
    assert (company["id"], company["used_this_month"]) == (1, 76543210)


@pytest.mark.parametrize(
    "text",
    [
        "192.168.100.20 asked",
        "10.0.123.45",
        "0.52 0.58 0.59 1/467 12345",
        "10.52 9.58 10.59 12/467 4123456",
        "gatewayd 0.1.0, Python 3.11.7",
        "it took 12.5 ms, 13.5 ms",
        "2027-01-31",
    ],
)
def test_digits_that_are_no_phone_number_stay(text: str) -> None:
    assert Redactor().text(text) == text


@given(st.from_regex(r"\+[1-9][0-9]{7,14}", fullmatch=True), st.text(), st.text())
def test_a_number_is_masked_anywhere_in_a_text(number: str, before: str, after: str) -> None:
    assert number not in Redactor().text(before + number + after)
    assert number not in json.dumps(Redactor().tree({before: [after + number], number: {}}))


@given(
    st.from_regex(r"[0-9]{8,10}", fullmatch=True).filter(lambda digits: digits[-2:] not in digits[:-2]),
    st.sampled_from(
        [" ", "\u00a0", "\u202f", "\u2009", "-", "\u2011", "\u2212", ".", "/", ",", "_", "·", " - "]
    ),
    st.integers(1, 4),
)
def test_a_number_in_the_name_of_a_company_is_masked_with_any_separator(
    number: str, separator: str, group_size: int
) -> None:
    groups = [number[start : start + group_size] for start in range(0, len(number), group_size)]
    status = {"companies": [{"id": 1, "name": f"Awa {separator.join(groups)}", "active": True}]}
    [company] = Redactor().tree(status)["companies"]
    assert sum(char.isdigit() for char in company["name"]) <= 2
    assert (company["id"], company["name"][:4]) == (1, "Awa ")


@given(st.binary())
def test_any_bytes_can_be_a_configuration(raw: bytes) -> None:
    secrets(raw)
    with contextlib.suppress(ValueError):
        blanked(raw)


@given(
    st.dictionaries(
        st.sampled_from(["pin", "smsc", "code", "nonsense"]),
        st.sampled_from(['"4821"', "4821", '["4821"]', '{ pin = "4821" }']),
    ),
    st.sampled_from(["[[ports]]", "[ports]", "[[balance]]", "[nonsense]", ""]),
)
def test_a_pin_is_blanked_in_any_section(keys: dict[str, str], section: str) -> None:
    raw = "\n".join([section, *(f"{key} = {value}" for key, value in keys.items())])
    output = json.dumps(blanked(raw.encode()))
    assert "4821" not in output or ("smsc" in keys and "ports" in section)
