"""`manage.py sync_resync`: compare both sides, and hand what differs from what was agreed to the listener."""

from __future__ import annotations

from typing import Any

from syncapp.management.following import RunCommand
from syncapp.store.run import Kind


class Command(RunCommand):
    help = (
        "Compare both sides beside live sync; the listener brings together what differs from what was agreed. "
        "Exit status: 0 done, 2 it could not be done."
    )
    examples = {
        "": "everything",
        "--collection orders --collection customers": "only these",
    }

    def handle(self, *args: Any, **options: Any) -> None:
        run = self.run(Kind.RESYNC, options["collection"], options["json"])
        if not options["json"]:
            counts = run.counts
            self.stdout.write(
                f"Compared {counts['documents']:,} documents: {run.different:,} differ; "
                f"{counts['marked']:,} were handed to the listener"
            )
