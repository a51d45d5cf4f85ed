"""The typed settings, and `load`, which reads them from one TOML file.

`gatewayd.toml` beside this file contains every key with its default and its reason; the defaults there and here are the same.
Durations are in seconds.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from config.basics import DEFAULT_STORE_PATH, DEFAULT_TIME_ZONE
from config.faults import describe
from config.language.text import Sentences, Text, text_of
from config.plans import GUIDE, Plan, plan_key, plans

EXAMPLE = Path(__file__).with_name("gatewayd.toml")
"""The configuration with every key and its default."""

_LONGEST_S = 366 * 86400  # a year: nothing here waits longer, and every clock and select() can count it


# The longer mark first: the mark of UTF-32 begins like that of UTF-16.
_OTHER_ENCODINGS = (
    ("UTF-32", (b"\xff\xfe\0\0", b"\0\0\xfe\xff")),
    ("UTF-16", (b"\xff\xfe", b"\xfe\xff")),
)


class ConfigError(Exception):
    """The configuration cannot be used. The text names each fault, its line and the remedy."""

    def __init__(self, *faults: Text) -> None:
        super().__init__(Sentences(faults, "\n"))
        self.faults = faults


class Address(NamedTuple):
    """A listening address. `host`: an address, a name, or `*` for all addresses of IPv4 and IPv6."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _without_control_characters(text: str) -> str:
    if not text or any(ord(character) < 0x20 or ord(character) == 0x7F for character in text):
        raise ValueError(Text("must be text without control characters, and not empty"))
    return text


def _matching(pattern: str, sentence: Text) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(sentence)
        return text

    return AfterValidator(check)


