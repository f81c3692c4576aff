"""Messages for people: e-mail and Slack."""

from __future__ import annotations

from collections.abc import Sequence

from monitoring.alerts.kind import Message


def title(messages: Sequence[Message]) -> str:
    """One line for all of them; they are of one kind."""
    kind, first = messages[0].kind, messages[0].body
    if kind == "test":
        return "Test of this channel"
    if len(messages) > 1:
        return f"{len(messages)} alerts {kind}"
    word = f"{first['severity']}, firing" if kind == "firing" else kind
    return f"{first['code']} ({word})"


def as_text(messages: Sequence[Message]) -> str:
    return "\n\n".join(_paragraph(message) for message in messages) + "\n"


def _paragraph(message: Message) -> str:
    body = message.body
    return "\n".join(
        [
            f"{body['code']}: {message.kind}, {body['severity']}",
            body["message"],
            f"Since: {body['since']}",
            f"To do: {body['todo']}",
            f"Runbook: {body['link']}",
            f"Device: {body['device'] or 'unknown'}",
        ]
    )
