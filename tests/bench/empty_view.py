"""For comparison with `send`: the HTTP server of gatewayd and a view that does nothing but write one row with the same writer.

python -m tests.bench.empty_view FOLDER PORT
"""

from __future__ import annotations

import sys
from pathlib import Path

from flask import Flask, Response, request

from api.server.server import Server
from config.settings import ApiSettings
from gatewayd.daemon.signals import stop_asked, stop_signals_held
from gatewayd.store.engine.connection import SqliteConnection, connect_writer, keep_log
from gatewayd.store.engine.disk import Disk
from gatewayd.store.engine.writer import Writer

SIGNAL_CHECK_S = 1.0


@stop_signals_held()
def main() -> None:
    """Serve until SIGTERM."""
    folder, port = Path(sys.argv[1]), sys.argv[2]
    path = folder / "empty_view.db"

    def connect(_: SqliteConnection | None) -> SqliteConnection:
        db = connect_writer(path)
        keep_log(db)
        db.execute("CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, body BLOB NOT NULL)")
        return db

    writer = Writer(connect, Disk(path))
    writer.start()
    app = Flask(__name__)

    @app.post("/api/sms/send")
    def send() -> Response:
        body = request.get_data(cache=False)
        row = writer.run(
            lambda db: db.execute("INSERT INTO rows (body) VALUES (?) RETURNING id", (body,)).fetchone()[0]
        )
        return Response(f'{{"id": {row}}}', mimetype="application/json")

    server = Server(app, ApiSettings(listen=f"127.0.0.1:{port}"))
    server.bind()
    server.start()
    while not stop_asked(SIGNAL_CHECK_S):
        pass
    server.stop(1.0)
    writer.stop()


if __name__ == "__main__":
    main()
