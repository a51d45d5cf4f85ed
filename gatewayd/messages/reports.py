"""Matches each status report to its part, and applies it.

A report has the TP-MR of the SIM, which wraps after 256 parts, and the recipient. Both must fit; time alone never matches.
A recipient that the dispatcher could read (see `Numbering.of_line`) begins with + and fits only the same number. Any other
form is specific to a network: it fits the one open part whose recipient ends in the same digits.

All reports on one part have the same time stamp of the service centre (TP-SCTS). So a later report finds the part of an
earlier one, and a repeated report is not applied to the next part with the same TP-MR. A report may arrive before the
answer to its submission; it is then kept until the answer.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from gatewayd.messages import lifecycle
from gatewayd.messages.effects import Effects, PartKey
from gatewayd.messages.reasons import Reason
from gatewayd.store import Transaction
from gatewayd.store.tables import inbound, parts
from gatewayd.store.tables.inbound import EarlyReport
from gatewayd.store.tables.parts import Part
from gatewayd.timekeeping.clock import FOREVER, SECOND, Calendar, Moment, microseconds
from modem.sms.tpdu import ReportKind, StatusReport

log = logging.getLogger(__name__)

# The clocks of the service centre and of the box may differ by this much for the same submission.
_CLOCK_SLACK = 300 * SECOND

# Two parts can have the same time stamp, which counts whole seconds, only if the network accepted them within this time.
_SAME_STAMP = 2 * SECOND

# A number that cannot be read as E.164 is compared by this many last digits: national numbers have at least 8.
_LAST_DIGITS = 8

# The values of TP-ST (23.040, 9.2.3.15), for a person.
_REASONS = {
    0x40: Reason("remote procedure error", "erreur de procédure distante"),
    0x41: Reason(
        "the recipient's phone cannot take this kind of message",
        "le téléphone du destinataire n'accepte pas ce type de message",
    ),
    0x42: Reason(
        "the recipient's phone or network rejected it",
        "le téléphone ou le réseau du destinataire l'a rejeté",
    ),
    0x43: Reason(
        "the recipient's number was not obtainable", "le numéro du destinataire n'a pas pu être joint"
    ),
    0x44: Reason("quality of service not available", "qualité de service non disponible"),
    0x45: Reason(
        "no interworking with the recipient's network", "pas d'échange avec le réseau du destinataire"
    ),
    0x46: Reason(
        "the validity period ran out before the phone could be reached",
        "la durée de validité a pris fin avant que le téléphone ait pu être joint",
    ),
    0x47: Reason("deleted by the sender", "effacé par l'expéditeur"),
    0x48: Reason(
        "deleted by the operator's service centre", "effacé par le centre de messages de l'opérateur"
    ),
    0x49: Reason(
        "the message does not exist at the service centre any more",
        "le message n'existe plus au centre de messages",
    ),
}
_OTHER = Reason("the operator's service centre gave up", "le centre de messages de l'opérateur a abandonné")


@dataclass(frozen=True, slots=True)
class _Report:
    """A report as it was received, or as it was kept."""

    reference: int
    recipient: str
    service_centre_at: int | None
    status: int
    kind: ReportKind


def take(
    db: Transaction,
    sim_id: int,
    report: StatusReport,
    submit_timeout_s: float,
    at: Moment,
    effects: Effects,
    calendar: Calendar,
) -> bool:
    """Apply a report to its part, or keep it while a submission to its recipient is in progress. False: it fits no part.

    `calendar`: the time zone of the box, for a time stamp without one.
    """
    scts = stamp_of(report, calendar)
    told = _Report(report.reference, report.recipient, scts, report.status, report.kind)
    if _settle(db, sim_id, told, submit_timeout_s, at, effects):
        return True
    if any(_may_be_to(part.recipient, told.recipient) for part in parts.submitting(db, sim_id)):
        inbound.keep_report(db, sim_id, told.reference, told.recipient, scts, told.status, at.now)
        return True
    log.info("SIM %d: a status report matches no part that awaits one", sim_id)
    return False


def stamp_of(report: StatusReport, calendar: Calendar) -> int | None:
    """TP-SCTS; None where it is not a date."""
    if report.service_centre_at is not None:
        return microseconds(report.service_centre_at)
    return None if report.service_centre_clock is None else calendar.moment(report.service_centre_clock)


def take_early(db: Transaction, sim_id: int, submit_timeout_s: float, at: Moment, effects: Effects) -> None:
    """Apply the reports that arrived before the answers to their submissions on this SIM."""
    _apply_early(db, inbound.take_early_reports(db, sim_id), submit_timeout_s, at, effects)


def take_early_of(
    db: Transaction, key: PartKey, submit_timeout_s: float, at: Moment, effects: Effects
) -> None:
    """Apply the reports that arrived before the answer to the submission of this part."""
    early = inbound.take_early_reports_of(db, key.message_id, key.seq)
    _apply_early(db, early, submit_timeout_s, at, effects)


def _apply_early(
    db: Transaction, early: list[EarlyReport], submit_timeout_s: float, at: Moment, effects: Effects
) -> None:
    for row in early:
        kind = StatusReport("", row.reference, row.recipient, None, None, row.status).kind
        told = _Report(row.reference, row.recipient, row.service_centre_at, row.status, kind)
        _settle(db, row.sim_id, told, submit_timeout_s, at, effects)


def _settle(
    db: Transaction, sim_id: int, told: _Report, submit_timeout_s: float, at: Moment, effects: Effects
) -> bool:
    """Find the part of a report and apply the report. False: there is no such part yet."""
    fitting = _to(parts.of_report(db, sim_id, told.reference, told.service_centre_at), told.recipient)
    before = _spoken_of(fitting, told)
    part = _by_reference(fitting, told, before)
    if part is None and not before:
        part = _by_window(db, sim_id, told, submit_timeout_s, at, effects)
    if part is None and not before:
        part = _queued_again(db, sim_id, told, submit_timeout_s, at, effects)
    if part is not None:
        _apply(db, part, told, at, effects)
    return part is not None or bool(before)


def by_reference(
    candidates: list[Part], recipient: str, service_centre_at: int | None
) -> tuple[Part | None, bool]:
    """The part that a report means, of those of its SIM with its TP-MR; and whether a report with its time stamp named one before.

    Where one was named before and none is found, the report is a repetition.
    """
    told = _Report(0, recipient, service_centre_at, 0, ReportKind.DELIVERED)
    fitting = _to(candidates, recipient)
    before = _spoken_of(fitting, told)
    return _by_reference(fitting, told, before), bool(before)


def by_time(
    candidates: list[Part], recipient: str, service_centre_at: int, submit_timeout_s: float
) -> Part | None:
    """The only one of these parts that was being submitted to this recipient at the time of the report's stamp."""
    found = _to(
        [part for part in candidates if _in_window(part, service_centre_at, submit_timeout_s)], recipient
    )
    return found[0] if len(found) == 1 else None


