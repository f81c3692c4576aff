"""`manage.py sync_resync`: compare both sides, and send differences from the agreed contents to the listener."""

from __future__ import annotations

from typing import Any

from syncapp.management.following import RunCommand
from syncapp.store.run import Kind


class Command(RunCommand):
    help = (
        "Compare both sides beside live sync; what differs from what was agreed is processed like any change. "
        "Exit status: 0 done, 2 failed."
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
                f"{counts['marked']:,} were sent to the listener"
            )
