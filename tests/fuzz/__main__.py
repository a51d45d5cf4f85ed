"""Run schemathesis on a gateway with simulated modems: requests made from its OpenAPI document, and every check of the answers.

    python -m tests.fuzz SCHEMATHESIS [--minutes N] [--seed N]

SCHEMATHESIS is its program, which may be in another virtual environment. Each run has another seed, which is printed. The exit
code is 0 if no check failed.
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

from gatewayd.commands.output import say
from tests.gatewayd.box import Box

ROOT = Path(__file__).parents[2]
CONFIG = Path(__file__).with_name("schemathesis.toml")


def main() -> int:
    """Run it with the arguments of the command line."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        box = Box(Path(folder), slots={1: 1, 2: 1, 3: 1, 4: 1})
        # Each endpoint is asked with wrong keys, which are limited by address.
        settings = box.config.read_text().replace("[api]\n", "[api]\nwrong_keys_per_minute = 100000\n")
        box.config.write_text(settings)
        try:
            box.start_bank("--submit-s", "0.05", "--delivery-s", "0.05")
            box.start_gateway()
            box.sims_ready(4)
            # Of the same company, with every right.
            made = box.cli("key", "add", "--company", 1, "--admin", "--may", "transactional,webhooks")
            say(f"schemathesis on {box.api} for {arguments.minutes:g} minutes, seed {arguments.seed}")
            return subprocess.run(
                [
                    *(arguments.schemathesis.absolute(), "--config-file", CONFIG, "--no-color"),
                    *("run", f"{box.api}/openapi.json", "--url", box.api),
                    *("--header", f"X-API-Key: {made['key']}", "--seed", str(arguments.seed)),
                    *("--max-time", str(round(arguments.minutes * 60))),
                ],
                check=False,
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                timeout=arguments.minutes * 60 + 300,
            ).returncode
        finally:
            box.stop()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("schemathesis", type=Path)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
