"""Channels: those of the environment and those that were added, their secrets, and a test of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from monitoring.alerts import channel_operations as operations
from monitoring.alerts import configured
from monitoring.alerts.configured import channels, keep_environment, options_of
from monitoring.alerts.delivery import deliver
from monitoring.alerts.kind import all_kinds
from monitoring.alerts.lifecycle import Notice
from syncapp.models import AlertChannel, AlertMessage, AuditEntry
from syncapp.services.errors import NotFound, NotPossible, Overtaken, Unreachable, WrongInput
from tests.support.receivers import HttpReceiver, MailReceiver
from tests.unit.conftest import SECRET
from tests.unit.test_alert_delivery import alert, put

pytestmark = pytest.mark.django_db


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Settings of the environment as they would be after a restart with these values."""

    def change(**values: object) -> None:
        changed = dataclasses.replace(configured.get_settings(), **values)  # type: ignore[arg-type]
        monkeypatch.setattr(configured, "get_settings", lambda: changed)

    return change


def test_channels_of_the_environment_keep_their_secrets_there(
    receiver: HttpReceiver, post_office: MailReceiver, environment: Any
) -> None:
    assert [one.name for one in channels()] == ["log"]
    environment(
        sync_alert_webhook_url=receiver.url,
        sync_alert_webhook_secret=SECRET,
        sync_alert_email_to=("one@example.com",),
        email_url=post_office.url,
    )
    names = ["log", "environment-email", "environment-webhook"]
    assert {one.name for one in channels()} == set(names)
    keep_environment()
    keep_environment()
    assert not any(AlertChannel.objects.values_list("options", flat=True))
    put((alert(), Notice.FIRING))
    assert deliver() == 3
    assert (len(receiver.posts), len(post_office.mails)) == (1, 1)
    with pytest.raises(NotPossible, match="environment"):
        operations.remove("environment-email")
    with pytest.raises(NotPossible, match="environment"):
        operations.change("environment-email", options={"to": "x@example.com"})
    operations.change("environment-email", enabled=False)
    environment(sync_alert_webhook_url="")
    keep_environment()
    assert {one.name for one in channels()} == {"log", "environment-email"}


def test_a_channel_inherits_the_mail_server(post_office: MailReceiver, environment: Any) -> None:
    with pytest.raises(WrongInput, match="url is missing"):
        operations.add("mail", "email", {"to": "one@example.com"})
    environment(email_url=post_office.url)
    operations.add("mail", "email", {"to": "one@example.com"})
    operations.send_test("mail")
    assert post_office.mails[0]["Subject"] == "[Isthmus] Test of this channel"


def test_secrets_are_masked_and_kept_when_they_come_back(
    webhook: AlertChannel, receiver: HttpReceiver
) -> None:
    shown = operations.shown_options(webhook)
    assert shown == {"url": "***", "secret": "***"}
    operations.change("hook", options=shown, events=["halted"])
    assert options_of(AlertChannel.objects.get()) == {"url": receiver.url, "secret": SECRET}
    everything = " ".join(AuditEntry.objects.values_list("detail", flat=True))
    assert SECRET not in everything
    assert receiver.url not in everything
    operations.change("hook", options={"secret": ""})
    assert "secret" not in AlertChannel.objects.get().options


def test_a_test_says_what_the_receiver_said(receiver: HttpReceiver, webhook: AlertChannel) -> None:
    operations.send_test("hook")
    assert receiver.bodies[0]["code"] == "test"
    receiver.answers = [404]
    with pytest.raises(Unreachable, match="hook does not take it: the receiver answered 404"):
        operations.send_test("hook")
    with pytest.raises(NotFound):
        operations.send_test("nobody")
    assert not AlertMessage.objects.exists()


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"name": "A b"}, "small letters"),
        ({"kind": "pigeon"}, "email, webhook, slack"),
        ({"kind": "log"}, "email, webhook, slack"),
        ({"options": {}}, "url is missing"),
        ({"options": {"url": "ftp://x"}}, "allowed: an address such as"),
        ({"options": {"url": "http://x", "colour": "red"}}, "allowed for webhook: url, secret"),
        ({"events": ["birthday"]}, "conflict-recorded, change-rejected"),
        ({"kind": "slack", "options": {"url": "http://x"}, "events": ["halted"]}, "none for slack"),
    ],
)
def test_wrong_channels_say_what_is_allowed(given: dict[str, Any], text: str) -> None:
    with pytest.raises(WrongInput) as error:
        operations.add(**{"name": "hook", "kind": "webhook", "options": {"url": "http://x"}, **given})
    assert text in error.value.detail
    assert "ftp://x" not in error.value.detail


def test_a_name_is_given_once(webhook: AlertChannel) -> None:
    for name in ("hook", "log"):
        with pytest.raises(Overtaken):
            operations.add(name, "slack", {"url": "http://x"})


def test_every_kind_says_what_it_takes() -> None:
    assert list(all_kinds()) == ["log", "email", "webhook", "slack"]
    for kind in all_kinds().values():
        assert kind.about
        assert all(one.about for one in kind.options)
