"""What the active listener does for comparison runs, about once a second: it starts the next one, sends
slices again whose tasks were lost (a killed worker, a flushed broker), and mirrors how runs stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from celery import current_app
from pymongo.database import Database

from syncapp.mirror.runs import mirror
from syncapp.store import runs
from syncapp.store.run import Run, State

log = structlog.get_logger(__name__)
TASK = "syncapp.compare_slice"
QUEUE = "maintenance"
LONGEST_LOST_MS = 15_000
Send = Callable[[str, int], None]


def send_slice(run_id: str, number: int) -> None:
    """Raises OSError or an error of the broker's client."""
    current_app.send_task(TASK, args=(run_id, number), queue=QUEUE, retry=False)


def mirror_runs(local: Database[Any], device: str) -> None:
    """Show in Django's database how runs stand. Raises PyMongoError or DatabaseError."""
    for run in runs.load_unmirrored(local):
        mirror(device, run)
        runs.note_mirrored(local, run)


def drive(local: Database[Any], lost_ms: int, send: Send = send_slice) -> None:
    """`lost_ms`: so long after a slice was due its task counts as lost; 15 seconds at most.

    One run at a time works; what convergence depends on comes first. Raises PyMongoError, or what `send` raises: a
    run that was started and not sent is sent again later.
    """
    queue = runs.load_open(local)
    for run in queue[1:]:
        if run.state is State.RUNNING:
            runs.interrupt(local, run)
    if queue:
        _go_on(local, queue[0], min(lost_ms, LONGEST_LOST_MS), send)


def _go_on(local: Database[Any], run: Run, lost_ms: int, send: Send) -> None:
    if run.state is State.WAITING:
        if runs.start(local, run):
            log.info(
                "Comparison starts",
                event_name="comparison_starts",
                kind=run.kind.value,
                reason=run.why,
                run=run.id,
            )
            send(run.id, run.slice)
    elif runs.claim_lost(local, run, lost_ms):
        log.info("Comparison goes on", event_name="comparison_goes_on", run=run.id, slice=run.slice)
        send(run.id, run.slice)
