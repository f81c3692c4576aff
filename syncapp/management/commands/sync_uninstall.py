"""`manage.py sync_uninstall`: remove what sync keeps in both databases. Exit status 0, or 1: something is left."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser

from syncapp.conf.settings import get_settings
from syncapp.core.values import Side
from syncapp.management.command import SyncCommand
from syncapp.services.databases import database
from syncapp.services.uninstall import Kept, left, remove, what_is_kept
from syncapp.store.names import BATCHES, DEVICES, PREFIX


class Command(SyncCommand):
    help = f"Remove sync's own data ({PREFIX}* collections) from both databases. Documents are not changed."
    examples = {
        "": "show what would be removed, and ask",
        "--json": "for scripts: what would be removed; removes nothing",
        "--yes": "without asking",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument(
            "--json",
            action="store_true",
            help="for scripts; without --yes it only shows what would be removed",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with database(Side.LOCAL, "uninstall") as local, database(Side.ATLAS, "uninstall") as atlas:
            databases = {Side.LOCAL: local, Side.ATLAS: atlas}
            kept = what_is_kept(databases)
            if options["json"]:
                self.as_json(kept, databases, options["yes"])
                return
            if kept.is_nothing:
                self.stdout.write("Sync keeps nothing in either database")
                return
            self.agree(kept, databases, options["yes"])
            # Whoever was asked may have taken hours: a listener may have started, or another device joined this Atlas
            now = what_is_kept(databases)
            if (now.device, now.others) != (kept.device, kept.others):
                raise CommandError(
                    "Nothing was removed: which devices use this Atlas has changed meanwhile: repeat the command"
                )
            for step in remove(databases, now):
                self.stdout.write(step)
            found = left(databases, now)
        for one in found:
            self.stdout.write(f"✗ left: {one}")
        if found:
            sys.exit(1)
        self.stdout.write("Checked: nothing of sync's is left on either side")

    def as_json(self, kept: Kept, databases: dict[Side, Any], yes: bool) -> None:
        steps = list(remove(databases, kept)) if yes and not kept.is_nothing else []
        found = left(databases, kept) if steps else []
        document = {**kept.as_document(), "removed": steps, "left": found}
        self.stdout.write(json.dumps(document, indent=2, ensure_ascii=False))
        if found:
            sys.exit(1)

    def agree(self, kept: Kept, databases: dict[Side, Any], yes: bool) -> None:
        """Show what will be removed, and ask. Raises CommandError if the answer is no."""
        for side, name in ((Side.LOCAL, "Local database"), (Side.ATLAS, "Atlas, database")):
            self.stdout.write(f"{name} {databases[side].name}:")
            for collection, number in kept.counts[side].items():
                self.stdout.write(f"  {collection} ({number:,} documents)")
            if side is Side.ATLAS and kept.registered and kept.others:
                self.stdout.write(f"  device {kept.device} in {DEVICES}")
        if kept.others:
            self.stdout.write(
                f"Atlas's {BATCHES} stays: {_others(len(kept.others))}; this device's entries expire"
            )
        self.stdout.write(
            "Application documents are not changed. Nor is SYNC_HOME "
            f"({get_settings().home}) with the recorded conflicts and the logs: delete it by hand"
        )
        if yes:
            return
        if not sys.stdin.isatty():
            raise CommandError("Nothing was removed: say --yes where nobody can be asked")
        if input("Check with `sync_verify` that everything has arrived. Remove? Type yes: ").strip() != "yes":
            raise CommandError("Nothing was removed")


def _others(number: int) -> str:
    return "1 other device uses it" if number == 1 else f"{number} other devices use it"
