"""`manage.py sync_selftest`: does sync work, live, on these databases? Exit status 0 or 1: something does not."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.table import Table

from syncapp.conf.settings import get_settings
from syncapp.management.command import SyncCommand
from syncapp.management.console import console_of
from syncapp.selftest.part import Part, all_parts, chosen
from syncapp.selftest.run import Run, open_bench
from syncapp.selftest.values import Line, Result, as_document
from syncapp.services import selftest
from syncapp.services.databases import local_database
from syncapp.store import selftest as record
from syncapp.store.selftest import Wanted

INTERRUPTED = 130


class Command(SyncCommand):
    help = (
        "Check live that sync works, in scratch collections that are gone afterwards. Parts: "
        + ", ".join(f"{part.name} ({part.purpose})" for part in all_parts())
        + ". Without a name: all but load."
    )
    examples = {
        "": "everything but load, each line ✓ or ✗, and a table at the end",
        "replication conflicts": "these parts",
        "load --seconds 120 --rate 100": "two minutes, 100 writes a second on both sides together",
        "--json": "for scripts",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("parts", nargs="*", metavar="PART", help="which parts; default: all but load")
        parser.add_argument("--seconds", type=float, help="of performance (default 10) and load (default 60)")
        parser.add_argument(
            "--rate", type=float,
            help="writes a second of performance and load; more than a share of what the servers can do is not taken",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="for scripts")
        parser.add_argument(
            "--reserved", metavar="ID", help="run the one that the admin or the API has reserved"
        )

    def execute(self, *args: Any, **options: Any) -> Any:
        self.by_hand = not options["reserved"]  # who asked for it there is in the audit log already
        return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        self.as_json, self.heading = options["json"], ""
        # Whoever stops the program lets it remove what it has made
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        wanted = self.reserved(options["reserved"]) if options["reserved"] else self.wanted(options)
        parts = chosen(wanted.parts)
        with open_bench(get_settings(), wanted) as bench:
            run = Run(bench, parts, self.tell, reserved=bool(options["reserved"]))
            try:
                results = run.run()
            except KeyboardInterrupt:
                self.stderr.write("\nInterrupted; what the self-test has made is removed")
                raise SystemExit(INTERRUPTED) from None
        self.show(results)
        sys.exit(0 if as_document(results)["ok"] else 1)

    def wanted(self, options: dict[str, Any]) -> Wanted:
        known = [part.name for part in all_parts()]
        if unknown := [name for name in options["parts"] if name not in known]:
            raise CommandError(f"There is no part {unknown[0]!r}; allowed: {', '.join(known)}")
        for name, most in (("seconds", selftest.LONGEST_SECONDS), ("rate", selftest.HIGHEST_RATE)):
            value = options[name]
            if value is not None and not 0 < value <= most:
                raise CommandError(f"--{name} is {value:g}; allowed: more than 0, at most {most:,}")
        names = [part.name for part in chosen(options["parts"])]
        return selftest.wanted(names, options["seconds"], options["rate"], by="manage.py")

    @staticmethod
    def reserved(run: str) -> Wanted:
        with local_database(selftest.PROCESS) as local:
            found = record.load(local)
        if found is None or found.wanted.run != run:
            raise CommandError(f"No self-test {run!r} is reserved")
        return found.wanted

    def tell(self, part: Part, line: Line) -> None:
        if self.as_json:
            return
        if part.name != self.heading:
            self.heading = part.name
            self.stdout.write(f"{part.name}: {part.purpose}")
        style = self.style.SUCCESS if line.ok else self.style.ERROR
        self.stdout.write(f"  {style(line.mark)} {line.text}")
        self.stdout.flush()

    def show(self, results: Sequence[Result]) -> None:
        if self.as_json:
            self.stdout.write(json.dumps(as_document(list(results)), indent=2, ensure_ascii=False))
            return
        table = Table("Part", "", "Lines", "Seconds", box=None, pad_edge=False)
        for one in results:
            passed = sum(line.ok for line in one.lines)
            table.add_row(
                one.name, "✓" if one.ok else "✗", f"{passed} of {len(one.lines)}", f"{one.seconds:.1f}"
            )
        self.stdout.write("")
        console_of(self.stdout).print(table)
        bad = [one.name for one in results if not one.ok]
        self.stdout.write(f"✗ Not in order: {', '.join(bad)}" if bad else "✓ All parts passed")
