"""Every path that the description of the architecture names exists."""

from __future__ import annotations

import re

from tests.docs.documents import DOCS, ROOT

# A relative path with a folder, as in `gatewayd/cli.py` and `api/`; the paths of endpoints begin with a slash.
_PATH = re.compile(r"(?<![\w./])[a-z_]+/[\w./-]*")


def test_every_path_in_backticks_or_diagrams_exists() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    code = [
        *re.findall(r"`([^`\n]+)`", text),
        *re.findall(r"^```mermaid\n(.+?)^```", text, re.MULTILINE | re.DOTALL),
    ]
    paths = [path for part in code for path in _PATH.findall(part)]
    assert len(paths) > 100
    assert [
        path for path in paths if not any((folder / path).exists() for folder in (ROOT, ROOT / "gatewayd"))
    ] == []
