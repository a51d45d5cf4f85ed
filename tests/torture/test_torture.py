"""A short `make torture`: after kills, unplugged modems and power cuts nothing is lost, and only parts in doubt are doubled."""

from __future__ import annotations

from pathlib import Path

from tests.torture import cuts, kills
from tests.torture.verdict import Verdict

SEED = 4


def check(verdict: Verdict) -> None:
    """Every promise was kept, and messages were accepted."""
    assert not verdict.broken, "\n".join(verdict.broken)
    assert verdict.accepted
    assert verdict.lost == 0


def test_kills_while_modems_are_cut_off(tmp_path: Path) -> None:
    plan = kills.Plan("kills", kills=3, seed=SEED, cut_modems=True, scale=0.1, up_s=(0.2, 1.2), pause_s=0.3)
    verdict = kills.Kills(tmp_path, plan).run()
    check(verdict)
    assert verdict.kills == 3
    assert verdict.arrived == verdict.accepted


def test_kills_while_the_lines_stay_open(tmp_path: Path) -> None:
    plan = kills.Plan("kills", kills=2, seed=SEED, held=True, scale=0.3, up_s=(0.4, 1.0), pause_s=0.2)
    verdict = kills.Kills(tmp_path, plan).run()
    check(verdict)
    assert verdict.arrived == verdict.accepted
    assert verdict.settled
    assert verdict.doubled <= 1


def test_one_write_at_most_may_be_missing_in_the_record_of_a_killed_daemon() -> None:
    file = bytes(10_000)
    written = file[:5000] + b"\x01" * 512 + file[5512:]
    assert cuts.one_call_apart(written, file)
    assert cuts.one_call_apart(file + b"\x01" * 512, file)
    assert not cuts.one_call_apart(file, file + b"\x01")
    assert not cuts.one_call_apart(b"\x01" + written[1:], file)
    assert not cuts.one_call_apart(file, file)


def test_power_cuts(tmp_path: Path) -> None:
    plan = cuts.Plan("power cuts", images=12, seed=SEED, runs_s=(0.6, 0.4), scale=0.1)
    verdict = cuts.Cuts(tmp_path, plan).run()
    check(verdict)
    assert (verdict.images, verdict.images_failed) == (12, 0)
