"""`manage.py sync_alerts`: alerts, their rules and channels."""

from __future__ import annotations

import datetime as dt
import json
from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from monitoring.alerts import channel_operations, operations
from monitoring.alerts.configured import channels
from monitoring.alerts.rules import Rule, current_rules
from syncapp.api.alert_channels import ChannelOut
from syncapp.api.alerts import MOST_MINUTES, AlertOut
from syncapp.core.text.one_line import one_line
from syncapp.management.command import SyncCommand, row_id
from syncapp.models import Alert, AlertChannel
from syncapp.services.errors import wrong_value

RECENT = 20
# What is done with one thing, which `name` names
ONE = ("ack", "silence", "unsilence", "rule", "test", "enable", "disable", "remove")


class Command(SyncCommand):
    help = (
        "List alerts; acknowledge (ack) or silence one; show and change the rules; list, test, add, disable, enable and remove channels. "
        "Exit status of the list: 0 nothing fires, 1 a warning, 2 something critical."
    )
    refused = 2  # 1 means something else
    examples = {
        "": "what fires, and what fired last",
        "ack 12": "somebody is working on it: it is sent again only if it gets worse",
        "silence 12 --minutes 60": "send nothing for an hour",
        "rules": "all rules",
        "rule change-stream --for 30": "fire after 30 s",
        "rule conflicts --threshold 10 --critical 50": "other thresholds, also of health",
        "rule lag --off": "no alert of this kind; --default: as without a change",
        "channels": "where alerts are sent",
        "add team slack --option url=https://example.com/hook": "one more channel",
        "test team": "send a test",
        "disable team": "send nothing there; enable: send again",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "what", nargs="?", default="list", choices=("list", "rules", "channels", "add", *ONE)
        )
        parser.add_argument(
            "name", nargs="?", default="", help="an alert's id, a rule's code, a channel's name"
        )
        parser.add_argument("kind", nargs="?", default="", help="with add: email, webhook or slack")
        parser.add_argument("--minutes", type=int, help="with silence")
        parser.add_argument("--for", type=float, dest="for_seconds", metavar="S", help="with rule")
        parser.add_argument("--threshold", type=float, help="with rule: from here on health is degraded")
        parser.add_argument("--critical", type=float, help="with rule: above this it is critical")
        switch = parser.add_mutually_exclusive_group()
        switch.add_argument("--on", action="store_const", const=True, dest="enabled", help="with rule")
        switch.add_argument("--off", action="store_const", const=False, dest="enabled", help="with rule")
        switch.add_argument("--default", action="store_true", help="with rule: as without a change")
        parser.add_argument("--option", action="append", default=[], metavar="NAME=TEXT", help="with add")
        parser.add_argument(
            "--event", action="append", default=[], metavar="KIND", help="with add, for a webhook"
        )
        parser.add_argument("--no-alerts", action="store_true", help="with add: events only")
        parser.add_argument("--json", action="store_true", help="for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        what, name = options["what"], options["name"]
        if (what in (*ONE, "add")) != bool(name):
            raise CommandError(f"{', '.join(ONE)} and add take a name; the others none")
        if bool(options["kind"]) != (what == "add"):
            raise CommandError("add takes a name and a kind; the others no kind")
        acts: dict[str, Callable[..., None]] = {
            "list": self.list_alerts,
            "rules": self.list_rules,
            "channels": self.list_channels,
            "rule": self.rule,
            "add": self.add,
            "test": self.send_test,
            "remove": self.remove,
            "enable": self.switch,
            "disable": self.switch,
        }
        acts.get(what, self.alert)(options)

    def list_alerts(self, options: dict[str, Any]) -> None:
        is_open = list(Alert.objects.filter(resolved_at=None))
        rows = [*is_open, *Alert.objects.exclude(resolved_at=None)[:RECENT]]
        if options["json"]:
            self.stdout.write(json.dumps(AlertOut(rows, many=True).data, indent=2, default=str))
        else:
            self.stdout.write("\n".join(map(_alert, rows)) or "No alerts.")
        firing = {
            one.severity for one in is_open if one.state in (Alert.State.FIRING, Alert.State.ACKNOWLEDGED)
        }
        if firing:
            raise SystemExit(2 if Alert.Severity.CRITICAL in firing else 1)

    def alert(self, options: dict[str, Any]) -> None:
        try:
            number, what = row_id(options["name"]), options["what"]
        except ArgumentTypeError as error:
            raise CommandError(str(error)) from None
        if (what == "silence") != (options["minutes"] is not None):
            raise CommandError("silence takes --minutes; the others do not")
        if what == "silence":
            if not 0 < options["minutes"] <= MOST_MINUTES:
                raise wrong_value("minutes", options["minutes"], f"a whole number from 1 to {MOST_MINUTES}")
            until = timezone.now() + dt.timedelta(minutes=options["minutes"])
            found = operations.silence(number, until)
        else:
            found = (operations.acknowledge if what == "ack" else operations.unsilence)(number)
        text = json.dumps(AlertOut(found).data, indent=2, default=str) if options["json"] else _alert(found)
        self.stdout.write(text)

    def list_rules(self, options: dict[str, Any]) -> None:
        found = list(current_rules().values())
        if options["json"]:
            self.stdout.write(json.dumps([one.as_document() for one in found], indent=2))
        else:
            self.stdout.write("\n".join(map(_rule, found)))

    def rule(self, options: dict[str, Any]) -> None:
        code = options["name"]
        names = ("for_seconds", "threshold", "critical", "enabled")
        changed = {name: options[name] for name in names if options[name] is not None}
        if options["default"]:
            found = operations.reset_rule(code)
        else:
            found = operations.set_rule(code, **changed) if changed else operations.show_rule(code)
        text = json.dumps(found.as_document(), indent=2) if options["json"] else _rule(found)
        self.stdout.write(text)

    def list_channels(self, options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(ChannelOut(channels(), many=True).data, indent=2, default=str))
        else:
            self.stdout.write("\n".join(map(_channel, channels())))

    def add(self, options: dict[str, Any]) -> None:
        given = dict(one.partition("=")[::2] for one in options["option"])
        alerts, events = not options["no_alerts"], options["event"]
        self._said(
            channel_operations.add(options["name"], options["kind"], given, alerts=alerts, events=events),
            options,
        )

    def switch(self, options: dict[str, Any]) -> None:
        self._said(channel_operations.change(options["name"], enabled=options["what"] == "enable"), options)

    def send_test(self, options: dict[str, Any]) -> None:
        channel_operations.send_test(options["name"])
        self.stdout.write(
            json.dumps({"sent": True}) if options["json"] else "Sent: the channel has taken it."
        )

    def remove(self, options: dict[str, Any]) -> None:
        channel_operations.remove(options["name"])
        if options["json"]:
            self.stdout.write(json.dumps({"removed": options["name"]}))
        else:
            self.stdout.write(f"{options['name']} is removed, with what waited for it")

    def _said(self, channel: AlertChannel, options: dict[str, Any]) -> None:
        text = json.dumps(ChannelOut(channel).data, indent=2, default=str)
        self.stdout.write(text if options["json"] else _channel(channel))


def _alert(alert: Alert) -> str:
    until = f" until {alert.silenced_until:%Y-%m-%d %H:%M} UTC" if alert.silenced_until else ""
    head = f"{alert.pk}  {alert.state}{until}  {alert.severity}  {one_line(str(alert))}"
    end = f", resolved {alert.resolved_at:%Y-%m-%d %H:%M:%S}" if alert.resolved_at else ""
    return f"{head}  since {alert.since:%Y-%m-%d %H:%M:%S}{end} UTC\n    {alert.message}"


def _rule(rule: Rule) -> str:
    one = rule.as_document()
    bounds = rule.default.bounds.said(rule.threshold, rule.critical) if rule.default.bounds else []
    text = f"{', '.join(bounds)} {one['unit']}" if bounds else ""
    state = "on " if one["enabled"] else "off"
    mark = "*" if one["changed"] else " "
    return f"{mark} {state}  {one['code']:<29} after {one['forSeconds']:g} s  {text}".rstrip()


def _channel(channel: AlertChannel) -> str:
    takes = ", ".join([*(["alerts"] if channel.alerts else []), *channel.events]) or "nothing"
    state = "on " if channel.enabled else "off"
    where = "environment" if channel.from_environment else "added"
    error = f"  failing: {channel.last_error}" if channel.last_error else ""
    return f"{state}  {channel.name}  {channel.kind}  ({where}; takes {takes}){error}"
