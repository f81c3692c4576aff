"""An incoming webhook of Slack, or of what understands the same (Mattermost, Rocket.Chat, Discord with /slack): several
alerts in a minute are one message."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from monitoring.alerts.http import post
from monitoring.alerts.kind import Kind, Message, Option, Options
from monitoring.alerts.text import as_text, title
from syncapp.conf.types import web_address


def send(options: Options, messages: Sequence[Message]) -> None:
    text = f"*{title(messages)}*\n{as_text(messages)}"
    for letter, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(letter, escaped)
    post(options["url"], orjson.dumps({"text": text}), {"Idempotency-Key": messages[0].uid})


CHANNEL = Kind(
    "slack",
    "An incoming webhook of Slack, or one that takes the same",
    (Option("url", "URL", "The address to send to", web_address, required=True, secret=True),),
    send,
    gathers=True,
    place=4,
)
