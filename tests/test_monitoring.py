"""The dashboard and the alerts under docs/ use metrics and labels that the gateway has, and every metric is documented."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import requests

from tests.conftest import Running
from tests.figures import Figures

DOCS = Path(__file__).parents[1] / "docs"
ALERTS = DOCS / "alerts.yml"
DASHBOARD = DOCS / "grafana-dashboard.json"

_FAMILY = re.compile(r"^# TYPE (\S+) (\S+)$", re.MULTILINE)
_NAMES = re.compile(r"\b(?:gatewayd|process)_[a-z_]+\b")


def names_of(exposition: str) -> set[str]:
    """Every name that a query may use."""
    names: set[str] = set()
    for name, kind in _FAMILY.findall(exposition):
        endings = ("_bucket", "_count", "_sum") if kind == "histogram" else ("",)
        names |= {name + ending for ending in endings}
    return names


@pytest.fixture(scope="module")
def exposition(running: Running) -> str:
    return requests.get(running.url.removesuffix("/api") + "/metrics", timeout=60).text


def expressions() -> list[str]:
    """The queries of the dashboard."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def test_the_dashboard_uses_existing_metrics_and_shows_all_of_them(exposition: str) -> None:
    used = set(_NAMES.findall(" ".join(expressions())))
    assert used <= names_of(exposition)
    families = {name for name, _ in _FAMILY.findall(exposition) if name.startswith("gatewayd_")}
    assert {name for name in families if not any(one.startswith(name) for one in used)} == set()


def test_the_alerts_use_existing_metrics(exposition: str) -> None:
    used = set(re.findall(r"\bgatewayd_[a-z_]+\b", ALERTS.read_text()))
    assert len(used) > 8
    assert used <= names_of(exposition)


def test_labels_in_queries_exist(exposition: str) -> None:
    figures = Figures.read(exposition)
    present = {(name, label, value) for name, labels, _ in figures.samples for label, value in labels.items()}
    wanted = re.findall(
        r'(gatewayd_[a-z_]+)\{[^}]*?\b(check|state)="([a-z]+)"', ALERTS.read_text() + " ".join(expressions())
    )
    assert len(wanted) >= 4
    assert set(wanted) <= present


def test_the_table_of_metrics_lists_exactly_the_metrics(exposition: str) -> None:
    text = (DOCS / "monitoring.md").read_text()
    documented = set(re.findall(r"^\| `(gatewayd_[a-z_]+)` \|", text, re.MULTILINE))
    assert documented == {name for name, _ in _FAMILY.findall(exposition) if name.startswith("gatewayd_")}


def test_no_label_holds_a_number(running: Running, exposition: str) -> None:
    numbers = {sim["number"] for sim in running.cli("sim", "list") if sim["number"]}
    assert numbers
    assert not [number for number in numbers if number.removeprefix("+223") in exposition]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_accepts_the_alerts() -> None:
    subprocess.run(["promtool", "check", "rules", str(ALERTS)], check=True)
