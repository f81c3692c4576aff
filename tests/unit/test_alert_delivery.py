"""Messages on their way: a real HTTP receiver and a real mail server get each of them once, in order, whatever fails."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac

import pytest
from django.utils import timezone

from monitoring.alerts import channel_operations as operations
from monitoring.alerts import delivery, outbox
from monitoring.alerts.delivery import deliver
from monitoring.alerts.lifecycle import Notice
from syncapp.embedded.ports import free_port
from syncapp.models import Alert, AlertChannel, AlertMessage
from tests.support import rows
from tests.support.receivers import HttpReceiver, MailReceiver
from tests.unit.conftest import SECRET

pytestmark = pytest.mark.django_db


@pytest.fixture
def mail(post_office: MailReceiver) -> AlertChannel:
    return operations.add("mail", "email", {"to": "one@example.com, two@example.com", "url": post_office.url})


def alert(about: str = "") -> Alert:
    return rows.alert(about=about, message=f"The {about or 'whole'} stream is away")


def put(*told: tuple[Alert, Notice]) -> None:
    outbox.put_notices(told, timezone.now())


def retry_now() -> int:
    AlertChannel.objects.update(retry_at=None)
    return deliver()


def later(monkeypatch: pytest.MonkeyPatch, **time: float) -> None:
    now = timezone.now() + dt.timedelta(**time)
    monkeypatch.setattr(timezone, "now", lambda: now)


def test_a_webhook_is_signed_and_gets_each_message_once(
    receiver: HttpReceiver, webhook: AlertChannel
) -> None:
    one = alert()
    put((one, Notice.FIRING))
    assert deliver() == 1
    assert deliver() == 0
    (post,) = receiver.posts
    assert post.headers["Content-Type"] == "application/json"
    expected = hmac.new(SECRET.encode(), post.raw, hashlib.sha256).hexdigest()
    assert post.headers["X-Isthmus-Signature"] == f"sha256={expected}"
    assert set(post.body) == {"code", "state", "severity", "device", "since", "message", "todo", "link"}
    put((one, Notice.RESOLVED))
    deliver()
    assert [body["state"] for body in receiver.bodies] == ["firing", "resolved"]


def test_a_receiver_that_fails_gets_it_again_with_the_same_id(
    receiver: HttpReceiver, webhook: AlertChannel
) -> None:
    receiver.answers = [500, 302, 429]
    put((alert(), Notice.FIRING))
    assert deliver() == 0
    channel = AlertChannel.objects.get()
    assert (channel.failures, channel.last_error) == (1, "the receiver answered 500")
    assert deliver() == 0, "not before its time"
    assert len(receiver.posts) == 1
    assert [retry_now(), retry_now(), retry_now(), retry_now()] == [0, 0, 1, 0]
    assert len(receiver.posts) == 4
    assert len({post.headers["Idempotency-Key"] for post in receiver.posts}) == 1
    assert AlertChannel.objects.get().failures == 0


def test_waits_grow_up_to_a_bound(receiver: HttpReceiver, webhook: AlertChannel) -> None:
    put((alert(), Notice.FIRING))
    receiver.answers = [500] * 20
    waits = []
    for _ in range(12):
        retry_now()
        retry_at = AlertChannel.objects.get().retry_at
        assert retry_at
        waits.append((retry_at - timezone.now()).total_seconds())
    assert waits[0] <= 5
    assert waits[3] > waits[0]
    assert max(waits) <= delivery.LONGEST_RETRY.total_seconds()


def test_a_clock_that_is_set_back_does_not_stop_a_channel(
    receiver: HttpReceiver, webhook: AlertChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    put((alert(), Notice.FIRING))
    far = timezone.now() + dt.timedelta(days=1)
    AlertChannel.objects.update(retry_at=far, claimed_until=far)
    assert deliver() == 1


def test_after_hours_the_oldest_come_first(receiver: HttpReceiver, webhook: AlertChannel) -> None:
    receiver.answers = [503]
    alerts = [alert(about=str(number)) for number in range(5)]
    put(*((one, Notice.FIRING) for one in alerts))
    assert deliver() == 0
    put(*((one, Notice.RESOLVED) for one in alerts))
    assert retry_now() == 10
    assert [body["state"] for body in receiver.bodies[1:]] == ["firing"] * 5 + ["resolved"] * 5
    assert [body["message"] for body in receiver.bodies[1:6]] == [one.message for one in alerts]


def test_too_many_drop_the_oldest(
    receiver: HttpReceiver, webhook: AlertChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MOST_WAITING", 3)
    alerts = [alert(about=str(number)) for number in range(5)]
    put(*((one, Notice.FIRING) for one in alerts))
    put((alerts[0], Notice.RESOLVED), (alerts[4], Notice.RESOLVED))
    deliver()
    assert [(body["state"], body["message"]) for body in receiver.bodies] == [
        ("firing", alerts[3].message),
        ("firing", alerts[4].message),
        ("resolved", alerts[4].message),
    ], "nobody is told of the end of what was dropped"


def test_what_is_too_old_is_not_sent(
    receiver: HttpReceiver, webhook: AlertChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = alert()
    put((one, Notice.FIRING))
    later(monkeypatch, hours=25)
    put((one, Notice.RESOLVED))
    assert deliver() == 0
    assert receiver.posts == []
    assert [row.dropped for row in AlertMessage.objects.all()] == [
        outbox.EXPIRED,
        "the channel was not told of its beginning",
    ]


def test_what_a_receiver_refuses_does_not_block_the_others(
    receiver: HttpReceiver, webhook: AlertChannel
) -> None:
    receiver.answers = [400]
    put((alert(about="a"), Notice.FIRING), (alert(about="b"), Notice.FIRING))
    assert deliver() == 2
    assert len(receiver.posts) == 2
    assert AlertMessage.objects.filter(dropped__startswith="refused").count() == 1


def test_a_receiver_that_is_not_there_is_named_without_its_address(webhook: AlertChannel) -> None:
    operations.change("hook", options={"url": f"http://127.0.0.1:{free_port()}/hook?token=hush"})
    put((alert(), Notice.FIRING))
    assert deliver() == 0
    error = AlertChannel.objects.get().last_error
    assert "Connection refused" in error
    assert "hush" not in error


def test_two_processes_do_not_send_the_same(receiver: HttpReceiver, webhook: AlertChannel) -> None:
    put((alert(), Notice.FIRING))
    AlertChannel.objects.update(claimed_until=timezone.now() + dt.timedelta(seconds=60))
    assert deliver() == 0
    AlertChannel.objects.update(claimed_until=timezone.now() - dt.timedelta(seconds=1))
    assert deliver() == 1


def test_one_channel_that_fails_does_not_hold_up_another(
    receiver: HttpReceiver, webhook: AlertChannel, mail: AlertChannel, post_office: MailReceiver
) -> None:
    receiver.answers = [500]
    put((alert(), Notice.FIRING))
    assert deliver() == 1
    assert len(post_office.mails) == 1


def test_several_in_a_minute_are_one_mail(
    mail: AlertChannel, post_office: MailReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerts = [alert(about=str(number)) for number in range(3)]
    put(*((one, Notice.FIRING) for one in alerts))
    assert deliver() == 3
    (first,) = post_office.mails
    assert first["Subject"] == "[Isthmus] 3 alerts firing"
    assert first["X-To"] == "one@example.com, two@example.com"
    text = first.get_content()
    for part in ("Since: ", "To do: Check network", "/docs/runbooks/#change-stream", alerts[2].message):
        assert part in text
    more = [alert(about=name) for name in ("x", "y")]
    put((more[0], Notice.FIRING))
    deliver()
    put((more[1], Notice.FIRING), (more[0], Notice.RESOLVED))
    deliver()
    assert len(post_office.mails) == 1, "the next mail of its kind is due in a minute"
    put((alerts[0], Notice.RESOLVED))
    deliver()
    assert post_office.mails[1]["Subject"] == "[Isthmus] change-stream (resolved)", (
        "good news are another kind"
    )
    later(monkeypatch, seconds=61)
    assert deliver() == 3
    assert [one["Subject"] for one in post_office.mails[2:]] == [
        "[Isthmus] 2 alerts firing",
        "[Isthmus] change-stream (resolved)",
    ]


def test_slack_gets_one_text(receiver: HttpReceiver) -> None:
    operations.add("team", "slack", {"url": receiver.url})
    put(*((alert(about=f"<{number}>"), Notice.FIRING) for number in range(2)))
    assert deliver() == 2
    (body,) = receiver.bodies
    assert set(body) == {"text"}
    assert body["text"].startswith("*2 alerts firing*\nchange-stream: firing, critical\n")
    assert "&lt;1&gt;" in body["text"]
