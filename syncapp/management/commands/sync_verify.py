"""`manage.py sync_verify`: are both sides equal? Exit status 0 yes, 1 no, 2 unknown."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandParser

from syncapp.management.defining import DefiningCommand
from syncapp.management.following import RunCommand
from syncapp.store.run import Kind, Run


class Command(RunCommand, DefiningCommand):
    help = (
        "Compare both sides document by document, beside live sync. A document in flight does not count as a "
        "difference. With --indexes: compare indexes, validators and options of collections instead. "
        "Exit status: 0 equal, 1 different, 2 unknown."
    )
    examples = {
        "": "everything",
        "--collection orders --repair": "one collection; differences are sent to the listener",
        "--indexes": "indexes, validators and options of collections",
        "--indexes --repair": "copy those that one side lacks",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--repair", action="store_true",
            help="process differences like any change; with --indexes: copy what one side lacks",
        )  # fmt: skip
        parser.add_argument(
            "--indexes", action="store_true", help="indexes, validators and options instead of documents"
        )
        DefiningCommand.add_arguments(self, parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if not (options["indexes"] and options["repair"]):
            self.refuse_without(options, "--indexes --repair")
        if options["indexes"]:
            sys.exit(0 if self.define(options) else 1)
        kind = Kind.REPAIR if options["repair"] else Kind.VERIFY
        run = self.run(kind, options["collection"], options["json"])
        if not options["json"]:
            self.show(run)
        sys.exit(1 if run.different else 0)

    def define(self, options: dict[str, Any]) -> bool:
        if options["repair"]:
            return self.copy_definitions(options["collection"], options)
        return self.compare_definitions(options["collection"], options["json"])

    def show(self, run: Run) -> None:
        counts = run.counts
        if run.error:
            self.stdout.write(run.error)
        left = f", {run.as_agreed:,} intentional differences" if run.as_agreed else ""
        if not run.different:
            self.stdout.write(f"Equal: {counts['equal']:,} documents{left}")
            self.show_collections(run)
            return
        self.stdout.write(
            f"{run.different:,} of {counts['documents']:,} documents differ: {counts['different']:,} different, "
            f"{counts['onlyLocal']:,} only here, {counts['onlyAtlas']:,} only on Atlas{left}"
        )
        self.show_samples(run)
        self.show_collections(run)
        if run.kind is Kind.REPAIR:
            self.stdout.write(f"{counts['marked']:,} were sent to the listener")