def undelivered(status: int) -> str:
    """The reason of a message that failed by a report with this TP-ST."""
    meaning = _REASONS.get(status, _OTHER)
    return f"not delivered: {meaning.en} / non remis : {meaning.fr} (TP-ST 0x{status:02X})"


def _to(candidates: list[Part], recipient: str) -> list[Part]:
    """The parts, of these candidates, that a report on this recipient may mean."""
    exact = [part for part in candidates if part.recipient == recipient]
    if exact:
        return exact
    near = [part for part in candidates if _may_be_to(part.recipient, recipient)]
    ended = [part for part in near if part.state in ("delivered", "failed")]
    return near if len(near) - len(ended) <= 1 else ended


def _may_be_to(number: str, told: str) -> bool:
    """Whether the recipient of a report may be this number."""
    if told.startswith("+"):
        return number == told
    return len(told) >= _LAST_DIGITS and number[-_LAST_DIGITS:] == told[-_LAST_DIGITS:]


def _spoken_of(fitting: list[Part], told: _Report) -> list[Part]:
    """The parts on which a report with the same time stamp was applied before."""
    if told.service_centre_at is None:
        return []
    return [part for part in fitting if part.service_centre_at == told.service_centre_at]


def _by_reference(fitting: list[Part], told: _Report, before: list[Part]) -> Part | None:
    """The part that awaits a report with this TP-MR. `before`: the parts with a report of the same time stamp."""
    for part in before:
        if part.state == "submitted":
            return part
    found = [
        part
        for part in fitting
        if part.state == "submitted"
        and (not before or any(abs(_ended(part) - _ended(one)) <= _SAME_STAMP for one in before))
    ]
    # A part that had a report with another time stamp comes last.
    found.sort(key=lambda part: part.service_centre_at is not None)
    if len(found) > 1 and told.service_centre_at is not None:
        scts = told.service_centre_at
        near = [
            part
            for part in found
            if part.service_centre_at is None and abs(_ended(part) - scts) <= _CLOCK_SLACK
        ]
        if near:
            return min(near, key=lambda part: abs(_ended(part) - scts))
    return found[0] if found else None


