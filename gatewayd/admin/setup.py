"""`gatewayd dashboard-token`, the token that opens the set-up of the dashboard, and the choice of the country there."""

from __future__ import annotations

from config.language.text import Text
from gatewayd.admin.context import Context
from gatewayd.errors import AdminError
from gatewayd.sims import chosen_numbers
from gatewayd.store.tables import persons


def dashboard_token(context: Context) -> dict[str, object]:
    """The token. Raises AdminError where a person exists, the dashboard is switched off, or no daemon runs."""
    with context.store.readers.lend() as db:
        if persons.exist(db):
            raise AdminError(
                Text(
                    "there is no token, because the dashboard has persons already: log in; `gatewayd user list` shows them,"
                    " and `gatewayd user set LOGIN --password` sets a new password"
                )
            )
    context.running()
    if context.setup_token is None:
        raise AdminError(Text("the dashboard is switched off by `dashboard.enabled`"))
    return {"token": context.setup_token.text}


def choose_numbers(context: Context, plan: str, time_zone: str) -> dict[str, object]:
    """Choose numbering plan and time zone. `restarts`: the daemon starts anew in a second; else a person restarts it."""
    if not context.may_choose_numbers:
        raise AdminError(
            Text("the configuration file chooses the numbering plan: change it there, in [numbers]")
        )
    numbers = chosen_numbers.checked(plan, time_zone)
    if numbers is None:
        raise AdminError(Text("there is no such numbering plan or time zone"))
    context.store.write(lambda db: chosen_numbers.keep(db, numbers))
    return {"plan": numbers.plan, "time_zone": numbers.time_zone, "restarts": context.restart()}
