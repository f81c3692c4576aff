"""`manage.py sync_wizard`: asks for the two databases, tries them at once, and writes `.env`."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.table import Table
from rich.text import Text

from syncapp.core.text.masking import mask_address
from syncapp.core.text.one_line import one_line
from syncapp.core.values import BOTH, Side
from syncapp.doctor.examine import Line, as_document
from syncapp.first_run.preview import Preview
from syncapp.management.command import SyncCommand, invocation
from syncapp.management.commands.sync_doctor import STYLES
from syncapp.management.console import console_of
from syncapp.wizard.present import Present
from syncapp.wizard.questions import Nobody, Terminal
from syncapp.wizard.said import what_the_first_run_does
from syncapp.wizard.suggestions import Suggestion
from syncapp.wizard.wizard import Given, Outcome, Wizard

COLUMNS = {"equal": "Equal", "different": "Different", "onlyLocal": "Only here", "onlyAtlas": "Only on Atlas"}
NOTHING_WRITTEN = "Nothing was written"
LOCAL, ATLAS = (
    "mongodb://localhost:27017/shop",
    "mongodb+srv://user:password@cluster0.example.mongodb.net/shop",
)


class Command(SyncCommand):
    help = (
        "Ask for the two databases, try them at once, propose exclusions, show what the first run would do, and write"
        " .env. Sync is left disabled; a second time what is there is offered."
    )
    examples = {
        "": "asks for what is missing",
        f"--yes --local-uri {LOCAL} --atlas-uri {ATLAS}": "asks nothing",
        "--yes --json": "looks at what .env says again, for scripts",
    }
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        seen = "other users of this machine can see it in the list of processes: without it you are asked"
        parser.add_argument("--local-uri", default="", metavar="URI", help=f"of the local MongoDB; {seen}")
        parser.add_argument("--atlas-uri", default="", metavar="URI", help=f"of MongoDB Atlas; {seen}")
        parser.add_argument(
            "--exclude", metavar="NAMES", help="collections that are not pulled, by commas; - for none"
        )
        parser.add_argument(
            "--yes", action="store_true", help="ask nothing: take options, what .env says, and defaults"
        )
        parser.add_argument("--json", action="store_true", help="for scripts: one document; asks nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        silent = options["yes"] or options["json"]
        if not silent and not sys.stdin.isatty():
            raise CommandError(f"{NOTHING_WRITTEN}: say --yes where nobody can be asked")
        uris = {Side.LOCAL: options["local_uri"].strip(), Side.ATLAS: options["atlas_uri"].strip()}
        tell = (lambda told: None) if options["json"] else self.tell
        if not silent:
            with contextlib.suppress(ImportError):
                import readline  # noqa: F401  (lines can be edited)
        try:
            found = Wizard(Nobody() if silent else Terminal(), tell, Present.find()).run(
                Given(uris, options["exclude"])
            )
        except EOFError:
            raise CommandError(f"\n{NOTHING_WRITTEN}: the input ended") from None
        except KeyboardInterrupt:
            self.stderr.write(f"\n{NOTHING_WRITTEN}")
            raise
        if options["json"]:
            self.stdout.write(json.dumps(self.document(found), indent=2, ensure_ascii=False))
        else:
            self.show_next(found)

    def tell(self, told: Line | Preview | Suggestion | str) -> None:
        if isinstance(told, Line):
            level = told.finding.level
            self.stdout.write(f"{getattr(self.style, STYLES[level])(level.mark)} {told.finding.text}")
            for step in told.finding.todo.splitlines():
                self.stdout.write(f"    → {step}")
        elif isinstance(told, Preview):
            self.show_preview(told)
        elif isinstance(told, Suggestion):
            what = "proposed to be excluded" if told.by_default else "could be excluded"
            self.stdout.write(one_line(f"· {told.name} {what}: {'; '.join(told.why)}"))
        else:
            self.stdout.write(one_line(told))
        self.stdout.flush()

    def show_preview(self, found: Preview) -> None:
        report = found.report.as_document()
        if report["collections"]:
            table = Table("Collection", box=None)
            for title in COLUMNS.values():
                table.add_column(title, justify="right")
            for row in sorted(report["collections"], key=lambda row: str(row["collection"])):
                mark = " (excluded)" if row["excluded"] else ""
                table.add_row(
                    Text(f"{one_line(row['collection'])}{mark}"), *(f"{row[column]:,}" for column in COLUMNS)
                )
            table.add_row("Total", *(f"{report['total'][column]:,}" for column in COLUMNS), style="bold")
            console_of(self.stdout).print(table)
        for sentence in what_the_first_run_does(found):
            self.stdout.write(sentence)

    def show_next(self, found: Outcome) -> None:
        lines = [(_as_typed(command), what) for command, what in found.next]
        width = max(len(command) for command, _ in lines)
        self.stdout.write("Next:")
        for command, what in lines:
            self.stdout.write(f"  {command:<{width}}  # {what}")

    @staticmethod
    def document(found: Outcome) -> dict[str, Any]:
        return {
            "written": found.written,
            "settings": {name: mask_address(value) for name, value in found.values.items()},
            **as_document([line for side in BOTH for line in found.lines.get(side, [])]),
            "firstRun": found.preview.report.as_document() if found.preview else None,
            "comparedInPart": sorted(found.preview.cut_short) if found.preview else [],
            "suggestions": [one.as_document() for one in found.suggestions],
            "notes": found.notes,
            "next": [_as_typed(command) for command, _ in found.next],
        }


def _as_typed(command: str) -> str:
    name, _, rest = command.partition(" ")
    return f"{invocation()} {rest}" if name == "manage.py" else command
