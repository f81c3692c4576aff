"""`manage.py sync_devices`: all devices of this Atlas database, their names, and those that are gone."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from rich.cells import cell_len, set_cell_size
from rich.markup import escape

from monitoring import fleet
from monitoring.health.values import Status
from syncapp.api.devices import listed
from syncapp.core.text.durations import duration, long_duration
from syncapp.management.command import SyncCommand
from syncapp.management.console import console_of
from syncapp.models import Device
from syncapp.services import devices as service

HEAD = (
    "Device",
    "Seen",
    "Pending",
    "Lag ↓",
    "Lag ↑",
    "Conflicts",
    "Rejected",
    "Offline for",
    "Version",
    "Stand-by",
)
COLOURS = {str(Status.DEGRADED): "yellow", str(Status.CRITICAL): "red"}


class Command(SyncCommand):
    help = "All devices of this Atlas database, the one with the most trouble first. Exit status of the list: 0, 1, 2 by the worst."
    refused = 2  # 1 means something else
    examples = {
        "": "what each device reported, and how old that is",
        "rename 3f2c 'Till 3'": "a name for a device, given by the beginning of its id",
        "rename 'Till 3' ''": "takes the name away",
        "retire 'Till 3'": "forgets a device that is gone; one that reports again comes back",
        "--json": "for scripts",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", nargs="?", default="list", choices=("list", "rename", "retire"))
        parser.add_argument("device", nargs="?", help="its id, the beginning of its id, or its name")
        parser.add_argument("name", nargs="?", help="with rename; empty: no name")
        parser.add_argument("--json", action="store_true", help="for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        what, device, name = options["what"], options["device"], options["name"]
        given = (device is not None) + (name is not None)
        wanted = {"list": 0, "retire": 1, "rename": 2}[what]
        if given != wanted:
            needs = {0: "no device", 1: "a device", 2: "a device and a name"}[wanted]
            raise CommandError(f"{what} takes {needs}: see --help")
        if what == "list":
            self.show(as_json=options["json"])
            return
        found = service.find(device)
        if what == "rename":
            given_name = service.rename(found, name)
            self.say({"instanceId": found, "name": given_name}, f"{found} is called {given_name}" if given_name else f"{found} has no name now", options)  # fmt: skip
        else:
            service.retire(found)
            self.say({"instanceId": found, "retired": True}, f"{found} is retired; one that reports again comes back", options)  # fmt: skip

    def say(self, document: dict[str, Any], text: str, options: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(document) if options["json"] else text)

    def show(self, *, as_json: bool) -> None:
        if as_json:
            found = listed()
            self.stdout.write(json.dumps(found, indent=2, default=_plain))
            worst = [one["troubles"][0]["status"] for one in found["results"] if one["troubles"]]
        else:
            seen = fleet.show()
            self._table(seen)
            worst = [row.troubles[0]["status"] for row in seen.devices if row.troubles]
        raise SystemExit(max((Status(one).exit_code for one in worst), default=0))

    def _table(self, found: fleet.Fleet) -> None:
        console, now = console_of(self.stdout), timezone.now()
        if found.problem:
            as_of = f"; what follows is as of {found.as_of:%Y-%m-%d %H:%M:%S} UTC" if found.as_of else ""
            console.print(f"[yellow]{escape(found.problem)}{as_of}[/]")
        if not found.devices:
            console.print("No device has reported yet.")
            return
        lines = [HEAD, *(_cells(row, found.own, now) for row in found.devices)]
        # As a terminal shows them: letters of some writings are two columns wide
        widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
        for cells in lines:
            padded = (set_cell_size(cell, width) for cell, width in zip(cells, widths, strict=True))
            console.print("  ".join(padded).rstrip(), markup=False)
        console.print()
        for row in found.devices:
            for one in row.troubles:
                console.print(f"[{COLOURS[one['status']]}]{escape(str(row))}: {escape(one['text'])}[/]")


def _cells(row: Device, own: str, now: datetime) -> tuple[str, ...]:
    age_s = fleet.age_s(row, now)
    # What it said then is not what is now
    old = "~" if fleet.is_old(row) else ""
    lasts = [float(one) for one in row.headroom_s.values()]
    return (
        _named(row) + (", this one" if row.instance_id == own else ""),
        "never" if age_s is None else f"{duration(age_s)} ago",
        f"{old}{row.pending:,}",
        f"{old}{duration(row.pull_lag_ms / 1000)}",
        f"{old}{duration(row.push_lag_ms / 1000)}",
        "–" if row.conflicts is None else f"{old}{row.conflicts:,}",
        "–" if row.rejected is None else f"{old}{row.rejected:,}",
        long_duration(min(lasts)) if lasts else "–",
        row.version or "–",
        ", ".join(row.stand_by) or "–",
    )


def _named(row: Device) -> str:
    """With what `rename` and `retire` know it by."""
    return f"{row.name} ({row.instance_id[:8]})" if row.name else row.instance_id


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
