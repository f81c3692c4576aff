"""Who takes alerts: receivers of the tests' own, and a channel to one of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from monitoring.alerts import channel_operations as operations
from syncapp.models import AlertChannel
from tests.support.receivers import HttpReceiver, MailReceiver, http_receiver, mail_receiver

SECRET = "the secret of the webhook"


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as one:
        yield one


@pytest.fixture
def post_office() -> Iterator[MailReceiver]:
    with mail_receiver() as one:
        yield one


@pytest.fixture
def webhook(receiver: HttpReceiver) -> AlertChannel:
    return operations.add("hook", "webhook", {"url": receiver.url, "secret": SECRET})
