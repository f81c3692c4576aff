"""The common part of the commands that compare and copy indexes, validators and options of collections."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from django.core.management.base import CommandError, CommandParser

from syncapp.core.values import Side
from syncapp.management.command import SyncCommand
from syncapp.services import definitions


class DefiningCommand(SyncCommand):
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--ttl",
            action="store_true",
            help="copy TTL indexes, too: then both sides delete expired documents",
        )
        parser.add_argument(
            "--from",
            choices=[side.value for side in Side],
            dest="prefer",
            help="whose validator is copied where both sides have one and they differ",
        )

    def compare_definitions(self, collections: Collection[str], as_json: bool) -> bool:
        """Shows each difference; returns whether there are none."""
        found = definitions.compare(collections)
        if as_json:
            self.stdout.write(json.dumps([one.as_document() for one in found], indent=2))
            return not found
        for one in found:
            self.stdout.write(one.text)
        self.stdout.write(_total(len(found)))
        return not found

    def copy_definitions(self, collections: Collection[str], options: dict[str, Any]) -> bool:
        """Copies what one side lacks; returns whether there are no differences left."""
        outcomes = definitions.copy(
            collections,
            expiring=options["ttl"],
            prefer=Side(options["prefer"]) if options["prefer"] else None,
            say=self.stderr.write,
        )
        left = sum(not one.done for one in outcomes)
        if options["json"]:
            self.stdout.write(json.dumps([one.as_document() for one in outcomes], indent=2))
            return not left
        for one in outcomes:
            self.stdout.write(f"{one.difference.text}\n  → {one.text}")
        done = f"{len(outcomes) - left:,} copied. " if outcomes else ""
        self.stdout.write(f"{done}{_total(left)}")
        return not left

    def refuse_without(self, options: dict[str, Any], needed: str) -> None:
        """`--ttl` and `--from` do something only with what copies."""
        for name, given in (("--ttl", options["ttl"]), ("--from", options["prefer"])):
            if given:
                raise CommandError(f"{name} needs {needed}", returncode=self.refused)


def _total(count: int) -> str:
    if not count:
        return "Indexes, validators and options of collections are the same on both sides."
    return f"{count:,} difference{'s' * (count != 1)} in indexes, validators and options of collections."