def _pattern(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(Text("must be a regular expression: {reason}", reason=text_of(error))) from error


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(Text('must be a time zone of the IANA database, as "Africa/Bamako"')) from error
    return name


def _plan(name: str) -> str:
    key = plan_key(name)
    if key is None:
        raise ValueError(Text("must be one of {names}", names=", ".join(plans())))
    return key


def _listen(value: object) -> object:
    """Check one address or a list of different addresses."""
    if not isinstance(value, list | tuple):
        _address(value)
        return value
    if not value:
        raise ValueError(Text("must not be empty"))
    addresses = [_address(text) for text in value]
    if len(set(addresses)) < len(addresses):
        raise ValueError(Text("must not name the same address twice"))
    return tuple(value)


def _address(text: object) -> Address:
    if not isinstance(text, str):
        raise ValueError(Text('must be text in quotes, as "127.0.0.1:8000", or a list of such texts'))
    found = re.fullmatch(r"(?:\[([^\]\s]+)\]|([^:\[\]\s]+)):([0-9]{1,5})", text)
    if found is None or int(found[3]) > 65535:
        raise ValueError(Text('must be HOST:PORT, as "127.0.0.1:8000", "[::1]:8000" or "*:8000"'))
    if found[1] is not None:
        try:
            ipaddress.IPv6Address(found[1])
        except ValueError as error:
            raise ValueError(Text("must have an IPv6 address between its brackets")) from error
    return Address(found[1] or found[2], int(found[3]))


def _pin(value: object) -> object:
    # An integer would lose its leading zeros.
    if not isinstance(value, str | SecretStr):
        raise ValueError(Text('must be in quotes, as "1234"'))
    return value


def _pin_digits(pin: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[0-9]{4,8}", pin.get_secret_value()):
        raise ValueError(
            Text("must be 4 to 8 digits")
        )  # 27.007, 8.3 through 11.11, 9.3; never with the value
    return pin


def _slot_command(command: str) -> str:
    counts = "{slot}" in command or "{index}" in command
    if not counts or not command.upper().startswith("AT"):
        raise ValueError(
            Text(
                "must be an AT command with {slot} (from 1) or {index} (from 0) in it, as {example}",
                slot="{slot}",
                index="{index}",
                example='"AT+CSUS={index}"',
            )
        )
    return command


def _with_amount(pattern: re.Pattern[str]) -> re.Pattern[str]:
    if not pattern.groups:
        raise ValueError(Text("must have parentheses around the amount"))
    if pattern.groupindex.keys() & {"end"} and not pattern.groupindex.keys() & {"amount", "units"}:
        raise ValueError(Text("must have a group `amount` or `units` beside `end`"))
    return pattern


def _network(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return ipaddress.ip_network(value)
    except ValueError as error:
        raise ValueError(
            Text(
                'must be an address or a network in quotes, as "192.168.1.0/24" (all bits behind the slash\'s are 0)'
            )
        ) from error


def _device(name: str) -> str:
    if name.startswith("usb:") and not re.fullmatch(r"usb:[^:\s].*", name):
        raise ValueError(Text('must have a serial number or a location behind "usb:", as "usb:1-1.2:2"'))
    return name


def _dsn(dsn: str) -> str:
    """Check the form of a connection string; the value is never repeated in an error, because it may hold a password."""
    if not dsn:
        return dsn
    _without_control_characters(dsn)
    if not re.match(r"postgres(ql)?://", dsn) and not re.match(r"\s*[a-z_]+\s*=", dsn):
        raise ValueError(
            Text(
                'must be how PostgreSQL is reached, as "postgresql://gatewayd@db.example/gatewayd" or "host=db.example dbname=gatewayd"'
            )
        )
    if re.match(r"postgres(ql)?://[^/@]*:[^/@]*@", dsn) or re.search(r"(^|[\s?&])password\s*=", dsn):
        raise ValueError(
            Text("must not hold the password: write that into a file, and name the file in password_file")
        )
    return dsn


def _folder_or_none(value: object) -> object:
    if not isinstance(value, str):
        return value
    return Path(_without_control_characters(value)) if value else None


Duration = Annotated[float, Field(gt=0, le=_LONGEST_S, allow_inf_nan=False)]
Wait = Annotated[float, Field(ge=0, le=_LONGEST_S, allow_inf_nan=False)]
"""A duration; 0 switches the function off."""

PlainText = Annotated[str, AfterValidator(_without_control_characters)]
Network = Annotated[
    str, _matching(r"[0-9]{5,6}", Text("must be 5 or 6 digits in quotes, how the IMSI of its SIMs begins"))
]
IpNetwork = Annotated[ipaddress.IPv4Network | ipaddress.IPv6Network, BeforeValidator(_network)]
IpNetworks = Annotated[tuple[IpNetwork, ...], Field(strict=False)]
UssdCode = Annotated[
    str,
    _matching(
        r"[0-9*#]{1,160}( [0-9*#]{1,160}){0,10}",
        Text('must be a USSD code in quotes, as "#123#", or a code and replies to its menus, as "*100# 2 1"'),
    ),
]
Prefix = Annotated[
    str, _matching(r"[0-9]{1,15}", Text("must be digits in quotes, the first of a national number"))
]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class ApiSettings(_Section):
    """[api]: the HTTP server."""

    listen: Annotated[str | tuple[str, ...], PlainValidator(_listen)] = "127.0.0.1:8000"
    send_wait_s: Wait = 10
    send_wait_max_s: Wait = 60
    bulk_max: int = Field(default=100, ge=1, le=10_000)
    threads: int = Field(default=32, ge=1, le=1024)
    max_body_bytes: int = Field(default=4_194_304, ge=1024, le=1 << 30)
    allowed_networks: IpNetworks = ()
    trusted_proxies: IpNetworks = ()
    metrics_networks: IpNetworks = ()
    wrong_keys_per_minute: int = Field(default=30, ge=1, le=100_000)

    @property
    def addresses(self) -> tuple[Address, ...]:
        """The addresses of `listen`; an IPv6 host has no brackets. Port 0: any free port."""
        texts = (self.listen,) if isinstance(self.listen, str) else self.listen
        return tuple(_address(text) for text in texts)

    @property
    def address(self) -> Address:
        """The first of `addresses`."""
        return self.addresses[0]

    @property
    def body_bytes_for_bulk(self) -> int:
        """The size of the largest bulk body: 1600 characters beyond the BMP per message, each 12 bytes when escaped, and the JSON around."""
        return self.bulk_max * 20 * 1024


class DashboardSettings(_Section):
    """[dashboard]: the pages for people."""

    enabled: bool = True
    hosts: Annotated[
        tuple[Annotated[str, _matching(r"[A-Za-z0-9.-]{1,253}", Text("must be the name of a host"))], ...],
        Field(strict=False),
    ] = ()


class StoreSettings(_Section):
    """[store]: the database and its backups."""

    path: Annotated[Path, BeforeValidator(lambda value: Path(value) if isinstance(value, str) else value)] = (
        DEFAULT_STORE_PATH
    )

    retention_days: int = Field(default=90, ge=0, le=36_500)
    backup_dir: Annotated[Path | None, BeforeValidator(_folder_or_none)] = None
    backup_every_s: Duration = 86_400
    backup_keep: int = Field(default=7, ge=1, le=1000)
    restore: bool = False
    restored: Literal["hold", "send"] = "hold"

    @field_validator("path")
    @classmethod
    def _names_a_file(cls, path: Path) -> Path:
        _without_control_characters(str(path))
        if not path.name:
            raise ValueError(Text("must name a file"))
        return path

    @field_validator("backup_dir")
    @classmethod
    def _names_a_folder(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_absolute():
            raise ValueError(Text("must be an absolute path"))
        return path

    @model_validator(mode="after")
    def _restores_from_somewhere(self) -> StoreSettings:
        if self.restore and self.backup_dir is None:
            raise PydanticCustomError(
                "no_backup_dir", "needs backup_dir, to restore from", {"within": ("restore",)}
            )
        return self


class NumberSettings(_Section):
    """[numbers]: the numbering plan, and the values that replace those of the plan. Empty values come from the plan."""

    plan: Annotated[str, AfterValidator(_plan)] = GUIDE
    country_code: Annotated[
        str, _matching(r"[1-9][0-9]{0,2}", Text('must be 1 to 3 digits in quotes, as "223"'))
    ] = ""
    # None: the lengths and first digits of the plan's mobile numbers decide.
    pattern: Annotated[re.Pattern[str] | None, BeforeValidator(_pattern)] = None
    time_zone: Annotated[str, AfterValidator(_time_zone)] = DEFAULT_TIME_ZONE
    operators: Mapping[PlainText, Annotated[tuple[Prefix, ...], Field(strict=False)]] = Field(default={})
    networks: Mapping[PlainText, Annotated[tuple[Network, ...], Field(strict=False)]] = Field(default={})

    @model_validator(mode="before")
    @classmethod
    def _from_the_plan(cls, given: object) -> object:
        """Fill missing and empty values from the plan."""
        if not isinstance(given, Mapping):
            return given
        name = given.get("plan", GUIDE)
        plan = plans()[(plan_key(name) if isinstance(name, str) else None) or GUIDE]
        filled = {
            "country_code": plan.numbering.country_code,
            "pattern": plan.pattern,
            "operators": plan.operators.begin,
            "networks": plan.networks.begin,
        }
        given_values = {
            key: value for key, value in given.items() if key not in filled or value not in ("", {})
        }
        return {**filled, **given_values}

    @property
    def undecided(self) -> bool:
        """Whether the numbering is that of the guide in everything: the file chose no country."""
        return self == NumberSettings(time_zone=self.time_zone)

    @property
    def chosen(self) -> Plan:
        """The plan itself, without the replaced values."""
        return plans()[self.plan]

    @property
    def zone(self) -> ZoneInfo:
        """The time zone: days and months begin at its midnight."""
        return ZoneInfo(self.time_zone)


class DispatchSettings(_Section):
    """[dispatch]: how parts are sent."""

    max_attempts: int = Field(default=5, ge=1, le=100)
    backoff_s: Annotated[tuple[Wait, ...], Field(strict=False, min_length=1)] = (5, 30, 120)
    submit_timeout_s: Duration = 180
    submit_via: Literal["direct", "storage"] = "direct"
    in_doubt: Literal["retry", "hold", "fail"] = "retry"
    in_doubt_wait_s: Wait = 120
    min_interval_s: Wait = 0
    grace_s: Wait = 120
    slot_dwell_s: Wait = 60
    slot_visit_s: Duration = 600
    max_pending: int = Field(default=1_000_000, ge=1)
    default_expiry_s: Wait = 259_200
    backlog_guard_s: Wait = 3600
    backlog_rate: float = Field(default=6, gt=0, le=6000, allow_inf_nan=False)
    blocked_after: int = Field(default=5, ge=0, le=1000)


class InboxSettings(_Section):
    """[inbox]: received texts."""

    assembly_timeout_s: Duration = 86_400
    opt_out_words: Annotated[tuple[PlainText, ...], Field(strict=False)] = (
        "STOP",
        "ARRET",
        "ARRÊT",
        "UNSUBSCRIBE",
        "DESABONNER",
    )
    opt_in_words: Annotated[tuple[PlainText, ...], Field(strict=False)] = ("START", "REPRENDRE")
    opt_out_confirmation: str = Field(default="", max_length=160)
    opt_in_confirmation: str = Field(default="", max_length=160)


class EventSettings(_Section):
    """[events]: what clients are told of."""

    retention_days: int = Field(default=7, ge=0, le=36_500)


class WebhookSettings(_Section):
    """[webhooks]: events that are posted to URLs of clients."""

    # Seconds before each attempt, counted from the one before it.
    retry_s: Annotated[tuple[Wait, ...], Field(strict=False, min_length=1, max_length=50)] = (
        *(0, 5, 300, 1800),
        *(7200, 18_000, 36_000, 36_000),
    )
    allowed_networks: IpNetworks = ()
    ca_file: Annotated[Path | None, BeforeValidator(_folder_or_none)] = None

    @field_validator("retry_s")
    @classmethod
    def _begins_at_once(cls, retry_s: tuple[float, ...]) -> tuple[float, ...]:
        if retry_s[0] != 0:
            raise ValueError(Text("must begin with 0, because the first attempt is made at once"))
        return retry_s

    @field_validator("ca_file")
    @classmethod
    def _is_absolute(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_absolute():
            raise ValueError(Text("must be an absolute path"))
        return path


class LoopTestSettings(_Section):
    """[loop_test]: the SIMs send texts to each other."""

    every_s: Wait = 0


class ClockSettings(_Section):
    """[clock]: the trusted source of time."""

    trust: Literal["auto", "network", "always"] = "auto"


class FleetSettings(_Section):
    """[fleet]: the queue that several boxes share on PostgreSQL. Without `dsn` the box is alone.

    The password is never here: it is in `password_file` or in $GATEWAYD_FLEET_PASSWORD.
    """

    dsn: Annotated[str, AfterValidator(_dsn)] = ""
    name: Annotated[
        str, _matching(r"([a-z0-9-]{1,32})?", Text("must be 1 to 32 of a-z, 0-9 and -, in quotes"))
    ] = ""
    password_file: Annotated[Path | None, BeforeValidator(_folder_or_none)] = None
    sslrootcert: Annotated[Path | None, BeforeValidator(_folder_or_none)] = None
    prefetch_s: Annotated[float, Field(ge=1, le=600, allow_inf_nan=False)] = 10

    @field_validator("password_file", "sslrootcert")
    @classmethod
    def _is_absolute(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_absolute():
            raise ValueError(Text("must be an absolute path"))
        return path

    @model_validator(mode="after")
    def _has_a_name(self) -> FleetSettings:
        if self.dsn and not self.name:
            raise PydanticCustomError(
                "no_box_name", "needs name, by which the others know this box", {"within": ("dsn",)}
            )
        return self

    @property
    def joined(self) -> bool:
        """Whether this box belongs to a fleet."""
        return bool(self.dsn)


class DaemonSettings(_Section):
    """[daemon]: the process."""

    stop_timeout_s: Duration = 4
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    transcript_lines: int = Field(default=200, ge=0, le=10_000)
    language: Literal["", "en", "fr"] = ""
    search_devices: Annotated[tuple[PlainText, ...], Field(strict=False)] = ()


class PortSettings(_Section):
    """One [[ports]]: a place for one modem, and its serial device."""

    port: int = Field(ge=1, le=9999)
    device: Annotated[PlainText, AfterValidator(_device)]
    baud: int = Field(default=115_200, ge=50, le=4_000_000)
    slots: int = Field(default=1, ge=1, le=64)
    pin: Annotated[SecretStr, BeforeValidator(_pin), AfterValidator(_pin_digits)] | None = None
    smsc: Annotated[str, _matching(r"\+?[0-9]{3,20}", Text("must be a phone number in quotes"))] | None = None
    slot_command: Annotated[PlainText, AfterValidator(_slot_command)] | None = None
    rtscts: bool = False
    submit_via: Literal["direct", "storage"] | None = None
    reset_command: Annotated[tuple[PlainText, ...], Field(strict=False, min_length=1)] | None = None


class BalanceSettings(_Section):
    """One [[balance]]: how the balances and bundles of the SIMs of an operator are read, watched and renewed."""

    operator: PlainText
    code: UssdCode | None = None
    pattern: Annotated[re.Pattern[str], BeforeValidator(_pattern), AfterValidator(_with_amount)] = re.compile(
        r"(\d[\d .,]*)\s*(F ?CFA|FCFA|CFA|XOF|F\b)"
    )
    every_s: Duration = 86_400
    low: float = Field(default=0, ge=0, le=1e12, allow_inf_nan=False)
    ending_s: Wait = 86_400
    renew_code: UssdCode | None = None
    renew_every_s: Annotated[float, Field(ge=3600, le=_LONGEST_S, allow_inf_nan=False)] = 86_400


class Settings(_Section):
    """The whole configuration."""

    api: ApiSettings = ApiSettings()
    dashboard: DashboardSettings = DashboardSettings()
    store: StoreSettings = StoreSettings()
    numbers: NumberSettings = Field(default_factory=NumberSettings)
    dispatch: DispatchSettings = DispatchSettings()
    inbox: InboxSettings = InboxSettings()
    events: EventSettings = EventSettings()
    webhooks: WebhookSettings = WebhookSettings()
    loop_test: LoopTestSettings = LoopTestSettings()
    clock: ClockSettings = ClockSettings()
    fleet: FleetSettings = FleetSettings()
    daemon: DaemonSettings = DaemonSettings()
    ports: Annotated[tuple[PortSettings, ...], Field(strict=False)] = ()
    balance: Annotated[tuple[BalanceSettings, ...], Field(strict=False)] = ()

    @field_validator("ports")
    @classmethod
    def _each_once(cls, ports: tuple[PortSettings, ...]) -> tuple[PortSettings, ...]:
        key_of: dict[str, Callable[[PortSettings], object]] = {
            "port": lambda port: port.port,
            "device": lambda port: port.device,
        }
        for key, value in key_of.items():
            seen: set[object] = set()
            for index, port in enumerate(ports):
                if value(port) in seen:
                    raise PydanticCustomError(
                        "not_unique",
                        "must differ from that of every earlier port",
                        {"within": (index, key)},
                    )
                seen.add(value(port))
        return ports


def load(path: Path) -> Settings:
    """Read the settings from a TOML file.

    Raises ConfigError with every fault in the file and its line.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise ConfigError(
            Text(
                "{path}: there is no such file. To create it: cp {example} {path}, then edit its [[ports]]",
                path=path,
                example=EXAMPLE,
            )
        ) from error
    except PermissionError as error:
        raise ConfigError(
            Text(
                "{path}: you may not read it: use sudo, or become a member of the file's group and log in again",
                path=path,
            )
        ) from error
    except (OSError, ValueError) as error:
        raise ConfigError(
            Text("{path}: cannot be read: {reason}", path=path, reason=text_of(error))
        ) from error
    return parse(raw, str(path))


def parse(raw: bytes, name: str = "configuration") -> Settings:
    """Read the settings from the bytes of a TOML file. `name` stands in error texts. Raises ConfigError."""
    text = decode(raw, name)
    try:
        tree = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(Text("{name}: is not TOML: {reason}", name=name, reason=text_of(error))) from error
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        faults = [Text("{name}: {told}", name=name, told=told) for told in describe(error, text, Settings)]
        raise ConfigError(*faults) from error


def decode(raw: bytes, name: str = "configuration") -> str:
    """Decode a TOML file: UTF-8, with or without a byte order mark. Raises ConfigError."""
    for encoding, marks in _OTHER_ENCODINGS:
        if raw.startswith(marks):
            raise ConfigError(
                Text("{name}: is {encoding} text: save it as UTF-8", name=name, encoding=encoding)
            )
    try:
        text = raw.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(Text("{name}: line {line}: is not UTF-8 text", name=name, line=line)) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ConfigError(
            Text(
                "{name}: line {line}: contains a NUL character, like UTF-16 text: save the file as UTF-8",
                name=name,
                line=line,
            )
        )
    return text
