"""Alerts, rules and channels in the admin, and by `sync_alerts`."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from monitoring.alerts.evaluate import evaluate
from monitoring.alerts.rules import current_rules
from monitoring.health.values import Code
from syncapp.models import Alert, AlertChannel, AlertRule, AuditEntry
from syncapp.services.errors import NotFound
from tests.support import rows
from tests.support.receivers import http_receiver

pytestmark = pytest.mark.django_db
SENT = {"_form_submitted": "on"}


@pytest.fixture
def alert(everything: None) -> Alert:
    AuditEntry.objects.all().delete()
    return Alert.objects.get()


def page(name: str, *arguments: Any) -> str:
    return reverse(f"admin:syncapp_{name}", args=arguments)


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


def test_the_page_says_what_it_means_and_what_to_do(superuser: Client, alert: Alert) -> None:
    text = superuser.get(page("alert_change", alert.pk)).content.decode()
    for part in (
        "/docs/runbooks/#change-stream",
        "A change stream is not connected",
        "Acknowledge",
        "Silence",
    ):
        assert part in text


def test_it_is_acknowledged_and_silenced_by_a_click(superuser: Client, alert: Alert) -> None:
    superuser.post(page("alert_acknowledge", alert.pk), SENT)
    alert.refresh_from_db()
    assert (alert.state, alert.acknowledged_by) == ("acknowledged", "root")
    superuser.post(page("alert_silence", alert.pk), {**SENT, "minutes": 60})
    alert.refresh_from_db()
    assert alert.is_silent(timezone.now())
    superuser.post(page("alert_unsilence", alert.pk), SENT)
    alert.refresh_from_db()
    assert not alert.is_silent(timezone.now())
    assert actions() == ["acknowledge alert", "silence alert", "end silence of alert"]


def test_who_may_only_look_does_not_act(viewer: Client, alert: Alert) -> None:
    assert "isthmus-decision" not in viewer.get(page("alert_change", alert.pk)).content.decode()
    for act in ("acknowledge", "silence", "unsilence"):
        assert viewer.post(page(f"alert_{act}", alert.pk), {**SENT, "minutes": 60}).status_code == 403
    channel = AlertChannel.objects.get()
    assert viewer.post(page("alertchannel_send_test", channel.pk), SENT).status_code == 403
    assert actions() == []


def test_every_rule_is_listed_and_one_is_changed(superuser: Client, alert: Alert) -> None:
    text = superuser.get(page("alertrule_changelist")).content.decode()
    assert AlertRule.objects.count() == len(Code)
    assert all(f">{code}<" in text for code in Code)
    row = AlertRule.objects.get(code="conflicts")
    change = page("alertrule_change", row.pk)
    assert (
        "Above this health is critical (conflicts an hour). Empty: 20"
        in superuser.get(change).content.decode()
    )
    lasts = page("alertrule_change", AlertRule.objects.get(code="oplog-headroom").pk)
    assert "Below this health is degraded (h). Empty: 12" in superuser.get(lasts).content.decode()
    body = {"enabled": "on", "for_seconds": "7", "threshold": "", "critical": ""}
    assert superuser.post(change, body).status_code == 302
    assert current_rules()[Code.CONFLICTS].for_s == 7
    refused = superuser.post(change, {**body, "threshold": "1.5"})
    assert "threshold is 1.5; allowed: a whole number" in refused.content.decode().replace("&quot;", '"')
    assert actions() == ["change alert rule"]


def test_a_channel_is_added_changed_tested_and_removed(superuser: Client, alert: Alert) -> None:
    with http_receiver() as receiver:
        body = {"name": "app", "kind": "webhook", "enabled": "on", "events": ["halted"]}
        form = superuser.get(page("alertchannel_add")).context["adminform"].form
        assert [form.fields[f"option_{name}"].label for name in ("to", "url", "sender", "secret")] == [
            "Recipients", "URL", "Sender", "Secret",
        ]  # fmt: skip
        assert form.fields["option_url"].help_text == (
            "Email: the mail server, as in EMAIL_URL. Webhook, Slack: the address to send to."
        )
        refused = superuser.post(page("alertchannel_add"), body)
        assert "url is missing" in refused.content.decode()
        body |= {"option_url": receiver.url, "option_secret": "hush"}
        assert superuser.post(page("alertchannel_add"), body).status_code == 302
        channel = AlertChannel.objects.get(name="app")
        assert channel.options == {"url": receiver.url, "secret": "hush"}
        assert (channel.events, channel.alerts) == (["halted"], False)
        change = page("alertchannel_change", channel.pk)
        text = superuser.get(change).content.decode()
        assert "The address to send to. *** stands for what is stored." in text
        assert "hush" not in text
        assert receiver.url not in text
        body = {"alerts": "on", "enabled": "on", "option_url": "***", "option_secret": "***"}
        assert superuser.post(change, body).status_code == 302
        channel.refresh_from_db()
        assert channel.options == {"url": receiver.url, "secret": "hush"}
        assert (channel.events, channel.alerts) == ([], True)
        superuser.post(page("alertchannel_send_test", channel.pk), SENT)
        assert receiver.bodies[0]["code"] == "test"
        assert "the channel has taken it" in superuser.get(change).content.decode()
    superuser.post(page("alertchannel_delete", channel.pk), {"post": "yes"})
    assert not AlertChannel.objects.filter(name="app").exists()
    assert actions() == [f"{act} alert channel" for act in ("add", "change", "test", "remove")]


def test_a_channel_of_the_environment_is_only_switched(superuser: Client, alert: Alert) -> None:
    evaluate(by_beat=True)
    channel = AlertChannel.objects.get(name="log")
    change = page("alertchannel_change", channel.pk)
    assert superuser.get(change).status_code == 200
    assert superuser.post(change, {"alerts": "on"}).status_code == 302
    channel.refresh_from_db()
    assert not channel.enabled
    assert superuser.post(page("alertchannel_delete", channel.pk), {"post": "yes"}).status_code == 403


def command(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("sync_alerts", *arguments, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_the_exit_status_of_the_list_is_that_of_the_worst() -> None:
    assert command() == (0, "No alerts.\n")
    rows.alert(code="lag", severity="warning")
    status, text = command()
    assert status == 1
    assert "firing  warning  lag (atlas)  since" in text
    rows.alert(code="halted")
    status, text = command("--json")
    assert (status, {one["code"] for one in json.loads(text)}) == (2, {"lag", "halted"})
    Alert.objects.update(resolved_at=timezone.now(), state="resolved")
    assert command()[0] == 0


def test_an_alert_is_acknowledged_and_silenced_by_command() -> None:
    number = str(rows.alert().pk)
    assert "acknowledged" in command("ack", number)[1]
    assert "silenced until" in command("silence", number, "--minutes", "5")[1]
    assert json.loads(command("unsilence", number, "--json")[1])["state"] == "pending"
    assert AuditEntry.objects.filter(typed_by="").count() == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("ack",),
        ("ack", "x"),
        ("ack", "99"),
        ("silence", "1"),
        ("rules", "x"),
        ("add", "x"),
        ("rule", "nonsense"),
    ],
)
def test_what_a_command_does_not_take_is_one_line(arguments: tuple[str, ...]) -> None:
    with pytest.raises((CommandError, NotFound)) as error:
        command(*arguments)
    assert "\n" not in str(error.value)


def test_rules_by_command() -> None:
    assert "on   change-stream" in command("rules")[1]
    text = command("rule", "conflicts", "--for", "5", "--threshold", "10", "--critical", "50")[1]
    assert text.startswith("* on   conflicts")
    assert "after 5 s  from 10, critical above 50 conflicts an hour" in text
    assert "* off" in command("rule", "conflicts", "--off")[1]
    assert json.loads(command("rule", "conflicts", "--default", "--json")[1])["changed"] is False


def test_channels_by_command() -> None:
    assert "on   log  log  (environment; takes alerts)" in command("channels")[1]
    with http_receiver() as receiver:
        added = command("add", "app", "webhook", "--option", f"url={receiver.url}", "--event", "halted")[1]
        assert added == "on   app  webhook  (added; takes alerts, halted)\n"
        command("test", "app")
        assert len(receiver.posts) == 1
    assert "off  app" in command("disable", "app")[1]
    assert json.loads(command("enable", "app", "--json")[1])["options"] == {"url": "***", "secret": ""}
    command("remove", "app")
    assert not AlertChannel.objects.filter(name="app").exists()
