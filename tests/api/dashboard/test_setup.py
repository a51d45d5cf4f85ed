"""The way from a bare box to the first delivered text, without a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.bare_box import bare_box
from tests.conftest import Running, eventually
from tests.dashboard_visitor import PASSWORD, Visitor, box, first_company, visitor

PHONE = "+22370123456"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A bare box whose SIM cards ask for a PIN."""
    with bare_box(tmp_path_factory.mktemp("bare"), pin="1234") as running:
        yield running
        log = "".join(running.process.stderr)
    assert "1234" not in log


@pytest.fixture(scope="module")
def token(bare: Running) -> str:
    """The token of the set-up."""
    found = bare.cli_raw("dashboard-token")
    assert re.fullmatch(r"(?:[0-9A-F]{4}-){7}[0-9A-F]{4}\n", found.stdout), found.stderr
    return found.stdout.strip()


def form(token: str, login: str = "fatou", password: str = PASSWORD) -> dict[str, str]:
    """The form of the first person."""
    return {"token": token, "login": login, "password": password, "name": "Fatou"}


def test_the_first_person_needs_the_token_and_a_near_client(bare: Running, token: str) -> None:
    client = Visitor(box(bare))
    assert client.get("/").url.endswith("/setup")
    wrong = client.post("/setup", form(token[:-1] + ("0" if token[-1] != "0" else "1")))
    assert wrong.status_code == 422
    assert "The token is wrong" in wrong.text
    assert 'value="fatou"' in wrong.text  # what was typed stays, but not the password
    assert PASSWORD not in wrong.text
    for name, value in (
        ("X-Forwarded-For", "192.168.1.9"),
        ("Via", "1.1 proxy"),
        ("Forwarded", "for=10.0.0.1"),
    ):
        answer = client.post("/setup", form(token), headers={name: value})
        assert answer.status_code == 403, name
    assert client.post("/setup", form(token), headers={"Origin": "http://evil.example"}).status_code == 403
    weak = client.post("/setup", form(token, password="short"))
    assert (weak.status_code, "10 characters or more" in weak.text) == (422, True)
    assert client.token is None


def test_of_two_browsers_one_creates_the_first_person_and_the_page_ends(bare: Running, token: str) -> None:
    typed = token.lower().replace("-", " ").replace("0", "o")
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(
                lambda login: Visitor(box(bare)).post("/setup", form(typed, login), follow=False),
                ("fatou", "moussa", "awa", "issa"),
            )
        )
    assert sorted(answer.status_code for answer in answers)[0] == 303
    assert [answer.status_code for answer in answers].count(303) == 1
    assert len(bare.cli("user", "list")) == 1
    for answer in (Visitor(box(bare)).get("/setup"), Visitor(box(bare)).post("/setup", form(token))):
        assert answer.status_code == 404
    refused = bare.cli_raw("dashboard-token")
    assert (refused.returncode, "already" in refused.stderr) == (1, True)


def test_the_steps_lead_to_a_delivered_text_and_a_program(bare: Running) -> None:
    owner = visitor(bare)
    assert 'href="/start">Set up the box</a>' in owner.text("/")
    assert owner.get("/start").url.endswith("/start/box")
    assert "sudo timedatectl set-time" in owner.text("/start/box") or "set by the network" in owner.text(
        "/start/box"
    )

    assert owner.post("/start/modems/search").url.endswith("/start/modems")
    page = eventually(
        lambda: (text := owner.text("/start/modems")) and "Use the chosen modems" in text and text
    )
    fields = dict(re.findall(r'name="((?:device|baud|port)-\d+)"[^>]*value="([^"]*)"', page))
    assert fields["port-0"] == "1"
    assert fields["port-1"] == "2"
    assert "Choose at least one modem" in owner.post("/start/modems/add", fields).text
    used = owner.post("/start/modems/add", {**fields, "use-0": "yes", "use-1": "yes", "pin-0": "1234"})
    assert "The modems are in use now" in used.text
    assert "1234" not in used.text
    assert owner.get("/start").url.endswith("/start/sims")  # resumed behind what is done

    locked = eventually(lambda: (text := owner.text("/start/sims")) and "/start/pin/2" in text and text)
    assert "/start/pin/1" not in locked
    assert "The PIN is kept" in owner.post("/start/pin/2", {"pin": "1234"}).text
    eventually(lambda: len(set(re.findall(r"/start/sims/(\d+)", owner.text("/start/sims")))) == 2)
    for number, sim in enumerate(sorted(set(re.findall(r"/start/sims/(\d+)", owner.text("/start/sims"))))):
        wanted = {"number": f"+2236600000{number}", "holder": 'Awa "K" <i>'}
        assert "The change is made" in owner.post(f"/start/sims/{sim}", wanted).text
    assert "Awa &#34;K&#34; &lt;i&gt;" in owner.text("/start/sims")

    assert owner.get("/start").url.endswith("/start/company")
    assert owner.post("/start/company", {"name": "Pharmacie du Fleuve"}).url.endswith("/start/test")
    sent = owner.post("/start/test", {"recipient": PHONE, "text": "Bonjour <b>"})
    assert "Bonjour &lt;b&gt;" in sent.text
    address = sent.url.removeprefix(owner.url)
    eventually(lambda: "The message arrived on the phone" in owner.text(address))
    assert "hx-trigger" not in owner.text(address)  # nothing goes on any more

    assert owner.get("/start").url.endswith("/start/key")
    company = first_company(bare)
    made = owner.post("/start/key", {"company": company})
    assert made.headers["Cache-Control"] == "no-store"
    key = re.search(r"<code>(gw_[^<]+|[A-Za-z0-9_-]{30,})</code>", made.text)
    assert key is not None
    answer = requests.get(f"{bare.url}/sms/quota", headers={"X-API-Key": key[1]}, timeout=60)
    assert answer.status_code == 200
    assert made.text.count(key[1]) >= 5  # the key, and four programs
    assert owner.get("/start").url.endswith("/start/finished")
    audit = owner.text("/audit")
    assert "Add a port" in audit
    assert "Bonjour" not in audit
    assert not re.search(r"\b1234\b", audit)


def test_a_refused_step_says_why(bare: Running) -> None:
    owner = visitor(bare)
    for path, fields, reason in (
        ("/start/test", {"recipient": "12", "text": "x"}, "recipient must"),
        ("/start/company", {"name": " "}, "a name must be"),
        ("/start/key", {"company": "99"}, "there is no company 99"),
        ("/start/key", {"company": "1e9"}, "this choice does not exist"),
        ("/start/pin/77", {"pin": "1234"}, "There is no port 77"),
        ("/start/plan", {"plan": "atlantis", "time_zone": "UTC"}, "no such numbering plan"),
        ("/start/modems/add", {"use-0": "yes", "device-0": "/etc/passwd", "port-0": "9"}, ""),
    ):
        answer = owner.post(path, fields)
        assert answer.status_code in (200, 409, 422), path
        assert reason in answer.text, path


def test_wrong_tokens_are_limited(tmp_path: Path) -> None:
    with bare_box(tmp_path) as running:
        client = Visitor(box(running))
        answers = [client.post("/setup", form("0000"), follow=False).status_code for _ in range(32)]
        assert answers[:30] == [422] * 30
        assert answers[-1] == 429
        # The right token always passes, as a right key does.
        right = running.cli_raw("dashboard-token").stdout.strip()
        assert client.post("/setup", form(right), follow=False).status_code == 303
        log = "".join(running.process.stderr)
        assert right not in log
