"""Keys of a section are set in a configuration file, and all else stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.appending import set_keys, with_keys
from config.settings import ConfigError, load

_KEYS = {"dsn": '"postgresql://db.example/gatewayd"', "name": '"bamako-1"'}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_section_that_is_not_there_is_added(end: str) -> None:
    text = end.join(["# mine", "[api]", "threads = 5  # few", ""])
    changed = with_keys(text, "fleet", _KEYS)
    assert changed == text + end + end.join(
        ["[fleet]", 'dsn = "postgresql://db.example/gatewayd"', 'name = "bamako-1"', ""]
    )


def test_a_section_that_is_there_keeps_its_comments_and_its_other_keys() -> None:
    text = '[fleet]  # of us\n# why\ndsn = "old"\nprefetch_s = 5\n\n[api]\nthreads = 5\n'
    changed = with_keys(text, "fleet", _KEYS)
    assert changed == (
        '[fleet]  # of us\ndsn = "postgresql://db.example/gatewayd"\nname = "bamako-1"\n# why\nprefetch_s = 5\n\n'
        "[api]\nthreads = 5\n"
    )
    gone = with_keys(changed, "fleet", {"dsn": None, "name": None})
    assert gone == "[fleet]  # of us\n# why\nprefetch_s = 5\n\n[api]\nthreads = 5\n"


def test_a_section_of_which_nothing_is_left_goes() -> None:
    text = '[api]\nthreads = 5\n\n[fleet]\ndsn = "x"\n\n[daemon]\n'
    assert with_keys(text, "fleet", {"dsn": None}) == "[api]\nthreads = 5\n\n[daemon]\n"
    assert with_keys("[api]\n", "fleet", {"dsn": None}) == "[api]\n"


def test_the_file_is_changed_in_one_step_and_only_if_it_can_be_used(tmp_path: Path) -> None:
    path = tmp_path / "gatewayd.toml"
    path.write_text("[api]\nthreads = 5\n")
    path.chmod(0o640)
    set_keys(path, "fleet", _KEYS)
    assert load(path).fleet.name == "bamako-1"
    assert path.stat().st_mode & 0o777 == 0o640
    before = path.read_bytes()
    with pytest.raises(ConfigError):
        set_keys(path, "fleet", {"name": '"Bamako 1"'})
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (before, [path])
