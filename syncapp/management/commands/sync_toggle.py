"""`manage.py sync_toggle on|off|show`: two-way sync on or off, as the API's toggle and the admin do it."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from syncapp.management.command import SyncCommand
from syncapp.models import SyncSwitches
from syncapp.rules.switches import change_switches

ONE_WAY = "Bidirectional sync is disabled: changes go from local to Atlas only"


class Command(SyncCommand):
    help = "Turn two-way sync on or off, without a restart. Off: changes go from local to Atlas only."
    examples = {
        "show": "how it stands",
        "on": "two-way",
        "off": "one-way, local to Atlas",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("state", choices=("on", "off", "show"))
        parser.add_argument("--json", action="store_true", help="for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["state"] == "show":
            switches = SyncSwitches.objects.filter(id=1).first() or SyncSwitches(id=1)
        else:
            switches = change_switches(enabled=options["state"] == "on")
        if options["json"]:
            state = {"enabled": switches.enabled, "paused": switches.paused, "strategy": switches.strategy}
            self.stdout.write(json.dumps(state))
            return
        self.stdout.write("Bidirectional sync is enabled" if switches.enabled else ONE_WAY)
        if switches.paused:
            self.stdout.write("Sync is paused: nothing moves until it is resumed")
