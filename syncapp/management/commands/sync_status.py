"""`manage.py sync_status`: the status of sync, as a table or as JSON. Exit status 0, 1, 2: healthy, degraded,
critical."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from django.core.management.base import CommandParser
from django.db import DatabaseError, InterfaceError, connections
from django.utils import timezone
from rich.markup import escape
from rich.table import Table

from monitoring.facts import Snapshot, take_snapshot
from monitoring.health.assess import Status, duration
from syncapp.api.health import full_health, unknown_health
from syncapp.api.metrics import metrics
from syncapp.conf.settings import get_settings
from syncapp.management.command import SyncCommand
from syncapp.management.console import console_of
from syncapp.rules.environment import values_in_force

EVERY_SECONDS = 2.0
COLOURS = {Status.HEALTHY: "green", Status.DEGRADED: "yellow", Status.CRITICAL: "red"}
ROWS = {
    "Processed": "totalProcessed",
    "Succeeded": "succeeded",
    "Failed": "failed",
    "Skipped": "skipped",
    "Inserts": "inserts",
    "Updates": "updates",
    "Replaces": "replaces",
    "Deletes": "deletes",
    "Average ms (1 h)": "avgProcessTime",
    "p95 ms (1 h)": "p95ProcessTime",
    "p99 ms (1 h)": "p99ProcessTime",
    "Lag ms": "lagMs",
    "Last change": "lastEventAt",
}


class Command(SyncCommand):
    help = "Sync status: health with its reasons, and the figures of both directions."
    examples = {
        "": "health with its reasons, and the figures",
        "--json": "for scripts",
        "--watch": "again every two seconds, until Ctrl-C",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="for scripts; with --watch one document a line"
        )
        parser.add_argument(
            "--watch", action="store_true", help=f"again every {EVERY_SECONDS:g} s, until Ctrl-C"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        indent = None if options["watch"] else 2
        try:
            status = self.show_once(options["json"], indent)
            while options["watch"]:
                time.sleep(EVERY_SECONDS)
                status = self.show_once(options["json"], indent, again=True)
        except KeyboardInterrupt:
            if not options["watch"]:
                raise
            sys.exit(0)  # the way to end it
        sys.exit(status.exit_code)

    def show_once(self, as_json: bool, indent: int | None, again: bool = False) -> Status:
        try:
            snapshot, figures = take_snapshot(), metrics()
        except (DatabaseError, InterfaceError) as error:
            connections.close_all()
            self.begin_again(as_json, again)
            self.say_unknown(error, indent, as_json=as_json)
            return Status.CRITICAL
        self.begin_again(as_json, again)
        if as_json:
            values = [one.as_document() for one in values_in_force(snapshot.switches, get_settings())]
            everything = {**full_health(snapshot), "metrics": figures, "settings": values}
            self.stdout.write(json.dumps(everything, indent=indent, default=str))
        else:
            self.show(snapshot, figures)
        self.stdout.flush()
        return snapshot.health.status

    def begin_again(self, as_json: bool, again: bool) -> None:
        """On a terminal in the same place; otherwise below, with the time between."""
        if as_json or not again:
            return
        if self.stdout.isatty():
            console_of(self.stdout).clear()
        else:
            self.stdout.write(f"\n--- {timezone.now():%Y-%m-%d %H:%M:%S} UTC")

    def say_unknown(
        self, error: DatabaseError | InterfaceError, indent: int | None, *, as_json: bool
    ) -> None:
        unknown = unknown_health(error)
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        if as_json:
            self.stdout.write(json.dumps({**unknown, "lastError": reason}, indent=indent))
        else:
            self.stdout.write(f"{unknown['health']}  {unknown['message']}\n  {reason}")
        self.stdout.flush()

    def show(self, snapshot: Snapshot, figures: dict[str, Any]) -> None:
        console = console_of(self.stdout)
        health, facts = snapshot.health, snapshot.facts
        console.print(f"[bold {COLOURS[health.status]}]{health.status}[/]  {health.message}")
        for reason in health.reasons:
            console.print(f"  [{COLOURS[reason.status]}]{reason.status}[/]  {escape(reason.text)}")
        for notice in snapshot.notices:
            console.print(f"  [yellow]notice[/]  {escape(notice.text)}")
        seen = "never" if facts.silent_s is None else f"{duration(facts.silent_s)} ago"
        console.print(
            f"\nListener seen {seen} · local stream {snapshot.local_stream} · Atlas stream "
            f"{snapshot.atlas_stream} · {facts.queue_size} pending"
        )
        for found in facts.headroom:
            console.print(f"{found.side.capitalize()} oplog: {found.text}", markup=False)
        conflicts = figures["conflicts"]
        console.print(
            f"{conflicts['totalConflicts']:,} conflict{'s' * (conflicts['totalConflicts'] != 1)}, {conflicts['lastHour']} in the last hour\n"
        )
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("", "Atlas → local", "Local → Atlas"):
            table.add_column(name, justify="right" if name else "left")
        for name, field in ROWS.items():
            table.add_row(name, *(self.text(figures[d][field]) for d in ("atlasToLocal", "localToAtlas")))
        console.print(table)
        console.print()
        for one in values_in_force(snapshot.switches, get_settings()):
            later = f"; the next start takes {one.next} from the environment" if one.next else ""
            console.print(f"{one.name} = {one.text or '(none)'}  ({one.source}{later})", markup=False)

    @staticmethod
    def text(value: Any) -> str:
        if value is None:
            return "–"
        if isinstance(value, str):  # a time: cut fractions of a second
            return value[:19].replace("T", " ")
        return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"
