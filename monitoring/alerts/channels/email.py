"""E-mail, by Django's mail: several alerts in a minute are one."""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Sequence
from email.utils import make_msgid
from urllib.parse import unquote, urlsplit

from monitoring.alerts.kind import SECONDS, Kind, Message, Option, Options, Unavailable
from monitoring.alerts.text import as_text, title
from syncapp.conf.mail import email_addresses, email_options, email_url, one_address
from syncapp.conf.settings import SyncSettings
from syncapp.core.text.masking import mask_passwords
from syncapp.core.text.one_line import one_line


def send(options: Options, messages: Sequence[Message]) -> None:
    from django.core.mail import EmailMessage, get_connection

    connection = get_connection(**email_options(options["url"]), timeout=SECONDS)
    mail = EmailMessage(
        f"[Isthmus] {title(messages)}",
        as_text(messages),
        options.get("sender") or _sender(options["url"]),
        list(email_addresses(options["to"])),
        headers={"Message-ID": make_msgid(messages[0].uid), "Auto-Submitted": "auto-generated"},
        connection=connection,
    )
    try:
        mail.send()
    except (OSError, smtplib.SMTPException) as error:
        raise Unavailable(one_line(mask_passwords(f"{type(error).__name__}: {error}"))) from None


def _sender(url: str) -> str:
    user = unquote(urlsplit(url).username or "")
    return user if "@" in user else f"isthmus@{socket.getfqdn()}"


def _environment(settings: SyncSettings) -> Options:
    return {
        "to": ",".join(settings.sync_alert_email_to),
        "sender": settings.sync_alert_email_from,
        "url": settings.email_url,
    }


CHANNEL = Kind(
    "email",
    "E-mail",
    (
        Option("to", "Recipients", "The recipients, separated by commas", email_addresses, required=True),
        Option(
            "url",
            "URL",
            "The mail server, as in EMAIL_URL",
            email_url,
            required=True,
            secret=True,
            inherits=True,
        ),
        Option("sender", "Sender", "The sender's address", one_address, inherits=True),
    ),
    send,
    gathers=True,
    environment=_environment,
    place=2,
)
