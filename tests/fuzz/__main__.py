"""Run schemathesis on a demo of the gateway: requests made from its OpenAPI document, and every check of the answers.

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
from tests.conftest import start_demo

ROOT = Path(__file__).parents[2]
CONFIG = Path(__file__).with_name("schemathesis.toml")


def main() -> int:
    """Run it with the arguments of the command line."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        demo = start_demo(Path(folder) / "demo")
        try:
            # Of the company of the demo, with every right.
            made = demo.cli("key", "add", "--company", 1, "--admin", "--may", "transactional,webhooks")
            say(f"schemathesis on {demo.url} for {arguments.minutes:g} minutes, seed {arguments.seed}")
            return subprocess.run(
                [
                    *(arguments.schemathesis.absolute(), "--config-file", CONFIG, "--no-color"),
                    *("run", f"{demo.url}/openapi.json", "--url", demo.url),
                    *("--header", f"X-API-Key: {made['key']}", "--seed", str(arguments.seed)),
                    *("--max-time", str(round(arguments.minutes * 60))),
                ],
                check=False,
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                timeout=arguments.minutes * 60 + 300,
            ).returncode
        finally:
            if demo.process.stop() != 0:
                sys.stderr.writelines(demo.process.stderr)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("schemathesis", type=Path)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