def _by_window(
    db: Transaction, sim_id: int, told: _Report, submit_timeout_s: float, at: Moment, effects: Effects
) -> Part | None:
    """The only part with an unknown TP-MR that was being submitted to this recipient at the time of the report's stamp."""
    if told.service_centre_at is None:
        return None
    found = [
        part
        for part in parts.without_reference(db, sim_id, *_may_be_answered(told, submit_timeout_s, at))
        # A clock that is not trusted cannot give the time of the submission: the part must then be the only one.
        if not at.trusted or _in_window(part, told.service_centre_at, submit_timeout_s)
    ]
    found = _to(found, told.recipient)
    # The report may also mean a part that is being submitted to the same recipient: its answer will decide.
    if len(found) != 1 or found[0].state == "submitting":
        return None
    part = found[0]
    if part.state == "in_doubt":
        parts.settle_doubt(db, part.message_id, part.seq, part.token, "submitted", told.reference)
        lifecycle.part_taken(db, part.message_id, at, effects)
    else:
        parts.identified(db, part.message_id, part.seq, told.reference)
    return part


def _queued_again(
    db: Transaction, sim_id: int, told: _Report, submit_timeout_s: float, at: Moment, effects: Effects
) -> Part | None:
    """The only part to this recipient that is queued again after a doubt, and that the network had accepted.

    It is matched by its time only: to send a part twice is better than not to send it.
    """
    scts = told.service_centre_at
    if scts is None or not at.trusted:
        return None
    since = scts - _CLOCK_SLACK - int(submit_timeout_s * SECOND)
    found = [
        part
        for part in parts.queued_after_doubt(db, sim_id, since)
        if _in_window(part, scts, submit_timeout_s)
    ]
    found = _to(found, told.recipient)
    if len(found) != 1:
        return None
    part = found[0]
    if parts.taken_after_all(db, part.message_id, part.seq, part.token, told.reference):
        lifecycle.part_taken(db, part.message_id, at, effects)
    return part


def _ended(part: Part) -> int:
    """The time of the answer to a part; the start of its submission where the process ended before the answer."""
    return int(part.started_at if part.ended_at is None else part.ended_at)


def _may_be_answered(told: _Report, submit_timeout_s: float, at: Moment) -> tuple[int, int]:
    """The earliest and the latest time of the answer to a part that the report may mean (see `_in_window`)."""
    scts = told.service_centre_at
    if scts is None or not at.trusted:
        return -FOREVER, FOREVER
    return scts - _CLOCK_SLACK, scts + 2 * _CLOCK_SLACK + int(submit_timeout_s * SECOND)


def _in_window(part: Part, service_centre_at: int, submit_timeout_s: float) -> bool:
    begin, end = part.started_at, _window_end(part, submit_timeout_s)
    return bool(begin - _CLOCK_SLACK <= service_centre_at <= end + _CLOCK_SLACK)


def _window_end(part: Part, submit_timeout_s: float) -> int:
    if part.ended_at is not None:
        return int(part.ended_at)
    return int(part.started_at + submit_timeout_s * SECOND)


def _apply(db: Transaction, part: Part, told: _Report, at: Moment, effects: Effects) -> None:
    stamp = told.service_centre_at
    if told.kind is ReportKind.DELIVERED:
        lifecycle.part_delivered(db, part.message_id, part.seq, stamp, at, effects)
    elif told.kind is ReportKind.FAILED:
        lifecycle.part_undeliverable(
            db, part.message_id, part.seq, stamp, undelivered(told.status), at, effects
        )
    elif stamp is not None:
        parts.stamped(db, part.message_id, part.seq, stamp)
