"""`gatewayd run` with all waits for modems shortened by one factor, for a bank whose simulated time runs faster."""

from __future__ import annotations

import argparse
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from config.settings import load
from gatewayd.daemon.daemon import Daemon
from gatewayd.daemon.logging_setup import log_to_stderr
from gatewayd.daemon.signals import stop_signals_held
from gatewayd.sending import slot_switching
from modem.timeouts import Timing


def scaled(waits: Any, scale: float) -> Any:
    """These waits, each multiplied by `scale`."""
    if is_dataclass(waits) and not isinstance(waits, type):
        return replace(
            waits, **{each.name: scaled(getattr(waits, each.name), scale) for each in fields(waits)}
        )
    return tuple(scaled(each, scale) for each in waits) if isinstance(waits, tuple) else waits * scale


@stop_signals_held()
def main() -> None:
    """Run until SIGTERM."""
    options = argparse.ArgumentParser()
    options.add_argument("--config", type=Path)
    options.add_argument("--scale", type=float)
    options.add_argument("command", choices=("run",))
    chosen = options.parse_args()
    settings = load(chosen.config)
    log_to_stderr(settings.daemon)
    slot_switching.REPORTS_S *= chosen.scale  # how long a slot waits for its reports
    daemon = Daemon(settings, scaled(Timing(), chosen.scale))
    daemon.start()
    daemon.watch()
    daemon.stop()


if __name__ == "__main__":
    main()
