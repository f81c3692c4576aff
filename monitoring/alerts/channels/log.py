"""The log: app.log, and error.log for what is critical."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from monitoring.alerts.kind import Kind, Message, Options
from syncapp.conf.settings import SyncSettings

log = structlog.get_logger(__name__)


def send(options: Options, messages: Sequence[Message]) -> None:
    for message in messages:
        body = message.body
        fires, ends = message.kind == "firing", message.kind == "resolved"
        say = log.info
        if fires:
            say = log.error if body["severity"] == "critical" else log.warning
        facts = {name: body[name] for name in ("severity", "since", "todo") if name in body}
        text = f"Alert {message.kind}: {body['code']}: {body['message']}"
        say(
            text,
            event_name="alert_firing" if fires else "alert_resolved" if ends else "alert_test",
            code=body["code"],
            **facts,
        )


def _environment(settings: SyncSettings) -> Options:
    return {}


CHANNEL = Kind("log", "The log files", (), send, environment=_environment, place=1)
