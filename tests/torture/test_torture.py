"""`make torture` in short: a daemon killed, its modems cut off, its power cut; nothing lost, nothing doubled but in doubt."""

from __future__ import annotations

from pathlib import Path

from tests.torture import cuts, kills
from tests.torture.verdict import Verdict

SEED = 4


def check(verdict: Verdict) -> None:
    """Every promise was kept, and it was no idle run."""
    assert not verdict.broken, "\n".join(verdict.broken)
    assert verdict.accepted
    assert verdict.lost == 0


def test_ten_kills_while_modems_are_cut_off(tmp_path: Path) -> None:
    plan = kills.Plan("kills", kills=10, seed=SEED, cut_modems=True, scale=0.1, up_s=(0.2, 1.2), pause_s=0.2)
    verdict = kills.Kills(tmp_path, plan).run()
    check(verdict)
    assert verdict.kills == 10
    assert verdict.arrived == verdict.accepted


def test_power_cuts(tmp_path: Path) -> None:
    plan = cuts.Plan("power cuts", images=60, seed=SEED, runs_s=(0.8, 0.6, 0.6), scale=0.1)
    verdict = cuts.Cuts(tmp_path, plan).run()
    check(verdict)
    assert (verdict.images, verdict.images_failed) == (60, 0)
