"""The pages of the dashboard, at a box that sent nothing, and while PostgreSQL is away."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from gatewayd.errors import AdminError
from tests.conftest import eventually
from tests.dashboard_visitor import PASSWORD, Visitor
from tests.fleet.proxy import Proxy
from tests.fleet.shared.running_boxes import RECIPIENT, Pair, RunningBox, RunningBoxes

pytestmark = pytest.mark.postgres

_LINK = re.compile(r'href="(/[^"#?]*(?:\?[^"#]*)?)')


def owner(box: RunningBox) -> Visitor:
    """An owner who is logged in at this box."""
    box.run("user.add", login=f"owner-{box.name}", password=PASSWORD, role="owner")
    client = Visitor(box.url.removesuffix("/api"))
    assert client.log_in(f"owner-{box.name}").status_code == 200
    return client


def pages(client: Visitor, most: int = 120) -> Iterator[tuple[str, str]]:
    """Every page that links lead to, with its text."""
    seen, left = {"/"}, ["/"]
    while left and most:
        path = left.pop(0)
        if path.startswith(("/logout", "/static", "/api", "/support", "/backups/")):
            continue
        most -= 1
        answer = client.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:400])
        if not answer.headers["Content-Type"].startswith("text/html"):
            continue
        yield path, answer.text
        for link in (found.replace("&amp;", "&") for found in _LINK.findall(answer.text)):
            if link not in seen:
                seen.add(link)
                left.append(link)


def test_each_page_is_shown_at_a_box_that_sent_nothing(pair: Pair) -> None:
    assert pair.there.bank is not None
    sms_id = pair.sent("shown on pages", campaign_id=9, reference="page")
    pair.there.bank.incoming(1, RECIPIENT, "an answer")
    eventually(lambda: pair.boxes.one("SELECT count(*) FROM inbox") >= 1)
    client = owner(pair.here)
    seen = dict(pages(client))
    assert len(seen) > 12, sorted(seen)
    everything = "\n".join(seen.values())
    assert "an answer" in everything
    message = client.text(f"/messages/{sms_id}")
    assert "shown on pages" in message


def test_pages_are_shown_while_postgresql_is_away(boxes: RunningBoxes, proxy: Proxy) -> None:
    box = boxes.add("here", proxy=proxy)
    box.ready()
    _, key = boxes.company(box)
    box.knows(key, sims=1)
    box.send(key, "before it was away", wait_s=30)
    client = owner(box)
    proxy.cut()
    with pytest.raises(AdminError):
        box.run("company.add", name="Not now")
    proxy.unplug()  # a silent network is told by test_shared_store; each page would wait for it here
    for path, text in pages(client, 40):
        assert "Internal" not in text, path
