"""The common part of the commands for comparison runs: request a run, follow it with a progress bar, say in one line why it
does not get on, and give up if nobody works on it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from django.core.management.base import CommandError, CommandParser
from pymongo.database import Database
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
from syncapp.management.nobody_works import who_is_missing
from syncapp.models import Instance
from syncapp.services import runs
from syncapp.services.databases import local_database
from syncapp.services.errors import Unreachable
from syncapp.services.reasons import key_of, only_here, reasons_of, with_reasons
from syncapp.store.results import Result, results_of
from syncapp.store.run import DIFFERENCES, Kind, Run, State
from syncapp.store.runs import load

LOOK_SECONDS = 0.25
PATIENCE_SECONDS = 5.0  # until the reason for a run that does not get on is shown
GIVE_UP_SECONDS = 60.0  # of which nobody can work on it: longer than a restart takes
INTERRUPTED = 130


class NobodyWorks(CommandError):
    """A run does not get on, since a process is missing; `reason` says which, and how it is started."""

    def __init__(self, run: Run, reason: str) -> None:
        super().__init__(f"Nobody works on the run, which goes on when somebody does: {reason}", returncode=2)
        self.reason = reason


class Standstill:
    """Of a run that is followed: says once why it does not get on."""

    def __init__(self, local: Database[Any], say: Callable[[str], object]) -> None:
        self._local, self._say = local, say
        self._at: tuple[object, ...] = ()
        self._since = self._looked = 0.0
        self._missing_since: float | None = None
        self._said = False

    def look(self, run: Run, now: float) -> None:
        """`now`: of one clock, in seconds. Raises NobodyWorks after a while, or PyMongoError."""
        at = (run.state, run.slice)
        if at != self._at or run.state is State.PAUSED:
            self._at, self._since, self._missing_since = at, now, None
        if now - max(self._since, self._looked) <= PATIENCE_SECONDS or not run.open:
            return
        self._looked = now
        missing = who_is_missing(self._local)
        if not missing:
            self._missing_since = None
            if run.state is State.WAITING and not self._said:
                self._said = True
                self._say(_what_keeps_it())
            return
        self._missing_since = self._since if self._missing_since is None else self._missing_since
        if now - self._missing_since > GIVE_UP_SECONDS:
            raise NobodyWorks(run, missing)
        if not self._said:
            self._said = True
            self._say(f"{missing}. This command waits for it for {GIVE_UP_SECONDS:.0f} s")


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
        run = runs.start(kind, collections)
        try:
            return self.watch(run, as_json)
        except NobodyWorks as error:
            # Those of a job that asks every night would all be done, one after the other, when there is a listener again
            if kind is Kind.VERIFY and runs.withdraw(run.id, "Nobody worked on it"):
                raise CommandError(f"Nothing was compared: {error.reason}", returncode=self.refused) from None
            raise

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
            still = Standstill(local, self.stderr.write)
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
                still.look(run, time.monotonic())
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


def progress_text(run: Run) -> str:
    """So far, and at what pace."""
    documents = run.counts["documents"]
    text = f"{documents:,}"
    if run.open and run.expected:
        text = f"{text} of about {max(run.expected, documents):,}"
    text = f"{text} documents"
    pace = pace_text(run.rate, run.seconds_left)
    return f"{text} ({pace})" if pace else text


def _where(run: Run) -> str:
    if run.state in (State.WAITING, State.PAUSED):
        return run.state.value
    return run.collection or "second check" if run.suspects else run.collection


def _address(run: Run) -> str:
    return f"GET /api/sync/bidirectional/runs/{run.id}"


def _what_keeps_it() -> str:
    reason = Instance.objects.exclude(waiting_for="").values_list("waiting_for", flat=True).first()
    return (
        reason
        or "The listener has not started it yet: another run comes first, or the listener has just started."
    )
