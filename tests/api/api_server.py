"""The whole HTTP interface on a real store and real sockets. It has no ports, so messages stay in the queue."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import requests

from api.app import URGENT, create_app
from api.server.connection_limits import ConnectionLimits
from api.server.server import Server
from api.site import Site
from config.settings import ApiSettings
from gatewayd.accounts.authenticator import new_key
from gatewayd.store.tables import accounts
from gatewayd.webhooks.poster import Way
from tests.gatewayd.played_ports import PlayedGateway, administration_context

DEADLINE_S = 60.0


class ApiServer:
    """A running server. `api`: settings of the section `api`. `dashboard`: with the pages for people."""

    def __init__(
        self,
        path: Path,
        limits: ConnectionLimits | None = None,
        webhook_way: Way | None = None,
        *,
        dashboard: bool = False,
        **api: Any,
    ) -> None:
        self.played = PlayedGateway(path, webhook_way=webhook_way)
        self.played.up(1, "8922301000000000001")
        settings = self.played.settings.model_copy(
            update={"api": ApiSettings.model_validate({"listen": "127.0.0.1:0", "threads": 4} | api)}
        )
        self.app = create_app(self.played.gateway, settings)
        site = Site(self.played.gateway, administration_context(self.played), settings)
        served = site if dashboard else self.app
        self.server = Server(served, settings.api, limits, admit=served.admit, urgent=URGENT)
        self.address = self.server.bind()
        self.server.start()
        self.url = f"http://127.0.0.1:{self.address[1]}"
        key_record = new_key()
        company = self.played.company
        self.played.store.write(
            lambda db: accounts.add_key(
                db,
                company,
                key_record.prefix,
                key_record.digest,
                service="sms",
                admin=False,
                expires_at=None,
                now=0,
            )
        )
        self.key = key_record.key

    def close(self) -> None:
        assert self.server.stop(DEADLINE_S)
        self.played.close()

    def get(self, path: str, **headers: str) -> requests.Response:
        """A GET request with these headers (`_` stands for `-`)."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.get(self.url + path, headers=named, timeout=DEADLINE_S)

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        return socket.create_connection(self.address, timeout=DEADLINE_S, source_address=(source, 0))
