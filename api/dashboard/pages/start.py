"""The way from a bare box to the first delivered text: one page for each step, which can be left and resumed."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, request, url_for
from werkzeug.wrappers import Response

from api.access.client_address import arrived_by_tls
from api.dashboard.changes import Changes, leave
from api.dashboard.guard import allowed
from api.dashboard.pages.persons import number_or_none
from api.dashboard.rendering import page
from api.dashboard.snippets import api_address, is_loopback, snippets
from api.dashboard.start_frame import StartFrame
from api.dashboard.start_steps import Step, first_open
from config.language.text import Text
from config.plans import GUIDE, plans
from config.settings import Settings
from gatewayd.accounts.persons import Role
from gatewayd.admin.context import Context
from gatewayd.errors import AdminError

_MOST_FOUND: Final = 256

_RESTART_S: Final = 20  # to stop, to be started by systemd after 5 s, and to open the database on a slow card

ZONES: Final = (
    "Africa/Abidjan",
    "Africa/Accra",
    "Africa/Bamako",
    "Africa/Conakry",
    "Africa/Dakar",
    "Africa/Lagos",
    "Africa/Lome",
    "Africa/Niamey",
    "Africa/Nouakchott",
    "Africa/Ouagadougou",
    "Africa/Porto-Novo",
    "Europe/Paris",
    "UTC",
)
"""The time zones of the countries of the numbering plans, and two for trying."""


def pages(context: Context, changes: Changes, settings: Settings) -> Blueprint:
    """The pages of the first steps, for owners."""
    blueprint, frame = Blueprint("start", __name__), StartFrame(context, changes, settings)
    _add_start(blueprint, frame)
    _add_box(blueprint, frame)
    _add_modems(blueprint, frame)
    _add_sims(blueprint, frame)
    _add_company_and_test(blueprint, frame)
    _add_key(blueprint, frame)
    return blueprint


def _add_start(blueprint: Blueprint, frame: StartFrame) -> None:
    @blueprint.get("/start")
    @allowed(Role.OWNER)
    def start() -> Response:
        step = first_open(frame.facts())
        return leave(url_for("start.finished") if step is None else url_for(f"start.{step}"))

    @blueprint.get("/start/finished")
    @allowed(Role.OWNER)
    def finished() -> Response:
        return frame.show(None)


def _add_box(blueprint: Blueprint, frame: StartFrame) -> None:
    @blueprint.get("/start/box")
    @allowed(Role.OWNER)
    def box() -> Response:
        numbers = frame.settings.numbers
        return frame.show(
            Step.BOX,
            may_choose=frame.context.may_choose_numbers,
            zones=sorted({numbers.time_zone, *ZONES}),
            now=frame.context.clock.now(),
            clock=frame.context.clock.status(),
            zone=numbers.time_zone,
            plan=None if numbers.plan == GUIDE else numbers.chosen.name,
            plans=[(key, plan.name) for key, plan in plans().items() if key != GUIDE],
            example=frame.example,
        )

    @blueprint.post("/start/plan")
    @allowed(Role.OWNER)
    def choose_plan() -> Response:
        form, back = request.form, url_for("start.box")
        try:
            chosen = frame.changes.run(
                "numbers.choose", plan=form.get("plan", ""), time_zone=form.get("time_zone", "")
            )
        except AdminError as error:
            return leave(back, error.args[0], failed=True)
        if chosen["restarts"]:
            return page("start_restart.html", seconds=_RESTART_S)
        return leave(back, Text("The choice is kept. Restart the gateway to use it."))


def _add_modems(blueprint: Blueprint, frame: StartFrame) -> None:
    @blueprint.get("/start/modems")
    @allowed(Role.OWNER)
    def modems() -> Response:
        search, ports = frame.changes.read("port.found"), frame.changes.read("port.list")
        used = {each["device"] for each in ports}
        return frame.show(
            Step.MODEMS,
            ports=ports,
            starting=any(port["state"] == "starting" for port in ports),
            searching=search["running"],
            searched=search["devices"] is not None,
            found=[
                each
                for each in search["devices"] or ()
                if each["path"] not in used and each["device"] not in used
            ],
            next_port=search["next_port"],
        )

    @blueprint.post("/start/modems/search")
    @allowed(Role.OWNER)
    def search() -> Response:
        try:
            frame.changes.run("port.search")
        except AdminError as error:
            return leave(url_for("start.modems"), error.args[0], failed=True)
        return leave(url_for("start.modems"))

    @blueprint.post("/start/modems/add")
    @allowed(Role.OWNER)
    def add_ports() -> Response:
        form, refused, added = request.form, list[str](), 0
        for row in range(_MOST_FOUND):
            if form.get(f"use-{row}") != "yes":
                continue
            more: dict[str, object] = {}
            if (baud := number_or_none(form.get(f"baud-{row}", ""))) is not None:
                more["baud"] = baud
            if pin := form.get(f"pin-{row}", "").strip():
                more["pin"] = pin
            arguments = {
                "port": number_or_none(form.get(f"port-{row}", "")),
                "device": form.get(f"device-{row}", ""),
            }
            try:
                frame.changes.run("port.add", **arguments, settings=more)
                added += 1
            except AdminError as error:
                refused.append(error.args[0])
        back = url_for("start.modems")
        if refused:
            return leave(back, refused[0], failed=True)
        if not added:
            return leave(back, Text("Choose at least one modem."), failed=True)
        return leave(back, Text("The modems are in use now. They need up to a minute to start."))


def _add_sims(blueprint: Blueprint, frame: StartFrame) -> None:
    @blueprint.get("/start/sims")
    @allowed(Role.OWNER)
    def sims() -> Response:
        found, locked = frame.sims_in_ports(), frame.locked_ports()
        starting = not found and not locked and bool(frame.changes.read("port.list"))
        return frame.show(Step.SIMS, sims=found, locked=locked, starting=starting)

    @blueprint.post("/start/sims/<int:sim_id>")
    @allowed(Role.OWNER)
    def set_sim(sim_id: int) -> Response:
        wanted = {
            "number": request.form.get("number", "").strip() or None,
            "holder": request.form.get("holder", "").strip() or None,
        }
        return frame.changes.make(
            url_for("start.sims"), Text("The change is made."), "sim.set", {"sim": sim_id, "changes": wanted}
        )

    @blueprint.post("/start/pin/<int:port>")
    @allowed(Role.OWNER)
    def set_pin(port: int) -> Response:
        return frame.changes.make(
            url_for("start.sims"),
            Text("The PIN is kept, and tried now."),
            "port.set",
            {"port": port, "changes": {"pin": request.form.get("pin", "").strip()}},
        )


def _add_company_and_test(blueprint: Blueprint, frame: StartFrame) -> None:
    @blueprint.get("/start/company")
    @allowed(Role.OWNER)
    def company() -> Response:
        return frame.show(
            Step.COMPANY, companies=[each for each in frame.changes.read("company.list") if each["active"]]
        )

    @blueprint.post("/start/company")
    @allowed(Role.OWNER)
    def add_company() -> Response:
        try:
            frame.changes.run("company.add", name=request.form.get("name", ""))
        except AdminError as error:
            return leave(url_for("start.company"), error.args[0], failed=True)
        return leave(url_for("start.test"))

    @blueprint.get("/start/test")
    @allowed(Role.OWNER)
    def test() -> Response:
        sms_id = request.args.get("message", "")[:100]
        message = frame.changes.read("message.show", sms_id=sms_id) if sms_id else None
        return frame.show(
            Step.TEST,
            message=message,
            goes_on=message is not None and message["status"] in ("pending", "sent"),
            example=frame.example,
        )

    @blueprint.post("/start/test")
    @allowed(Role.OWNER)
    def send_test() -> Response:
        form = request.form
        try:
            sent = frame.changes.run(
                "send", recipient=form.get("recipient", "").strip(), text=form.get("text", ""), wait_s=0.0
            )
        except AdminError as error:
            return leave(url_for("start.test"), error.args[0], failed=True)
        return leave(url_for("start.test", message=sent["sms_id"]))


def _add_key(blueprint: Blueprint, frame: StartFrame) -> None:
    def show_key(status: int = 200, /, **values: object) -> Response:
        companies = [
            (each["id"], each["name"]) for each in frame.changes.read("company.list") if each["active"]
        ]
        return frame.show(
            Step.KEY, status, companies=companies, keys=frame.changes.read("key.list"), **values
        )

    @blueprint.get("/start/key")
    @allowed(Role.OWNER)
    def key() -> Response:
        return show_key()

    @blueprint.post("/start/key")
    @allowed(Role.OWNER)
    def add_key() -> Response:
        form = request.form
        try:
            made = frame.changes.run(
                "key.add",
                company=number_or_none(form.get("company", "")),
                sandbox=form.get("sandbox") == "yes",
            )
        except AdminError as error:
            return show_key(422, error=error.args[0])
        api = frame.settings.api
        by_tls = arrived_by_tls(
            request.remote_addr or "",
            request.scheme,
            request.headers.get("X-Forwarded-Proto", ""),
            api.trusted_proxies,
        )
        url = api_address("https" if by_tls else "http", request.host, api.addresses)
        response = show_key(
            201,
            made=made["key"],
            url=url,
            only_here=is_loopback(url),
            snippets=snippets(url, made["key"], frame.example),
        )
        response.headers["Cache-Control"] = "no-store"  # the key is shown once
        return response
