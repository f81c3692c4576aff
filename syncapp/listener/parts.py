"""The parts of a session, each made once, and who of them knows whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from pymongo.database import Database

from syncapp.apply import reports
from syncapp.conf.settings import SyncSettings
from syncapp.core.rule.scope import Scope
from syncapp.core.values import Batch, Side
from syncapp.listener.beginning import Beginning
from syncapp.listener.books import Books
from syncapp.listener.device_report import ReportMaker
from syncapp.listener.dispatcher import Dispatcher
from syncapp.listener.following import Following
from syncapp.listener.intake import Intake
from syncapp.listener.intervals import Intervals
from syncapp.listener.queue.dirty_keys import DirtyKeys
from syncapp.listener.refused import Refused
from syncapp.listener.runs import Runs
from syncapp.listener.safeguards import Safeguards
from syncapp.listener.session_end import SessionEnd
from syncapp.listener.streams.readers import Readers
from syncapp.listener.structural_changes import StructuralChanges
from syncapp.listener.telemetry.catching_up import catch_up
from syncapp.listener.telemetry.clock_watch import ClockWatch
from syncapp.listener.telemetry.fleet import Fleet
from syncapp.listener.telemetry.headroom import Headroom
from syncapp.listener.telemetry.metrics import MetricsBuffer
from syncapp.listener.tokens import Tokens
from syncapp.rules.rules import Rules
from syncapp.store.lease import Lease


@dataclass(frozen=True, slots=True)
class Parts:
    intervals: Intervals
    end: SessionEnd
    dirty: DirtyKeys
    lease: Lease
    tokens: Tokens
    clock: ClockWatch
    safeguards: Safeguards
    beginning: Beginning
    readers: Readers
    following: Following
    dispatcher: Dispatcher
    structural: StructuralChanges
    refused: Refused
    runs: Runs
    books: Books
    report: ReportMaker
    headroom: Headroom
    fleet: Fleet
    catch_up: Callable[[], None]
    lease_seconds: float  # between two renewals


def assemble(
    settings: SyncSettings,
    databases: dict[Side, Database[Any]],
    device: str,
    lease: Lease,
    send: Callable[[Batch], None],
    load_rules: Callable[[], Rules],
    intervals: Intervals,
) -> Parts:
    """`send` hands a batch to Celery, and raises OSError or an error of the broker's client."""
    local = databases[Side.LOCAL]
    dirty, metrics = DirtyKeys(intervals), MetricsBuffer()
    end = SessionEnd(local, dirty.wake)
    clock = ClockWatch(databases, settings.sync_clock_warning, intervals)
    refused = Refused(databases, intervals)

    def scope() -> Scope:
        return following.rules.scope if following.rules else Scope()

    def first() -> tuple[str, ...]:
        return following.rules.first if following.rules else ()

    def superseded(task: str) -> bool:
        return scope().has_filters and dirty.superseded(task)

    safeguards = Safeguards(settings, databases, device, lambda: reports_of.report(), intervals, scope)
    tokens = Tokens(lease, device, dirty, intervals)
    intake = Intake(dirty, safeguards, metrics, settings.sync_max_dirty_keys, end.history_lost)
    readers = Readers(settings, databases, device, intake, clock.to_atlas_time, intervals, superseded, first)
    reader = reports.connect(settings.celery_broker_url).reader(reports.stream_name(device, lease.epoch))
    dispatcher = Dispatcher(
        settings, dirty, metrics, send, reader, safeguards, intervals, refused=refused.met
    )
    following = Following(databases, load_rules, readers, tokens, dispatcher.follow, intervals, end.wait)
    headroom = Headroom(databases, intervals)
    books = Books(
        device, lease, dirty, metrics, clock, safeguards, refused, headroom, dispatcher, readers.statuses
    )

    def rules_version() -> int | None:
        return following.rules.version if following.rules else None

    reports_of = ReportMaker(databases, device, books, headroom, readers.statuses, rules_version, intervals)

    return Parts(
        intervals=intervals,
        end=end,
        dirty=dirty,
        lease=lease,
        tokens=tokens,
        clock=clock,
        safeguards=safeguards,
        beginning=Beginning(databases, load_rules, settings.sync_initial_choice, intervals.first_run),
        readers=readers,
        following=following,
        dispatcher=dispatcher,
        structural=StructuralChanges(dirty, safeguards.judge, intervals, end.wait),
        refused=refused,
        runs=Runs(
            local,
            device,
            min(settings.sync_report_timeout, round(1000 * intervals.lost_slice)),
            lambda: readers.sides,
        ),
        books=books,
        report=reports_of,
        headroom=headroom,
        fleet=Fleet(databases[Side.ATLAS], intervals),
        catch_up=partial(catch_up, local, device),
        lease_seconds=intervals.renewal(settings.sync_lease_duration / 1000),
    )
