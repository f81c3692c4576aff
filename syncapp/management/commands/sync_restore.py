"""`manage.py sync_restore`: a database brought back from a folder of `sync_backup` or mongodump."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from pymongo.database import Database

from syncapp.backup.restore import Dump, Restored
from syncapp.core.text.one_line import one_line
from syncapp.core.values import Side
from syncapp.management.command import SyncCommand
from syncapp.mongo.listing import list_collections
from syncapp.services.backups import restore_all, to_restore

WITH_SYNC_DATA = (
    "At its next start sync detects that this database is older than the other side's record of it, transfers nothing,"
    " and asks which side to take (docs/operations.md)"
)
WITHOUT_SYNC_DATA = (
    "The backup holds no data of sync's own, so sync treats the restored documents as new changes"
)


class Command(SyncCommand):
    help = "Restore the local database or Atlas from a folder of sync_backup or mongodump."
    examples = {
        "backup-1 --side local --drop": "show what would be done, and ask for confirmation",
        "backup-1 --side local --drop --yes": "without asking",
    }
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--side", choices=["local", "atlas"], required=True)
        parser.add_argument(
            "--drop",
            action="store_true",
            help="empty each collection of the backup first; otherwise existing documents stay",
        )
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--force", action="store_true", help="even while a listener is active")
        parser.add_argument("--json", action="store_true", help="for scripts; needs --yes")

    def handle(self, *args: Any, **options: Any) -> None:
        side = Side(options["side"])
        with to_restore(options["folder"].absolute(), side, force=options["force"]) as (database, dump):
            self.agree(database, dump, side, options)
            done = restore_all(database, dump, side, drop=options["drop"], say=self.say(options))
        problems = sum(len(one.problems) for one in done)
        self.stdout.write(_document(done) if options["json"] else _summary(dump, side, done))
        sys.exit(1 if problems else 0)

    def say(self, options: dict[str, Any]) -> Any:
        return lambda text: None if options["json"] else self.stdout.write(text)

    def agree(self, database: Database[Any], dump: Dump, side: Side, options: dict[str, Any]) -> None:
        """Show what would be done, and ask. Raises CommandError if the answer is no."""
        if not options["json"]:
            checked = "hashes verified" if dump.checked else "no manifest: not verified"
            self.stdout.write(f"From {dump.folder} ({checked}) to {side}, database {database.name}:")
            there = {info["name"] for info in list_collections(database)}
            for one in dump.collections:
                now = (
                    f"{database[one.name].estimated_document_count():,} documents now"
                    if one.name in there
                    else "new"
                )
                what = " → dropped first" if one.name in there and options["drop"] else ""
                self.stdout.write(f"  {one_line(one.name)} ({now}{what})")
            if not options["drop"]:
                self.stdout.write("Existing documents stay unchanged (--drop empties first)")
        if options["yes"]:
            return
        if options["json"] or not sys.stdin.isatty():
            raise CommandError("Nothing was restored: give --yes for unattended use")
        if input("Restore? Type yes: ").strip() != "yes":
            raise CommandError("Nothing was restored")


def _document(done: list[Restored]) -> str:
    rows = [
        {"collection": one.name, "restored": one.documents, "there": one.there, "problems": one.problems}
        for one in done
    ]
    return json.dumps({"collections": rows}, indent=2, ensure_ascii=False)


def _summary(dump: Dump, side: Side, done: list[Restored]) -> str:
    lines = [f"✗ {one.name}: {problem}" for one in done for problem in one.problems[:10]]
    lines += [
        f"✗ {one.name}: {len(one.problems) - 10} more problems" for one in done if len(one.problems) > 10
    ]
    lines.append(WITH_SYNC_DATA if dump.holds_sync_data else WITHOUT_SYNC_DATA)
    there = sum(one.there for one in done)
    kept = f", {there:,} existed already and stay" if there else ""
    lines.append(f"Restored to {side}: {sum(one.documents for one in done):,} documents{kept}")
    return "\n".join(lines)
