"""`gatewayd dashboard-token`: the token that opens the set-up of the dashboard."""

from __future__ import annotations

from config.language.text import Text
from gatewayd.admin.context import Context
from gatewayd.errors import AdminError
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
