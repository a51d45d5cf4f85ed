"""The country that a person chooses on the dashboard, where the configuration file chooses none."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.settings import load
from gatewayd.admin import commands
from gatewayd.diagnostics import configuration
from gatewayd.errors import AdminError
from gatewayd.sims.chosen_numbers import with_choices
from tests.conftest import Running, start_demo
from tests.dashboard_visitor import visitor
from tests.gatewayd.box import Box
from tests.gatewayd.played_ports import PlayedGateway, administration_context
from tests.service_manager import ServiceManager


def test_the_choice_holds_after_the_restart_that_it_causes(tmp_path: Path) -> None:
    with ServiceManager(tmp_path) as manager:
        box = Box(tmp_path, slots={})
        box.manager = manager
        box.start_gateway()
        assert box.gateway is not None
        running = Running(box.gateway, box.api, "", "", tmp_path)
        try:
            owner = visitor(running)
            assert "No country is chosen" in owner.text("/start/box")
            refused = owner.post("/start/plan", {"plan": "senegal", "time_zone": "Mars/Base"})
            assert "no such numbering plan or time zone" in refused.text
            chosen = owner.post("/start/plan", {"plan": "niger", "time_zone": "Africa/Niamey"})
            assert "The box restarts" in chosen.text
            assert box.gateway.wait() == 0
            box.start_gateway()
            page = owner.text("/start/box")  # the session goes on
            assert "<dd>Niger</dd>" in page
            assert "<dd>Africa/Niamey</dd>" in page
            # The commands that open the database, and the check, use the choice too.
            settings, findings = configuration.check(box.config)
            assert settings is not None
            assert settings.numbers.plan == "niger"
            assert not any("guide" in finding.text for finding in findings)
        finally:
            box.stop()
        # A plan in the file comes first.
        box.config.write_text(box.config.read_text() + '[numbers]\nplan = "mali"\n')
        assert with_choices(load(box.config)).numbers.plan == "mali"


def test_a_plan_in_the_file_is_not_changed(tmp_path: Path) -> None:
    played = PlayedGateway(tmp_path)
    try:
        arguments = {"plan": "niger", "time_zone": "UTC"}
        with pytest.raises(AdminError, match="the configuration file chooses"):
            commands.run(administration_context(played), "numbers.choose", arguments)
    finally:
        played.close()


def test_without_a_service_manager_a_person_restarts_the_gateway(tmp_path: Path) -> None:
    demo = start_demo(
        tmp_path
    )  # its own: the choice stays in its database, where every check of the box reads it
    try:
        owner = visitor(demo)
        answer = owner.post("/start/plan", {"plan": "mali", "time_zone": "Africa/Bamako"})
        assert "Restart the gateway to use it" in answer.text
        assert "No country is chosen" in answer.text
    finally:
        assert demo.process.stop() == 0, "".join(demo.process.stderr)
