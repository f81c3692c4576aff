"""What the active listener does for comparison runs, about once a second: it starts the next one, resends
slices whose tasks were lost (a killed worker, a flushed broker), and mirrors the state of runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import structlog
from celery import current_app
from pymongo.database import Database

from syncapp.core.values import Side
from syncapp.mirror.runs import end_gone, mirror
from syncapp.mongo.errors import HistoryLost
from syncapp.store import runs
from syncapp.store.run import Run, State
from syncapp.store.tokens import missing_tokens

log = structlog.get_logger(__name__)
TASK = "syncapp.compare_slice"
QUEUE = "maintenance"
Send = Callable[[str, int], None]


class Runs:
    """Of a session."""

    def __init__(
        self, local: Database[Any], device: str, lost_ms: int, sides: Callable[[], Iterable[Side]]
    ) -> None:
        """`lost_ms`: as `drive` has it; `sides`: whose streams are read."""
        self._local = local
        self._device = device
        self._lost_ms = lost_ms
        self._sides = sides
        self._gone_ended = False

    def drive(self) -> None:
        """Raises HistoryLost if a token was deleted, to force a comparison; or like `drive`."""
        if missing_tokens(self._local, self._sides()):
            raise HistoryLost("a resume token was deleted: both sides are compared")
        drive(self._local, self._lost_ms)

    def mirror(self) -> None:
        if not self._gone_ended:
            end_gone(self._local)
            self._gone_ended = True
        mirror_runs(self._local, self._device)


def send_slice(run_id: str, number: int) -> None:
    """Raises OSError or an error of the broker's client."""
    current_app.send_task(TASK, args=(run_id, number), queue=QUEUE, retry=False)


def mirror_runs(local: Database[Any], device: str) -> None:
    """Mirror the state of runs to Django's database. Raises PyMongoError or DatabaseError."""
    for run in runs.load_unmirrored(local):
        mirror(device, run)
        runs.note_mirrored(local, run)


def drive(local: Database[Any], lost_ms: int, send: Send = send_slice) -> None:
    """`lost_ms`: so long after a slice was due its task counts as lost.

    One run is active at a time; runs that convergence depends on come first. Raises PyMongoError, or what `send`
    raises: a run that was started and not sent is sent later.
    """
    queue = runs.load_open(local)
    for run in queue[1:]:
        if run.state is State.RUNNING:
            runs.interrupt(local, run)
    if queue:
        _go_on(local, queue[0], lost_ms, send)


def _go_on(local: Database[Any], run: Run, lost_ms: int, send: Send) -> None:
    if run.state is State.WAITING:
        if runs.start(local, run):
            log.info(
                "Comparison started",
                event_name="comparison_starts",
                kind=run.kind.value,
                reason=run.why,
                run=run.id,
            )
            send(run.id, run.slice)
    elif runs.claim_lost(local, run, lost_ms):
        log.info("Comparison slice resent", event_name="comparison_goes_on", run=run.id, slice=run.slice)
        send(run.id, run.slice)
