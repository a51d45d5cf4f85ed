"""A TOML file becomes settings, or an error with every fault and its line."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from config.settings import EXAMPLE, BalanceSettings, ConfigError, PortSettings, Settings, load, parse

PORT = '[[ports]]\nport = 1\ndevice = "/dev/ttyUSB0"\n'


def faults(text: str) -> list[str]:
    """Return the faults of a TOML text, without the name of the file."""
    with pytest.raises(ConfigError) as caught:
        parse(text.encode(), "FILE")
    return [line.removeprefix("FILE: ") for line in str(caught.value).splitlines()]


def test_an_empty_file_gives_the_defaults() -> None:
    assert parse(b"") == Settings()


def test_the_example_names_every_default() -> None:
    assert load(EXAMPLE) == Settings()


def test_the_ports_of_the_example_are_valid_once_uncommented() -> None:
    commented = EXAMPLE.read_text().split("# [[ports]]\n")[1].partition("\n\n")[0]
    lines = [line.removeprefix("# ") for line in commented.splitlines() if " = " in line]
    [port] = parse(("[[ports]]\n" + "\n".join(lines)).encode()).ports
    defaults = PortSettings(port=port.port, device=port.device)
    assert {name for name in PortSettings.model_fields if getattr(port, name) == getattr(defaults, name)} == {
        "port",
        "device",
        "baud",
        "slots",
        "rtscts",
    }


def test_the_balance_of_the_example_is_valid_once_uncommented_and_names_every_default() -> None:
    commented = EXAMPLE.read_text().split("# [[balance]]\n")[1]
    lines = [line.removeprefix("# ") for line in commented.splitlines() if " = " in line]
    [balance] = parse(("[[balance]]\n" + "\n".join(lines)).encode()).balance
    assert balance == BalanceSettings(
        operator=balance.operator, code=balance.code, renew_code=balance.renew_code
    )
    assert len(lines) == len(BalanceSettings.model_fields)


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ('code = "solde"', '[[balance]] 1 code must be a USSD code in quotes, as "#123#"'),
        ("pattern = '[0-9]+ F'", "[[balance]] 1 pattern must have parentheses around the amount"),
        ("pattern = '('", "[[balance]] 1 pattern must be a regular expression"),
        ("every_s = 0", "[[balance]] 1 every_s must be more than 0"),
        ("every = 5", '[[balance]] 1 every is not a known key; did you mean "every_s"?'),
    ],
)
def test_an_invalid_balance_is_a_fault(key: str, fault: str) -> None:
    lines = faults(f'[[balance]]\noperator = "Orange"\n{key}\n')
    assert any(line.partition(": ")[2].startswith(fault) for line in lines), lines


def test_the_values_of_the_file_are_used() -> None:
    text = """
        [api]
        listen = "[::1]:80"
        send_wait_s = 0.5
        [store]
        path = "state/gateway.db"
        [numbers]
        country_code = "221"
        pattern = '(\\+221)?7[05678][0-9]{7}'
        time_zone = "Africa/Dakar"
        operators = { Orange = ["77", "78"], Free = ["76"] }
        [dispatch]
        backoff_s = [1, 2.5]
        in_doubt = "hold"
        [[ports]]
        port = 7
        device = "/dev/pts/3"
        slots = 2
        pin = "0123"
        slot_command = "AT+CSUS={index}"
        reset_command = ["uhubctl", "--ports", "2"]
    """
    settings = parse(text.encode())
    assert settings.api.address == ("::1", 80)
    assert settings.api.send_wait_s == 0.5
    assert settings.store.path == Path("state/gateway.db")
    assert settings.numbers.pattern is not None
    assert settings.numbers.pattern.fullmatch("+221771234567")
    assert settings.numbers.zone.key == "Africa/Dakar"
    assert settings.numbers.operators == {"Orange": ("77", "78"), "Free": ("76",)}
    assert settings.dispatch.backoff_s == (1, 2.5)
    [port] = settings.ports
    assert (port.port, port.device, port.slots, port.baud) == (7, "/dev/pts/3", 2, 115_200)
    assert port.reset_command == ("uhubctl", "--ports", "2")
    assert port.pin is not None
    assert port.pin.get_secret_value() == "0123"


def test_listen_is_one_address_or_a_list_of_them() -> None:
    listed = parse(b'[api]\nlisten = ["*:80", "127.0.0.1:8000", "[fe80::1%eth0]:8000"]').api
    assert listed.addresses == (("*", 80), ("127.0.0.1", 8000), ("fe80::1%eth0", 8000))
    assert [str(address) for address in listed.addresses] == ["*:80", "127.0.0.1:8000", "[fe80::1%eth0]:8000"]
    assert parse(b'[api]\nlisten = "localhost:80"').api.addresses == (("localhost", 80),)
    assert parse(b"").api.listen == "127.0.0.1:8000"


@pytest.mark.parametrize(
    ("name", "key", "country_code"),
    [
        ("guide", "guide", "223"),
        ("mali", "mali", "223"),
        ("Senegal", "senegal", "221"),
        ("Sénégal", "senegal", "221"),
        ("Côte d'Ivoire", "cote_d_ivoire", "225"),
        ("cote-d-ivoire", "cote_d_ivoire", "225"),
        ("ivory_coast", "cote_d_ivoire", "225"),
        ("ci", "cote_d_ivoire", "225"),
        ("burkina_faso", "burkina_faso", "226"),
        ("Guinée", "guinea", "224"),
        ("NG", "nigeria", "234"),
    ],
)
def test_a_plan_is_named_by_its_country(name: str, key: str, country_code: str) -> None:
    numbers = parse(f'[numbers]\nplan = "{name}"'.encode()).numbers
    assert (numbers.plan, numbers.country_code) == (key, country_code)
    assert (numbers.pattern is None) == (key != "guide")
    assert numbers.operators == numbers.chosen.operators.begin
    assert numbers.networks == numbers.chosen.networks.begin


def test_numbers_in_the_file_override_the_plan_and_empty_values_do_not() -> None:
    text = """
        [numbers]
        plan = "ghana"
        country_code = ""
        pattern = '[0-9]{9}'
        operators = { Mine = ["24"] }
        networks = {}
    """
    numbers = parse(text.encode()).numbers
    assert numbers.country_code == "233"
    assert numbers.pattern is not None
    assert numbers.pattern.pattern == "[0-9]{9}"
    assert numbers.operators == {"Mine": ("24",)}
    assert numbers.networks["MTN"] == ("62001",)


def test_the_example_with_another_plan_is_that_plan() -> None:
    text = EXAMPLE.read_text().replace('plan = "guide"', 'plan = "togo"')
    assert parse(text.encode()).numbers == parse(b'[numbers]\nplan = "togo"').numbers


def test_every_fault_has_its_line_in_the_order_of_the_file() -> None:
    text = """[api]
