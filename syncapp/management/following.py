"""The common part of the commands for comparison runs: request a run, follow it with a progress bar, and say in one
line why it does not start."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable

from django.core.management.base import CommandError, CommandParser
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from syncapp.core.text.durations import pace_text
from syncapp.core.text.one_line import one_line
from syncapp.core.text.typed_ids import id_to_type
from syncapp.management.command import SyncCommand
from syncapp.management.console import console_of
from syncapp.models import Instance
from syncapp.services import runs
from syncapp.services.databases import local_database
from syncapp.services.errors import Unreachable
from syncapp.services.reasons import key_of, only_here, reasons_of, with_reasons
from syncapp.store.lease import active_listener
from syncapp.store.results import Result, results_of
from syncapp.store.run import DIFFERENCES, Kind, Run, State
from syncapp.store.runs import load

LOOK_SECONDS = 0.25
PATIENCE_SECONDS = 5.0  # until the reason for a waiting run is shown
INTERRUPTED = 130


class RunCommand(SyncCommand):
    """Requests a run and follows it to its end."""

    refused = 2

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--collection", action="append", default=[], metavar="NAME",
            help="only this collection; may be given several times",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="for scripts: no progress, one document")

    def run(self, kind: Kind, collections: Iterable[str], as_json: bool) -> Run:
        """The finished run. Raises ServiceError or CommandError (exit status 2), or SystemExit after Ctrl-C."""
        return self.watch(runs.start(kind, collections), as_json)

    def watch(self, run: Run, as_json: bool) -> Run:
        """The finished run. As `run`."""
        try:
            run = self._follow(run, shown=not as_json)
        except KeyboardInterrupt:
            self.stderr.write(f"\nThe run continues in the background: {_address(run)}")
            raise SystemExit(INTERRUPTED) from None
        except Unreachable as error:
            raise Unreachable(f"{error.detail}. The run continues: {_address(run)}") from None
        if as_json:
            document = {**runs.as_document(run), "samples": with_reasons(run.samples)}
            self.stdout.write(json.dumps(document, indent=2))
        if run.state is not State.DONE:
            raise CommandError(f"The run was not finished: {run.error or run.state}", returncode=self.refused)
        return run

    def _follow(self, run: Run, shown: bool) -> Run:
        waiting_since, said = time.monotonic(), False
        columns = (
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TimeElapsedColumn(), TextColumn("{task.fields[pace]}"),
        )  # fmt: skip
        with (
            local_database("comparison runs") as local,
            Progress(
                *columns, console=console_of(self.stdout), disable=not (shown and self.stdout.isatty())
            ) as progress,
        ):
            bar = progress.add_task("waiting", total=None, pace="")
            while run.open:
                time.sleep(LOOK_SECONDS)
                found = load(local, run.id)
                if found is None:  # nobody will ever work on it
                    raise CommandError(
                        "The run is gone: sync was uninstalled meanwhile", returncode=self.refused
                    )
                run = found
                progress.update(
                    bar,
                    description=_where(run),
                    completed=run.counts["documents"],
                    total=max(run.expected, run.counts["documents"]) or None,
                    pace=pace_text(run.rate, run.seconds_left),
                )
                if run.state is not State.WAITING:  # resumed, it waits for a moment
                    waiting_since = time.monotonic()
                if time.monotonic() - waiting_since > PATIENCE_SECONDS and not said:
                    said = True
                    self.stderr.write(_what_keeps_it(bool(active_listener(local))))
        return run

    def show_collections(self, run: Run) -> None:
        """Of each collection, what was found, and up to which time it is in sync."""
        table = Table(box=None, pad_edge=False, show_header=False)
        for name in ("Collection", "Documents", "Found"):
            table.add_column(name, justify="right" if name == "Documents" else "left")
        for one in results_of(run):
            documents = f"{one.counts['documents']:,} documents"
            table.add_row(Text(one_line(one.collection)), documents, found_text(one))
        console_of(self.stdout).print(table)

    def show_samples(self, run: Run) -> None:
        console = console_of(self.stdout)
        reasons = reasons_of([key_of(one) for one in run.samples], only_here(run.samples))
        for one in run.samples:
            why = reasons[key_of(one)].text
            line = f"{one['collection']}  {id_to_type(one['id'])}  {DIFFERENCES[one['what']]}: {why}"
            console.print(Text(f"  {one_line(line)}"))


def found_text(one: Result) -> str:
    if one.in_sync_as_of:
        return f"in sync as of {one.in_sync_as_of:%Y-%m-%d %H:%M:%S} UTC"
    return f"{one.different:,} differ" if one.different else "not compared to its end"


def _where(run: Run) -> str:
    if run.state in (State.WAITING, State.PAUSED):
        return run.state.value
    return run.collection or "second check" if run.suspects else run.collection


def _what_keeps_it(listener_is_active: bool) -> str:
    if not listener_is_active:
        return "No listener is active: the run starts when one does (sync_listen)."
    reason = Instance.objects.exclude(waiting_for="").values_list("waiting_for", flat=True).first()
    return (
        reason
        or "The listener has not started it yet: another run comes first, or the listener has just started."
    )


def _address(run: Run) -> str:
    return f"GET /api/sync/bidirectional/runs/{run.id}"
