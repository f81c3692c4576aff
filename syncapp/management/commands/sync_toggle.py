"""`manage.py sync_toggle on|off|pause|resume|show`: the toggle and the pause, as the API and the admin have them."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from syncapp.management.command import SyncCommand
from syncapp.services import switches

ONE_WAY = "Bidirectional sync is disabled: changes go from local to Atlas only"
PAUSED = "Sync is paused until it is resumed (sync_toggle resume): nothing is transferred in either direction"
CHANGES: dict[str, dict[str, Any]] = {
    "on": {"enabled": True},
    "off": {"enabled": False},
    "pause": {"paused": True},
    "resume": {"paused": False},
}


class Command(SyncCommand):
    help = (
        "Turn two-way sync on or off, pause or resume it, without a restart. Off: changes go from local to Atlas only. Paused: "
        "nothing is transferred in either direction; it is resumed as it was, two-way or one-way."
    )
    examples = {
        "show": "the current state",
        "on": "two-way",
        "off": "one-way, local to Atlas",
        "pause": "nothing is transferred in either direction",
        "resume": "as before the pause",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("state", choices=(*CHANGES, "show"))
        parser.add_argument("--json", action="store_true", help="for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        change = CHANGES.get(options["state"])
        found = switches.change_switches(**change) if change else switches.show()
        if options["json"]:
            state = {"enabled": found.enabled, "paused": found.paused, "strategy": found.strategy}
            self.stdout.write(json.dumps(state))
            return
        self.stdout.write("Bidirectional sync is enabled" if found.enabled else ONE_WAY)
        if found.paused:
            self.stdout.write(PAUSED)
