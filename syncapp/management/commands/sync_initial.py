"""`manage.py sync_initial`: what the first run found in the two databases, and the operator's choice."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.table import Table
from rich.text import Text

from syncapp.core.initial_choice import DIFFERING, ONLY_ATLAS, ONLY_LOCAL, InitialChoice
from syncapp.core.text.one_line import one_line
from syncapp.core.values import UnknownTime
from syncapp.management.console import console_of
from syncapp.management.defining import DefiningCommand
from syncapp.management.following import progress_text
from syncapp.management.nobody_works import no_listener
from syncapp.services import first_run
from syncapp.services.databases import local_database
from syncapp.services.runs import newest
from syncapp.store.first_run import FirstRun, State
from syncapp.store.run import Kind

COLUMNS = {"equal": "Equal", "different": "Different", "onlyLocal": "Only here", "onlyAtlas": "Only on Atlas"}
EXAMPLE = "manage.py sync_initial --differing newest --timestamp-field updatedAt --only-atlas pull --only-local push"
STATES = {
    State.NOT_COMPARED: "The databases have not been compared yet: the listener does that when it starts.",
    State.WAITING: "Nothing is written until you choose, for instance:\n  " + EXAMPLE,
    State.CHOSEN: "Chosen: {choice}. The listener carries it out.",
    State.DONE: "The first run is done.",
}


class Command(DefiningCommand):
    help = (
        "Show what the first run found in the two databases; with options: choose what to keep. With --indexes: copy "
        "indexes, validators and options of collections to the side that lacks them; exit status 1 if some are left."
    )
    examples = {
        "": "what was found in the two databases",
        "--differing newest --timestamp-field updatedAt --only-atlas pull --only-local push": "choose",
        "--indexes": "copy indexes, validators and options of collections",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--differing", choices=DIFFERING, help="who wins where both sides differ")
        parser.add_argument("--timestamp-field", default="", help="of the documents, for --differing newest")
        parser.add_argument("--only-atlas", choices=ONLY_ATLAS, help="documents that only Atlas has")
        parser.add_argument("--only-local", choices=ONLY_LOCAL, help="documents that only the local side has")
        parser.add_argument(
            "--indexes", action="store_true",
            help="copy indexes, validators and options of collections to the side that lacks them; nothing is dropped",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="for scripts")
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        names = ("differing", "only_atlas", "only_local")
        given = [name for name in (*names, "timestamp_field") if options[name]]
        if options["indexes"]:
            if given:
                raise CommandError(
                    "--indexes copies definitions and chooses nothing: give the choice without it"
                )
            sys.exit(0 if self.copy_definitions((), options) else 1)
        self.refuse_without(options, "--indexes")
        found = first_run.choose(self.choice(options, names)) if given else first_run.show()
        if options["json"]:
            self.stdout.write(json.dumps(first_run.as_document(found), indent=2))
        else:
            self.show(found)

    @staticmethod
    def choice(options: Mapping[str, Any], names: tuple[str, ...]) -> InitialChoice:
        missing = [f"--{name.replace('_', '-')}" for name in names if not options[name]]
        if options["differing"] == UnknownTime.NEWEST and not options["timestamp_field"]:
            missing.insert(0, "--timestamp-field (the field with the time of a document's last change)")
        if missing:
            raise CommandError(f"Missing: {', '.join(missing)}; for instance: {EXAMPLE}")
        return first_run.choice_of(
            options["differing"], options["only_atlas"], options["only_local"], options["timestamp_field"]
        )

    def show(self, found: FirstRun) -> None:
        console = console_of(self.stdout)
        if found.report is not None:
            console.print(self.table(found.report))
        console.print(STATES[found.state].format(choice=found.choice), markup=False)
        if found.state in (State.NOT_COMPARED, State.CHOSEN) and (far := self.how_far()):
            console.print(far, markup=False)
        if found.state is State.DONE and found.choice is not None:
            console.print(f"Chosen: {found.choice}", markup=False)

    @staticmethod
    def how_far() -> str:
        """Of what the listener does now, or that there is none. Raises Unreachable."""
        with local_database("first run") as local:
            if missing := no_listener(local):
                return missing
        run = next((run for run in newest(1) if run.kind is Kind.FIRST_RUN and run.open), None)
        return f"Under way: {progress_text(run)}" if run else ""

    @staticmethod
    def table(report: Mapping[str, Any]) -> Table:
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("Collection")
        for name in COLUMNS.values():
            table.add_column(name, justify="right")
        for row in report["collections"]:
            name = row["collection"] + (" (not pulled)" if row["excluded"] else "")
            table.add_row(Text(one_line(name)), *(f"{row[column]:,}" for column in COLUMNS))
        table.add_row("Total", *(f"{report['total'][column]:,}" for column in COLUMNS), style="bold")
        return table
