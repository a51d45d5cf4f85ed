"""Events reach the webhooks that want them: signed, in order, once, each webhook with a queue of its own."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from gatewayd.errors import ConflictError
from gatewayd.records import Caller, EventType
from gatewayd.webhooks.delivery_queue import DeliveryQueue
from gatewayd.webhooks.drafts import WebhookDraft
from gatewayd.webhooks.signing import signed_headers
from modem.parts import Submitted
from tests.conftest import eventually
from tests.gatewayd.played_ports import report_on
from tests.gatewayd.webhooks.hooked import Hooked, got, labels
from tests.gatewayd.webhooks.receiver import Answer, Received, Receiver


def test_events_arrive_in_their_order_once_and_only_from_the_making_on(hooked: Hooked) -> None:
    hooked.write("before")
    with Receiver() as receiver:
        webhook = hooked.hook(receiver)
        hooked.write(*range(120))
        hooked.write("last")
        eventually(got(receiver, *range(120), "last"))
        ids = receiver.ids()
        assert len(set(ids)) == len(ids)
        documents = [json.loads(request.body) for request in receiver.received]
        assert [document["id"] for document in documents] == ids
        assert set(documents[0]) == {"id", "type", "timestamp", "data"}
        assert documents[0]["type"] == "quota.threshold"
        eventually(lambda: len(hooked.deliveries(webhook, "delivered")) == 121)
        assert hooked.deliveries(webhook, "pending") == []


def test_a_message_is_told_with_its_sequence(hooked: Hooked) -> None:
    with Receiver() as receiver:
        hooked.hook(receiver)
        hooked.up(1, "8922301000000000001")
        sms_id = hooked.send("Bonjour")
        hooked.settle(1, hooked.claim(1), Submitted(7))
        report_on(hooked, 1, 7)
        eventually(lambda: len(receiver.received) == 2)
        told = [json.loads(request.body) for request in receiver.received]
    assert [one["type"] for one in told] == ["message.sent", "message.delivered"]
    assert [one["data"]["sequence"] for one in told] == [1, 2]
    assert {one["data"]["sms_id"] for one in told} == {sms_id}
    assert [one["data"]["status"] for one in told] == ["sent", "delivered"]


def test_every_request_is_signed_with_the_time_of_its_attempt(hooked: Hooked) -> None:
    with Receiver() as receiver:
        webhook = hooked.hook(receiver)
        hooked.write("x")
        [request] = eventually(lambda: receiver.received)
        assert request.headers["webhook-timestamp"] == str(hooked.clock.at // 1_000_000)
        expected = signed_headers(
            [webhook.secrets[0]], request.headers["webhook-id"], hooked.clock.at // 1_000_000, request.body
        )
        assert request.headers["webhook-signature"] == expected["webhook-signature"]
        assert request.headers["content-type"] == "application/json"


def test_a_webhook_gets_only_its_types(hooked: Hooked) -> None:
    with Receiver() as some, Receiver() as all_:
        hooked.hook(some, EventType.OPT_OUT_CHANGED)
        hooked.hook(all_)
        hooked.write(1, 2)
        hooked.write(3, type_=EventType.OPT_OUT_CHANGED)
        hooked.write(4)
        eventually(got(all_, 1, 2, 3, 4))
        eventually(got(some, 3))


def test_companies_the_box_and_the_sandbox_are_kept_apart(hooked: Hooked) -> None:
    other = hooked.add_company("Other")
    service = hooked.gateway.webhooks
    with Receiver() as own, Receiver() as foreign, Receiver() as box, Receiver() as sandbox:
        hooked.hook(own)
        service.create(None, other, WebhookDraft(foreign.url))
        hooked.hook(box, box=True)
        tester = Caller(2, hooked.company, admin=True, sandbox=True)
        service.create(tester, hooked.company, WebhookDraft(sandbox.url))
        hooked.write("own")
        hooked.write("foreign", company=other)
        hooked.write("box", company=None, type_=EventType.PORT_DOWN)
        hooked.write("sandbox", sandbox=True)
        eventually(got(own, "own"))
        eventually(got(foreign, "foreign"))
        eventually(got(box, "box"))
        eventually(got(sandbox, "sandbox"))


def test_receivers_that_hang_delay_no_other_receiver(hooked: Hooked) -> None:
    asked = threading.Semaphore(0)
    hanging_hooks = []
    with ExitStack() as stack:
        for _ in range(20):
            hanging = stack.enter_context(Receiver())

            def hang(_: Received, hanging: Receiver = hanging) -> Answer:
                asked.release()
                hanging.stopping.wait(60)
                return Answer()

            hanging.answer = hang
            hanging_hooks.append(hooked.hook(hanging))
        quick = stack.enter_context(Receiver())
        other = hooked.add_company("Other")
        hooked.gateway.webhooks.create(None, other, WebhookDraft(quick.url))
        hooked.write("hangs")
        for _ in range(20):
            assert asked.acquire(timeout=30)
        for number in range(50):  # while all twenty hang
            hooked.write(number, company=other)
        eventually(got(quick, *range(50)))
        assert not [one for hook in hanging_hooks for one in hooked.deliveries(hook) if one.delivery]
        hooked.gateway.stop(5)  # cuts their attempts off
        eventually(lambda: not [one for one in threading.enumerate() if one.name.startswith("webhook-")])


def test_more_webhooks_than_threads_get_their_events(tmp_path: Path) -> None:
    hooked = Hooked(tmp_path)
    companies = [hooked.company, *(hooked.add_company(f"Company {n}") for n in range(5))]
    with Receiver() as receiver:
        for company in companies:
            for number in range(18):
                draft = WebhookDraft(f"{receiver.url}/{company}/{number}")
                hooked.gateway.webhooks.create(None, company, draft)
        for company in companies:
            hooked.write("x", company=company)
        eventually(lambda: len({request.path for request in receiver.received}) == 18 * 6, 30)
    hooked.close()


def test_a_company_has_at_most_twenty(hooked: Hooked) -> None:
    for _ in range(20):
        hooked.hook("http://192.168.77.1/x")
    with pytest.raises(ConflictError):
        hooked.hook("http://192.168.77.1/x")


def test_after_a_restart_delivery_goes_on_where_it_stopped(hooked: Hooked) -> None:
    with Receiver() as receiver:
        webhook = hooked.hook(receiver)
        hooked.write(*range(10))
        eventually(lambda: len(hooked.deliveries(webhook, "delivered")) == 10)
        hooked.gateway.stop(5)
        hooked.write("while", "away")
        hooked.restart()
        hooked.write("after")
        eventually(got(receiver, *range(10), "while", "away", "after"))


def test_both_secrets_sign_after_a_rotation_until_one_is_revoked(hooked: Hooked) -> None:
    def signed_by(request: Received, *secrets: str) -> list[bool]:
        given = request.headers["webhook-signature"].split(" ")
        event_id, at = request.headers["webhook-id"], int(request.headers["webhook-timestamp"])
        return [
            signed_headers([secret], event_id, at, request.body)["webhook-signature"] in given
            for secret in secrets
        ]

    service = hooked.gateway.webhooks
    with Receiver() as receiver:
        webhook = hooked.hook(receiver)
        first = webhook.secrets[0]
        second = service.rotate(None, webhook.id, revoke=False).secrets[0]
        hooked.write(1)
        eventually(got(receiver, 1))
        assert signed_by(receiver.received[-1], first, second) == [True, True]
        with pytest.raises(ConflictError):
            service.rotate(None, webhook.id, revoke=False)
        third = service.rotate(None, webhook.id, revoke=True).secrets[0]
        hooked.write(2)
        eventually(got(receiver, 1, 2))
        assert signed_by(receiver.received[-1], first, second, third) == [False, True, True]
        hooked.forward(86_400)
        hooked.write(3)
        eventually(got(receiver, 1, 2, 3))
        assert signed_by(receiver.received[-1], first, second, third) == [False, False, True]
        fourth = service.rotate(None, webhook.id, revoke=True).secrets[0]
        hooked.write(4)
        eventually(got(receiver, 1, 2, 3, 4))
        assert signed_by(receiver.received[-1], third, fourth) == [False, True]
    assert len({first, second, third, fourth}) == 4


def test_a_deleted_or_disabled_webhook_gets_nothing_more(hooked: Hooked) -> None:
    with Receiver() as deleted, Receiver() as disabled, Receiver() as other:
        first, second = hooked.hook(deleted), hooked.hook(disabled)
        hooked.hook(other)
        hooked.write(1)
        for receiver in (deleted, disabled, other):
            eventually(got(receiver, 1))
        hooked.gateway.webhooks.remove(None, first.id)
        hooked.gateway.webhooks.change(None, second.id, {"state": "disabled"})
        hooked.write(2)
        eventually(got(other, 1, 2))
        hooked.gateway.webhooks.change(None, second.id, {"state": "ok"})
        eventually(got(disabled, 1, 2))  # it goes on where it stopped
        assert labels(deleted) == [1]


def test_a_change_of_url_and_types_counts_at_once(hooked: Hooked) -> None:
    with Receiver() as before, Receiver() as after:
        webhook = hooked.hook(before)
        hooked.write(1)
        eventually(got(before, 1))
        changes = {"url": after.url, "types": ["opt_out.changed"]}
        hooked.gateway.webhooks.change(None, webhook.id, changes)
        hooked.write(2)
        hooked.write(3, type_=EventType.OPT_OUT_CHANGED)
        eventually(got(after, 3))
        assert labels(before) == [1]


def test_a_webhook_that_was_disabled_before_an_event_is_not_given_it(hooked: Hooked) -> None:
    webhook = hooked.hook("http://192.168.77.1/")
    queue = DeliveryQueue(hooked.store, webhook, 0, 0)
    hooked.gateway.webhooks.change(None, webhook.id, {"state": "disabled"})
    hooked.write("x")
    assert queue.first() is None
    assert queue.is_stale


def test_the_text_form_of_a_webhook_hides_its_secret_and_url(hooked: Hooked) -> None:
    webhook = hooked.hook("http://192.168.77.1/x?token=abc")
    assert repr(webhook) == f"<webhook {webhook.id}, ok>"
    assert str([webhook]) == f"[<webhook {webhook.id}, ok>]"
