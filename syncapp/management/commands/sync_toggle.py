"""`manage.py sync_toggle on|off|show`: two-way sync on or off, as the API's toggle and the admin do it."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from syncapp.management.command import SyncCommand
from syncapp.services import switches

ONE_WAY = "Bidirectional sync is disabled: changes go from local to Atlas only"


class Command(SyncCommand):
    help = "Turn two-way sync on or off, without a restart. Off: changes go from local to Atlas only."
    examples = {
        "show": "the current state",
        "on": "two-way",
        "off": "one-way, local to Atlas",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("state", choices=("on", "off", "show"))
        parser.add_argument("--json", action="store_true", help="for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["state"] == "show":
            found = switches.show()
        else:
            found = switches.change_switches(enabled=options["state"] == "on")
        if options["json"]:
            state = {"enabled": found.enabled, "paused": found.paused, "strategy": found.strategy}
            self.stdout.write(json.dumps(state))
            return
        self.stdout.write("Bidirectional sync is enabled" if found.enabled else ONE_WAY)
        if found.paused:
            self.stdout.write("Sync is paused until it is resumed")
