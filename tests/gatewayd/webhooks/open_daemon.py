"""`gatewayd run` for tests: its webhooks may lead to receivers on loopback."""

from __future__ import annotations

import argparse
from pathlib import Path

from config.settings import load
from gatewayd.daemon.daemon import Daemon
from gatewayd.daemon.logging_setup import log_to_stderr
from gatewayd.daemon.signals import stop_signals_held
from tests.gatewayd.webhooks.receiver import open_way


@stop_signals_held()
def main() -> None:
    """Run until SIGTERM."""
    options = argparse.ArgumentParser()
    options.add_argument("--config", type=Path)
    options.add_argument("command", choices=("run",))
    settings = load(options.parse_args().config)
    log_to_stderr(settings.daemon)
    daemon = Daemon(settings, webhook_way=open_way(settings.webhooks.ca_file))
    daemon.start()
    daemon.watch()
    daemon.stop()


if __name__ == "__main__":
    main()
