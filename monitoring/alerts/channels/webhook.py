"""A signed webhook: one POST of JSON for each message, repeated until it is taken, always with the same
Idempotency-Key."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

import orjson

from monitoring.alerts.http import post
from monitoring.alerts.kind import Kind, Message, Option, Options
from syncapp.conf.settings import SyncSettings
from syncapp.conf.types import anything, web_address

SIGNATURE = "X-Isthmus-Signature"


def signature(secret: str, body: bytes) -> str:
    """The header's value: the HMAC of the body's bytes."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def send(options: Options, messages: Sequence[Message]) -> None:
    for message in messages:
        body = orjson.dumps(message.body)
        headers = {"Idempotency-Key": message.uid}
        if secret := options.get("secret"):
            headers[SIGNATURE] = signature(secret, body)
        post(options["url"], body, headers)


def _environment(settings: SyncSettings) -> Options:
    return {"url": settings.sync_alert_webhook_url, "secret": settings.sync_alert_webhook_secret}


CHANNEL = Kind(
    "webhook",
    "A webhook: a POST of JSON for each alert or event, signed with the secret",
    (
        Option("url", "URL", "The address to send to", web_address, required=True, secret=True),
        Option(
            "secret", "Secret", f"Signs each body ({SIGNATURE}); empty: no signature", anything, secret=True
        ),
    ),
    send,
    takes_events=True,
    environment=_environment,
    place=3,
)
