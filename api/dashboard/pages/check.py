"""The check: the findings of the box with their remedies, and buttons where a page can do it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from flask import Blueprint, current_app, url_for
from werkzeug.wrappers import Response

from api.dashboard.changes import leave
from api.dashboard.guard import allowed
from api.dashboard.rendering import page
from config.language.text import Text
from gatewayd.accounts.persons import Role
from gatewayd.admin.examination import Examination
from gatewayd.diagnostics.findings import Finding, Grade

_GRADES: Final = (Grade.FAULT, Grade.WARNING, Grade.OK)
_BOX: Final = Text("Box")

# The groups of the page: the first words of what their findings are about, and the page where a person can act.
_GROUPS: Final = (
    (Text("Ports and SIM cards"), ("port", "ports", "SIM"), "ports.ports"),
    (Text("Database and disk"), ("database", "disk", "sync", "storage"), ""),
    (Text("Backups"), ("backup",), "backups.backups"),
    (Text("Companies and keys"), ("accounts",), "companies.companies"),
    (Text("Webhooks"), ("webhooks",), "webhooks.webhooks"),
    (Text("Fleet"), ("fleet",), "fleet.fleet"),
    (Text("Configuration"), ("configuration",), "configuration.configuration"),
)


@dataclass(frozen=True, slots=True)
class Button:
    """A remedy for a finding that a person can choose. `post`: a change, else a link."""

    label: Text
    address: str
    post: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A finding with its buttons."""

    finding: Finding
    buttons: tuple[Button, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Findings about one subject, the worst first. `fine`: those without a fault."""

    title: Text
    bad: tuple[Shown, ...]
    fine: tuple[Finding, ...]


def pages(examination: Examination) -> Blueprint:
    """The pages of the check."""
    blueprint = Blueprint("check", __name__)

    def values() -> dict[str, object]:
        last = examination.last
        findings = () if last is None else last.findings
        return {
            "running": examination.running,
            "last": last,
            "subjects": grouped(findings),
            "faults": sum(each.grade is Grade.FAULT for each in findings),
            "warnings": sum(each.grade is Grade.WARNING for each in findings),
        }

    @blueprint.get("/check")
    @allowed(Role.OWNER, Role.OPERATOR)
    def check() -> Response:
        if examination.last is None:
            examination.start()
        return page("check.html", **values())

    @blueprint.get("/check/findings")
    @allowed(Role.OWNER, Role.OPERATOR)
    def findings() -> Response:
        return page("check_findings.html", **values())

    @blueprint.post("/check")
    @allowed(Role.OWNER, Role.OPERATOR)
    def start() -> Response:
        examination.start()
        return leave(url_for(".check"))

    return blueprint


def grouped(findings: Iterable[Finding]) -> list[Group]:
    """The findings by group, in the order of the page."""
    by_title: dict[Text, list[Finding]] = {title: [] for title, _, _ in _GROUPS}
    by_title[_BOX] = []
    for finding in findings:
        by_title[_group_of(finding)[0]].append(finding)
    return [
        Group(
            title,
            tuple(
                Shown(each, buttons_of(each))
                for each in sorted(found, key=lambda each: _GRADES.index(each.grade))
                if each.grade is not Grade.OK
            ),
            tuple(each for each in found if each.grade is Grade.OK),
        )
        for title, found in by_title.items()
        if found
    ]


def buttons_of(finding: Finding) -> tuple[Button, ...]:
    """The remedies for a finding that these pages offer."""
    number = _port_of(finding)
    if number is not None:
        if isinstance(finding.text, Text) and "gatewayd port resume" in finding.text:
            return (Button(Text("Resume"), url_for("ports.resume", number=number), post=True),)
        return (
            Button(Text("Open port {port}", port=number), url_for("ports.port", number=number)),
            Button(Text("Restart the modem"), url_for("ports.restart", number=number), post=True),
        )
    if finding.about == "backup":
        return (Button(Text("Make a backup now"), url_for("backups.make"), post=True),)
    title, endpoint = _group_of(finding)
    if not endpoint or endpoint not in current_app.view_functions:
        return ()
    return (Button(Text("Open the page {page}", page=title), url_for(endpoint)),)


def _group_of(finding: Finding) -> tuple[Text, str]:
    first = finding.about.split()[0]
    for title, words, endpoint in _GROUPS:
        if first in words:
            return title, endpoint
    return _BOX, ""


def _port_of(finding: Finding) -> int | None:
    """The port of a finding about one, as `port 3` or `port 3 slot 2 SIM`."""
    words = finding.about.split()
    return int(words[1]) if words[0] == "port" and len(words) > 1 and words[1].isdigit() else None
