"""The parts of health: a status and its reasons; and formatted durations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.urls import get_script_prefix

from syncapp.core.text.durations import duration
from syncapp.core.text.one_line import one_line

__all__ = ["duration"]
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0


class Status(StrEnum):
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    CRITICAL = "critical"

    @property
    def exit_code(self) -> int:
        """As in monitoring plug-ins: 0 fine, 1 warning, 2 critical."""
        return list(Status).index(self)


class Page(StrEnum):
    """The admin page for a reason, by its URL name."""

    HALTS = "admin:syncapp_halts"
    FIRST_RUN = "admin:syncapp_first_run"
    CONFLICTS = "admin:syncapp_conflict_changelist"
    REJECTED = "admin:syncapp_rejectedchange_changelist"
    RUNS = "admin:syncapp_comparisonrun_changelist"
    COMPARED = "admin:syncapp_comparedcollection_changelist"
    SETTINGS = "admin:syncapp_syncswitches_changelist"
    DEVICES = "admin:syncapp_instance_changelist"
    FLEET = "admin:syncapp_device_changelist"
    METRICS = "admin:syncapp_metricminute_changelist"

    @property
    def path(self) -> str:
        """Written out: a program without pages cannot look it up."""
        name = self.removeprefix("admin:syncapp_")
        place = _BELOW_DEVICE.get(name) or name.removesuffix("_changelist")
        return f"{get_script_prefix()}admin/syncapp/{place}/"


_BELOW_DEVICE = {"halts": "instance/halts", "first_run": "instance/first-run"}

RUNBOOKS = "/docs/runbooks/"


class Code(StrEnum):
    """What is the matter, for scripts; and the heading of docs/runbooks.md that says what to do. They never change."""

    NOT_STARTED = "not-started"
    NEVER_REPORTED = "listener-never-reported"
    SILENT = "listener-silent"
    CANNOT_START = "sync-cannot-start"
    PAUSED = "sync-paused"
    BROKER = "broker-unreachable"
    WORKERS = "no-worker"
    STREAM = "change-stream"
    PENDING = "pending-operations"
    CONFLICTS = "conflicts"
    RESOLVER = "resolver-fails"
    SLOW = "slow-processing"
    REJECTED = "rejected-changes"
    LAG = "lag"
    FAILING = "changes-fail"
    STILL = "changes-do-not-get-through"
    HALTED = "halted"
    ANSWERED = "answer-carried-out"
    LOOP = "sync-loop"
    CLOCK = "clock"
    FAILED_RUN = "comparison-failed"
    LEFT_OUT = "comparison-not-whole"
    RUN_PAUSED = "comparison-paused"
    DIFFERENCES = "comparison-differences"
    BEAT = "beat-silent"
    HEADROOM = "oplog-headroom"
    UNSEEN = "device-not-seen"

    @property
    def runbook(self) -> str:
        return f"{RUNBOOKS}#{self}"


@dataclass(frozen=True)
class Reason:
    """`page`: None where no page helps. `about`: what it concerns, if there may be several of one code at a time: a side,
    direction, collection, queue, halt."""

    status: Status
    code: Code
    text: str  # one line
    page: Page | None = None
    about: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", one_line(self.text))
        object.__setattr__(self, "about", one_line(self.about))

    def as_document(self) -> dict[str, str | None]:
        """For API and live page. `link`: a path."""
        link = self.page.path if self.page else None
        return {
            "status": str(self.status),
            "code": str(self.code),
            "about": self.about,
            "text": self.text,
            "link": link,
            "runbook": self.code.runbook,
        }


def clock(moment: datetime, ago_s: float) -> str:
    """With the day, if it is a day ago or longer."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if ago_s >= DAY else f"{moment:%H:%M:%S} UTC"


def counted(number: int, what: str) -> str:
    """`1 conflict`, `1,200 conflicts`."""
    return f"{number:,} {what}{'s' * (number != 1)}"
