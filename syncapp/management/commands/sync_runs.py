"""`manage.py sync_runs`: comparison runs: list, show, watch, pause, resume or cancel them."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser
from rich.table import Table
from rich.text import Text

from syncapp.api.compared import ComparedOut
from syncapp.core.text.one_line import one_line
from syncapp.management.console import console_of
from syncapp.management.following import RunCommand, progress_text
from syncapp.management.nobody_works import no_listener
from syncapp.models import ComparedCollection
from syncapp.services import runs
from syncapp.services.databases import local_database
from syncapp.services.reasons import with_reasons
from syncapp.store.run import Run, State

LISTED = 20
ACTS = {"pause": runs.pause, "resume": runs.resume, "cancel": runs.cancel}
DONE = {
    "pause": "Paused. It stays so until `manage.py sync_runs resume`, whatever is restarted meanwhile.",
    "resume": "Resumed: it continues where it was.",
    "cancel": "Cancelled. What it has sent to the listener is still processed.",
}


class Command(RunCommand):
    help = (
        "List comparison runs with their progress; show, watch, pause, resume or cancel one. Without an id: the one "
        "that is not over."
    )
    examples = {
        "": "the newest runs, with rate and time left",
        "collections": "up to which time each collection is in sync",
        "watch": "follow the one that is under way",
        "pause": "pause it; `resume` continues it where it was",
        "cancel 5f0c1d2e": "cancel the one whose id begins so",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "what", nargs="?", default="list", choices=("list", "collections", "show", "watch", *ACTS)
        )
        parser.add_argument("id", nargs="?", default="", help="as the list shows it, or the start of it")
        parser.add_argument("--json", action="store_true", help="for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        what, as_json = options["what"], options["json"]
        if what == "list":
            self.show_list(runs.newest(LISTED), as_json)
            return
        if what == "collections":
            self.show_compared(as_json)
            return
        run = runs.find(options["id"])
        if what == "watch":
            run = self.watch(run, as_json)
            if not as_json:
                self.show(run)
        elif what == "show":
            self.show(run, as_json)
        else:
            run = ACTS[what](run.id)
            self.stdout.write(json.dumps(runs.as_document(run), indent=2) if as_json else DONE[what])

    def show(self, run: Run, as_json: bool = False) -> None:
        if as_json:
            document = {**runs.as_document(run), "samples": with_reasons(run.samples)}
            self.stdout.write(json.dumps(document, indent=2))
            return
        self.stdout.write(one_line(_line(run, run.id)))
        if run.error:
            self.stdout.write(one_line(run.error))
        self.show_samples(run)
        self.show_collections(run)

    def show_compared(self, as_json: bool) -> None:
        rows = ComparedCollection.objects.all()
        if as_json:
            self.stdout.write(json.dumps(ComparedOut(rows, many=True).data, indent=2))
            return
        if not rows:
            self.stdout.write("Nothing has been compared yet: `manage.py sync_verify` does it now.")
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("Collection", "In sync as of (UTC)", "Differ", "Compared (UTC)"):
            table.add_column(name, justify="right" if name == "Differ" else "left")
        for row in rows:
            at = f"{row.as_of:%Y-%m-%d %H:%M:%S}" if row.as_of else "–"
            compared = f"{row.compared_at:%Y-%m-%d %H:%M:%S}"
            table.add_row(Text(one_line(row.collection)), at, f"{row.differing:,}", compared)
        console_of(self.stdout).print(table)

    def show_list(self, found: list[Run], as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps([runs.as_document(run) for run in found], indent=2))
            return
        if not found:
            self.stdout.write("No comparison runs in the last 30 days.")
            return
        for run in found:
            self.stdout.write(f"{one_line(_line(run, run.id[:8]))}\n    {one_line(run.why)}")
        if any(run.state in (State.WAITING, State.RUNNING) for run in found):
            with local_database("comparison runs") as local:
                if missing := no_listener(local):
                    self.stdout.write(f"Nobody works on what is waiting or running. {missing}")


def _line(run: Run, name: str) -> str:
    at = f"{run.requested_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"{name}  {at}  {_what(run)}: {_state(run)}, {progress_text(run)}, {run.different:,} differ"


def _what(run: Run) -> str:
    return f"{run.kind} of {', '.join(run.collections) or 'all collections'}"


def _state(run: Run) -> str:
    if run.state is State.PAUSED and run.paused_at:
        return f"paused since {run.paused_at:%Y-%m-%d %H:%M:%S} UTC"
    return run.state.value
