"""`manage.py sync_restore`: a database brought back from a folder of `sync_backup` or mongodump."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import structlog
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError
from pymongo.database import Database
from pymongo.errors import PyMongoError

from syncapp.backup.dump_folder import DumpError
from syncapp.backup.restore import Dump, Restored, open_dump, restore
from syncapp.conf.settings import SettingsError, get_settings
from syncapp.core.masking import mask_passwords
from syncapp.core.one_line import one_line
from syncapp.core.values import Side
from syncapp.management.command import SyncCommand
from syncapp.mongo.connect import connect
from syncapp.mongo.error_text import describe
from syncapp.mongo.errors import translate
from syncapp.mongo.listing import list_collections
from syncapp.rules.switches import audit
from syncapp.store.lease import active_listener

log = structlog.get_logger(__name__)
WITH_SYNC_DATA = (
    "At its next start sync notices that this database is older than the other side remembers, moves nothing,"
    " and asks which side to take (docs/operations.md)"
)
WITHOUT_SYNC_DATA = (
    "The backup holds nothing of sync's own, so sync takes the restored documents for changes made just now"
)


class Command(SyncCommand):
    help = "Restore the local database or Atlas from a folder of sync_backup or mongodump."
    examples = {
        "backup-1 --side local --drop": "show what would be done, and ask",
        "backup-1 --side local --drop --yes": "without asking",
    }
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--side", choices=["local", "atlas"], required=True)
        parser.add_argument(
            "--drop",
            action="store_true",
            help="empty each collection of the backup first; else, what is there stays",
        )
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--force", action="store_true", help="even while a listener is active")
        parser.add_argument("--json", action="store_true", help="for scripts; needs --yes")

    def handle(self, *args: Any, **options: Any) -> None:
        settings, side = get_settings(), Side(options["side"])
        opened: list[Database[Any]] = []
        try:
            settings.require("MONGODB_URI" if side is Side.LOCAL else "MONGODB_ATLAS_URI")
            uri = settings.mongodb_uri if side is Side.LOCAL else settings.mongodb_atlas_uri
            database = connect(uri, "restore")
            opened.append(database)
            dump = open_dump(options["folder"].absolute(), side, database.name)
            if not options["force"]:
                self.refuse_while_active(settings.mongodb_uri, opened)
            self.agree(database, dump, side, options)
            done = list(restore(database, dump, options["drop"], self.say(options)))
        except PyMongoError as error:
            raise CommandError(mask_passwords(f"Not restored: {translate(error)}")) from None
        except (DumpError, SettingsError, OSError) as error:
            raise CommandError(f"Not restored: {error}") from None
        finally:
            for one in opened:
                one.client.close()
        self.keep_record(dump, side, done)
        problems = sum(len(one.problems) for one in done)
        self.stdout.write(_document(done) if options["json"] else _summary(dump, side, done))
        sys.exit(1 if problems else 0)

    def say(self, options: dict[str, Any]) -> Any:
        return lambda text: None if options["json"] else self.stdout.write(text)

    @staticmethod
    def refuse_while_active(local_uri: str, opened: list[Database[Any]]) -> None:
        if not local_uri:
            return  # the device of an Atlas that is restored from elsewhere is not known here
        local = connect(local_uri, "restore")
        opened.append(local)
        try:
            holder = active_listener(local)
        except PyMongoError as error:
            raise DumpError(
                f"whether a listener is active cannot be seen ({translate(error)}); --force does it anyway"
            ) from None
        if holder:
            raise DumpError(
                f"the listener {holder} is active: stop it first (its lease ends within"
                " SYNC_LEASE_DURATION if it was killed); --force does it anyway"
            )

    def agree(self, database: Database[Any], dump: Dump, side: Side, options: dict[str, Any]) -> None:
        """Show what would be done, and ask. Raises CommandError if the answer is no."""
        if not options["json"]:
            checked = "its hashes are right" if dump.checked else "it has no manifest: nothing was checked"
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
                self.stdout.write("Documents that are there already stay as they are (--drop empties first)")
        if options["yes"]:
            return
        if options["json"] or not sys.stdin.isatty():
            raise CommandError("Nothing was restored: say --yes where nobody can be asked")
        if input("Restore? Type yes: ").strip() != "yes":
            raise CommandError("Nothing was restored")

    @staticmethod
    def keep_record(dump: Dump, side: Side, done: list[Restored]) -> None:
        try:
            audit(
                None, "restore", f"{side} from {dump.folder}: {sum(one.documents for one in done)} documents"
            )
        except DatabaseError as error:
            log.warning("Not in the audit log", event_name="not_audited", error=describe(error))


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
    kept = f", {there:,} were there already and stay" if there else ""
    lines.append(f"Restored to {side}: {sum(one.documents for one in done):,} documents{kept}")
    return "\n".join(lines)