bulk_max = 0

[dispatch]
backoff_s = [
    1,
    -1,
]
in_doubt = "perhaps"
[[ports]]
port = 1
device = "/dev/ttyUSB0"
[[ports]]
port = "2"
[daemon]
stop_timeout_s = 0
"""
    assert faults(text) == [
        "line 2: [api] bulk_max must be at least 1",
        "line 5: [dispatch] backoff_s 2 must be at least 0",
        "line 9: [dispatch] in_doubt must be 'retry', 'hold' or 'fail'",
        "line 13: [[ports]] 2 device is missing",
        "line 14: [[ports]] 2 port must be a whole number (without quotes)",
        "line 16: [daemon] stop_timeout_s must be more than 0",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[api]\nthread = 3", 'line 2: [api] thread is not a known key; did you mean "threads"?'),
        ("\n[dispach]", 'line 2: [dispach] is not a known key; did you mean "dispatch"?'),
        ("[store]\nthreads = 3", "line 2: [store] threads is not a known key; it belongs in [api]"),
        ("[api]\nbaud = 3", "line 2: [api] baud is not a known key; it belongs in [[ports]]"),
        ("[store]\nxyzzy = 3", "line 2: [store] xyzzy is not a known key"),
        (PORT + "devise = 1", 'line 4: [[ports]] 1 devise is not a known key; did you mean "device"?'),
        ('"api"."thread" = 3', 'line 1: [api] thread is not a known key; did you mean "threads"?'),
    ],
)
def test_an_unknown_key_is_a_fault_that_names_the_nearest_known_key(text: str, expected: str) -> None:
    assert faults(text) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("api = 5", "[api] must be a table"),
        ("[ports]\nport = 1", "[ports] must be a list"),
        ("[api]\nthreads = true", "must be a whole number"),
        ("[api]\nthreads = 3.0", "must be a whole number"),
        ("[api]\nsend_wait_s = true", "must be a number"),
        ("[api]\nsend_wait_s = nan", "must be a finite number"),
        ("[dispatch]\nsubmit_timeout_s = inf", "must be a finite number"),
        ("[dispatch]\nsubmit_timeout_s = 1e9", "must be at most 31622400"),
        ("[dispatch]\nbackoff_s = []", "must not be empty"),
        ("[api]\nbulk_max = 10001", "must be at most 10000"),
        ('[api]\nlisten = "8000"', "must be HOST:PORT"),
        ('[api]\nlisten = "::1:8000"', "must be HOST:PORT"),
        ('[api]\nlisten = "localhost:65536"', "must be HOST:PORT"),
        ('[api]\nlisten = "[localhost]:80"', "must have an IPv6 address"),
        ("[api]\nlisten = 8000", "[api] listen must be text in quotes"),
        ("[api]\nlisten = []", "must not be empty"),
        ('[api]\nlisten = ["127.0.0.1:8000", 5]', "must be text in quotes"),
        ('[api]\nlisten = ["127.0.0.1:8000", "8000"]', "must be HOST:PORT"),
        ('[api]\nlisten = [["127.0.0.1:8000"]]', "must be text in quotes"),
        ('[api]\nlisten = ["127.0.0.1:8000", "127.0.0.1:8000"]', "must not name the same address twice"),
        ('[store]\npath = ""', "must name a file"),
        ('[store]\npath = "a\\u0000"', "must be text without control characters"),
        ("[store]\npath = 3", "must be text in quotes"),
        ('[numbers]\npattern = "("', "must be a regular expression: missing )"),
        ('[numbers]\ntime_zone = "Africa"', "must be a time zone"),
        ('[numbers]\ntime_zone = "../../etc/passwd"', "must be a time zone"),
        ('[numbers]\npattern = "a{99999999999999999999}"', "must be a regular expression: "),
        ('[numbers]\ncountry_code = "223 "', "must be 1 to 3 digits in quotes"),
        ('[numbers]\ncountry_code = "+223"', "must be 1 to 3 digits in quotes"),
        (
            '[numbers]\nplan = "malli"',
            "line 2: [numbers] plan must be one of guide, mali, senegal, cote_d_ivoire",
        ),
        ("[numbers]\nplan = 3", "[numbers] plan must be text in quotes"),
        ('[numbers]\ntime_zone = ""', "[numbers] time_zone must be a time zone of the IANA database"),
        ('[numbers.operators]\nOrange = "7"', "[numbers] operators Orange must be a list"),
        ('[numbers.operators]\nOrange = ["7x"]', "must be digits in quotes"),
        ('[numbers.networks]\nOrange = ["6100"]', "must be 5 or 6 digits in quotes"),
        ('[daemon]\nlog_level = "loud"', "must be 'debug', 'info', 'warning' or 'error'"),
        (PORT.replace("1", "0", 1), "port must be at least 1"),
        (PORT.replace("/dev/ttyUSB0", ""), "device must be text without control characters, and not empty"),
        (PORT + "slots = 0", "slots must be at least 1"),
        (PORT + 'smsc = "me"', "smsc must be a phone number"),
        (PORT + 'slot_command = "AT+CSUS=1"', "slot_command must be an AT command with {slot}"),
        (PORT + 'slot_command = "SWITCH {index}"', "slot_command must be an AT command with {slot}"),
        ('[[ports]]\nport = 1\ndevice = "usb:"', "device must have a serial number or a location behind"),
        ('[[ports]]\nport = 1\ndevice = "usb::2"', "device must have a serial number or a location behind"),
        (PORT + "reset_command = []", "reset_command must not be empty"),
        (PORT + 'reset_command = "uhubctl -a cycle"', "reset_command must be a list"),
        (PORT + 'slot_command = "AT+CSUS={slot}\\r"', "slot_command must be text without control characters"),
        (PORT + "pin = 1234", 'pin must be in quotes, as "1234"'),
        (PORT + 'pin = "123"', "pin must be 4 to 8 digits"),
        (PORT + PORT.replace("USB0", "USB1"), "line 5: [[ports]] 2 port must differ from that of"),
        (PORT + PORT.replace("1", "2"), "line 6: [[ports]] 2 device must differ from that of"),
    ],
)
def test_an_invalid_value_is_a_fault_that_names_the_valid_ones(text: str, expected: str) -> None:
    [fault] = faults(text)
    assert expected in fault


@pytest.mark.parametrize("pin", ['"12345678901"', '"12 secret"', "987654321", "[987654321]"])
def test_a_pin_is_never_repeated(pin: str) -> None:
    [fault] = faults(PORT + f"pin = {pin}")
    assert pin.strip('"[]') not in fault


def test_a_valid_pin_is_never_printed() -> None:
    assert "2468" not in repr(parse((PORT + 'pin = "2468"').encode()))


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://gatewayd@db.example:5432/gatewayd?connect_timeout=3",
        "postgres://db.example/gatewayd",
        "postgresql://gatewayd@[::1]/gatewayd",
        "host=/run/postgresql dbname=gatewayd user=gatewayd",
    ],
)
def test_a_box_of_a_fleet_names_its_postgresql_and_itself(dsn: str) -> None:
    fleet = parse(f'[fleet]\ndsn = "{dsn}"\nname = "bamako-1"\npassword_file = "/etc/p"'.encode()).fleet
    assert (fleet.joined, fleet.dsn, fleet.name, fleet.password_file) == (
        True,
        dsn,
        "bamako-1",
        Path("/etc/p"),
    )
    assert not parse(b"").fleet.joined


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('dsn = "db.example"', "[fleet] dsn must be how PostgreSQL is reached"),
        ('dsn = "mysql://db.example/x"', "[fleet] dsn must be how PostgreSQL is reached"),
        ('dsn = "postgresql://db.example/x"', "[fleet] dsn needs name, by which the others know this box"),
        ('name = "Bamako 1"', "[fleet] name must be 1 to 32 of a-z, 0-9 and -"),
        (f'name = "{"a" * 33}"', "[fleet] name must be 1 to 32 of a-z, 0-9 and -"),
        ('password_file = "secret"', "[fleet] password_file must be an absolute path"),
        ('sslrootcert = "ca.pem"', "[fleet] sslrootcert must be an absolute path"),
        ("prefetch_s = 0", "[fleet] prefetch_s must be at least 1"),
    ],
)
def test_a_fault_of_the_fleet_is_told(text: str, fault: str) -> None:
    lines = faults(f"[fleet]\n{text}\n")
    assert any(line.partition(": ")[2].startswith(fault) for line in lines), lines


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://gatewayd:verysecret@db.example/gatewayd",
        "postgresql://gatewayd:very@secret@db.example/gatewayd",
        "postgresql://gatewayd@db.example/gatewayd?password=verysecret",
        "postgresql://gatewayd@db.example/gatewayd?sslmode=require&password=verysecret",
        "host=db.example password=verysecret dbname=gatewayd",
        "host=db.example password = 'verysecret' dbname=gatewayd",
        "password=verysecret",
    ],
)
def test_a_password_in_the_connection_string_is_refused_and_never_repeated(dsn: str) -> None:
    [fault] = faults(f'[fleet]\nname = "a"\ndsn = "{dsn}"\n')
    assert "must not hold the password: write that into a file, and name the file in password_file" in fault
    assert "secret" not in fault


def test_settings_are_immutable() -> None:
    with pytest.raises(ValidationError):
        Settings().api.threads = 3


def test_text_that_is_not_toml_is_a_fault_with_its_line() -> None:
    assert faults("[api]\nthreads = \n") == ["is not TOML: Invalid value (at line 2, column 11)"]


@pytest.mark.parametrize(
    "value", ["1" * 5000, "[" * 50_000, "{a=" * 50_000], ids=["digits", "lists", "tables"]
)
def test_toml_beyond_the_limits_of_python_is_a_fault(value: str) -> None:
    [fault] = faults(f"x = {value}")
    assert fault.startswith("is not TOML: ")


def test_bytes_that_are_not_utf8_are_a_fault_with_their_line() -> None:
    with pytest.raises(ConfigError, match=r"^FILE: line 2: is not UTF-8 text$"):
        parse(b"[api]\n# \xff", "FILE")


def test_a_missing_file_is_a_fault_with_the_command_to_create_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "none.toml")
    assert str(caught.value).startswith(
        f"{tmp_path}/none.toml: there is no such file. To create it: cp {EXAMPLE} "
    )


@pytest.mark.parametrize("name", [".", "a\0b"])
def test_an_unreadable_file_is_a_fault(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / name)


def settings_or_config_error(raw: bytes) -> None:
    try:
        assert isinstance(parse(raw), Settings)
    except ConfigError as error:
        assert str(error)  # noqa: PT017 - either outcome is right


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_settings_or_a_config_error(raw: bytes) -> None:
    settings_or_config_error(raw)


def _keys() -> list[str]:
    sections = tomllib.loads(EXAMPLE.read_text())
    return [
        *sections,
        "ports",
        *(key for section in sections.values() for key in section),
        "port",
        "device",
        "pin",
        "x",
    ]


_VALUES: st.SearchStrategy[str] = st.recursive(
    st.integers().map(str)
    | st.sampled_from([10**400, -(10**30), 0, 1]).map(str)
    | st.floats().map(str)
    | st.sampled_from(["true", "1979-05-27", "07:32:00", '"{slot}AT"', "'[::1]:80'", '"x"', '"12345"', "''"])
    | st.from_regex(r"'[^'\x00-\x1f\x7f]*'", fullmatch=True),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.lists(st.tuples(st.sampled_from("abc"), inner), max_size=2, unique_by=lambda pair: pair[0]).map(
            lambda pairs: "{" + ", ".join(f"{key} = {value}" for key, value in pairs) + "}"
        )
    ),
    max_leaves=4,
)


@given(st.data())
def test_any_toml_is_settings_or_a_config_error(data: st.DataObject) -> None:
    keys = st.sampled_from(_keys())
    headers = keys.map(lambda key: f"[{key}]") | keys.map(lambda key: f"[[{key}]]")
    entries = st.tuples(keys, _VALUES).map(" = ".join)
    settings_or_config_error("\n".join(data.draw(st.lists(headers | entries, max_size=8))).encode())


@given(
    st.dictionaries(st.sampled_from(sorted(PortSettings.model_fields)), st.integers() | st.text(max_size=5))
)
def test_any_port_is_valid_or_refused(fields: dict[str, Any]) -> None:
    try:
        PortSettings(**fields)
    except ValidationError as error:
        assert error.error_count()  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_file_may_begin_with_a_byte_order_mark(line_end: str) -> None:
    text = '[api]\nlisten = "127.0.0.1:8001"\n'.replace("\n", line_end)
    assert parse(b"\xef\xbb\xbf" + text.encode()).api.listen == "127.0.0.1:8001"
    with pytest.raises(ConfigError, match=r"line 2: .* is not a known key"):
        parse(b"\xef\xbb\xbf" + f"[api]{line_end}nonsense = 1".encode())


@pytest.mark.parametrize(
    ("encoding", "mark", "expected"),
    [
        ("utf-16-le", b"\xff\xfe", "is UTF-16 text: save it as UTF-8"),
        ("utf-16-be", b"\xfe\xff", "is UTF-16 text: save it as UTF-8"),
        ("utf-32-le", b"\xff\xfe\0\0", "is UTF-32 text: save it as UTF-8"),
        ("utf-32-be", b"\0\0\xfe\xff", "is UTF-32 text: save it as UTF-8"),
        ("utf-16-le", b"", "contains a NUL character, like UTF-16 text: save the file as UTF-8"),
        ("utf-16-be", b"", "contains a NUL character, like UTF-16 text: save the file as UTF-8"),
        ("latin-1", b"\xe9", "is not UTF-8 text"),
        ("cp1252", b"\x80", "is not UTF-8 text"),
    ],
)
def test_another_encoding_is_one_fault_that_names_it(encoding: str, mark: bytes, expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(mark + "[api]\nthreads = 4\n".encode(encoding), "FILE")
    assert expected in str(refused.value)
    assert str(refused.value).startswith("FILE: ")
    assert "\n" not in str(refused.value)
