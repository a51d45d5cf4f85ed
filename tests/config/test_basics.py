"""The basics are read without the other settings, and are those that the settings have."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import basics
from config.settings import EXAMPLE, ConfigError, Settings, load, parse

VALID = (
    "",
    "[store]\nretention_days = 3\n",
    '[store]\npath = "/srv/sms/gatewayd.db"\n',
    '\ufeff[store]\npath = "relative/gatewayd.db"\n',
    "store.path = 'a b.db'\n",
)
WITHOUT_A_PATH = (
    "store = 1\n",
    "[store]\npath = 1\n",
    '[store]\npath = ""\n',
    '[store]\npath = "/"\n',
    '[store]\npath = "a\\u0000b"\n',
    "[store\n",
    "a = " + "[" * 100_000,
)


@pytest.mark.parametrize("text", VALID)
def test_the_path_is_the_one_of_the_settings(text: str, tmp_path: Path) -> None:
    config = tmp_path / "gatewayd.toml"
    config.write_text(text, encoding="utf-8")
    assert basics.read(config).store == load(config).store.path


def test_the_example_has_the_default_path() -> None:
    assert basics.read(EXAMPLE).store == Settings().store.path


@pytest.mark.parametrize("text", WITHOUT_A_PATH)
def test_a_file_without_a_usable_path_has_none_and_is_refused_by_the_settings(
    text: str, tmp_path: Path
) -> None:
    config = tmp_path / "gatewayd.toml"
    config.write_text(text, encoding="utf-8")
    assert basics.read(config).store is None
    with pytest.raises(ConfigError):
        load(config)


def test_a_missing_file_has_no_path(tmp_path: Path) -> None:
    assert basics.read(tmp_path / "missing.toml") == basics.NOTHING


@given(raw=st.binary() | st.text().map(lambda text: f"[store]\npath = {text}".encode("utf-8", "replace")))
def test_any_bytes_give_a_path_or_none(raw: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    config = tmp_path_factory.getbasetemp() / "any.toml"
    config.write_bytes(raw)
    found = basics.read(config)
    try:
        settings = parse(raw)
    except ConfigError:
        return
    assert found.store == settings.store.path


def test_time_zone_and_language_are_those_of_the_settings(tmp_path: Path) -> None:
    config = tmp_path / "gatewayd.toml"
    for text in ("", '[numbers]\ntime_zone = "Europe/Paris"\n[daemon]\nlanguage = "fr"\n'):
        config.write_text(text, encoding="utf-8")
        found, settings = basics.read(config), load(config)
        assert (found.time_zone, found.language) == (settings.numbers.time_zone, settings.daemon.language)
    config.write_text("numbers = 1\n[daemon]\nlanguage = 1\n", encoding="utf-8")
    assert basics.read(config)[1:] == (None, None)
