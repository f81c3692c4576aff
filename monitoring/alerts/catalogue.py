"""The default rule for each code of health: for how long it must last, how bad that is, what it means and what to do.
docs/runbooks.md says the latter at length."""

from __future__ import annotations

from dataclasses import dataclass

from monitoring.health.limits import DEFAULT
from monitoring.health.values import HOUR, MINUTE, Code
from syncapp.models import Alert

WARNING, CRITICAL = Alert.Severity.WARNING, Alert.Severity.CRITICAL


@dataclass(frozen=True)
class Bounds:
    """Fields of `Thresholds` that an operator may change. `per_unit`: what a unit is there. `falling`: less is worse."""

    unit: str
    warning: str
    critical: str = ""
    per_unit: float = 1
    lowest: float = 0
    falling: bool = False

    def worse(self, one: float, other: float) -> float:
        return min(one, other) if self.falling else max(one, other)

    def said(self, threshold: float | None, critical: float | None) -> list[str]:
        first, second = ("below", "critical below") if self.falling else ("from", "critical above")
        parts = [f"{first} {threshold:.10g}"] if threshold is not None else []
        return parts + ([f"{second} {critical:.10g}"] if critical is not None else [])

    @property
    def defaults(self) -> tuple[float, float | None]:
        critical = getattr(DEFAULT, self.critical) / self.per_unit if self.critical else None
        return getattr(DEFAULT, self.warning) / self.per_unit, critical


@dataclass(frozen=True)
class Default:
    """`severity`: None: that of the reason. `waits_in`: the field of `Thresholds` that holds `for_s`, where health itself
    waits for so long. `settles_s`: how long it must be right before it is over, where a figure may go up and down around its bound."""

    code: Code
    for_s: float
    severity: Alert.Severity | None
    means: str
    todo: str
    bounds: Bounds | None = None
    waits_in: str = ""
    settles_s: float = 0.0


# fmt: off
DEFAULTS = {one.code: one for one in (
    Default(Code.NOT_STARTED, HOUR, WARNING, "Nothing is transferred yet", "Choose what to keep (manage.py sync_initial), answer a halt, or wait for the comparison"),
    Default(Code.NEVER_REPORTED, MINUTE, CRITICAL, "No listener has ever worked with this database: nothing is transferred", "Start the listener: make run, or the service listener"),
    Default(Code.SILENT, MINUTE, CRITICAL, "The listener does not report: nothing is transferred", "Start the listener again; it goes on where it was", Bounds("s", "silent_warning_s", "silent_critical_s", lowest=5)),
    Default(Code.CANNOT_START, MINUTE, CRITICAL, "The listener runs and cannot begin: a server, a login or a privilege is missing", "Run manage.py sync_doctor and fix what it names"),
    Default(Code.PAUSED, HOUR, WARNING, "An operator has paused sync: changes wait on both sides", "Resume it before the oplogs have rolled over"),
    Default(Code.BROKER, MINUTE, CRITICAL, "The broker does not answer: no work is handed out", "Start Redis or RabbitMQ; check CELERY_BROKER_URL"),
    Default(Code.WORKERS, MINUTE, CRITICAL, "No worker takes tasks: changes wait", "Start the worker, with all three queues"),
    Default(Code.STREAM, 5 * MINUTE, CRITICAL, "A change stream is not connected: changes of that side wait", "Check network, server and login of that side; it reconnects by itself"),
    Default(Code.PENDING, 10 * MINUTE, CRITICAL, "Changes have been waiting for long", "See whether the backlog falls; otherwise check workers and rejected changes", Bounds("operations", "pending"), waits_in="pending_s", settles_s=5 * MINUTE),
    Default(Code.CONFLICTS, 0, None, "Many documents were changed on both sides", "Look at the list of conflicts; let one side write such documents, or use another strategy", Bounds("conflicts an hour", "conflicts_warning", "conflicts_critical"), settles_s=5 * MINUTE),
    Default(Code.RESOLVER, 0, WARNING, "An operator's function that resolves conflicts fails: the general strategy decides instead", "Fix the function; restore what should have won from the list of conflicts"),
    Default(Code.SLOW, 10 * MINUTE, None, "Changes take long to process", "Check processor, disk and the round trip to Atlas", Bounds("ms", "average_warning_ms", "average_critical_ms"), settles_s=5 * MINUTE),
    Default(Code.REJECTED, 0, None, "The target refuses many changes", "Run manage.py sync_rejected, and fix the documents, the validator or the index", Bounds("%", "error_share_warning", "error_share_critical", per_unit=0.01), settles_s=5 * MINUTE),
    Default(Code.LAG, 5 * MINUTE, WARNING, "Changes arrive late", "Wait after a burst; otherwise look at the other alerts", Bounds("s", "lag_warning_ms", per_unit=1000), settles_s=5 * MINUTE),
    Default(Code.FAILING, 10 * MINUTE, CRITICAL, "Changes fail and are retried", "Fix the error that the message names; nothing has to be retried by hand"),
    Default(Code.STILL, 10 * MINUTE, CRITICAL, "Changes do not get through, and nothing says that they fail", "Restart the worker, then the listener"),
    Default(Code.HALTED, 0, CRITICAL, "Something happened that needs an operator's decision: transfers are paused", "Answer the halt: manage.py sync_halts, or the page Halts"),
    Default(Code.ANSWERED, HOUR, WARNING, "The answer to a halt has been carried out for long", "Look at the comparison runs"),
    Default(Code.LOOP, 0, CRITICAL, "A document was transferred in a loop", "Stop the other program that copies between both sides"),
    Default(Code.CLOCK, 5 * MINUTE, WARNING, "A clock is off or has jumped: conflicts may be decided wrongly", "Switch NTP on for both servers"),
    Default(Code.FAILED_RUN, 0, WARNING, "The last comparison of both sides failed", "Fix the error, and run manage.py sync_verify"),
    Default(Code.LEFT_OUT, 0, WARNING, "The last comparison left documents out", "Give the workers more memory, then run manage.py sync_verify"),
    Default(Code.RUN_PAUSED, HOUR, WARNING, "An operator has paused a comparison of both sides", "Resume or cancel it: manage.py sync_runs, or its page"),
    Default(Code.DIFFERENCES, 0, None, "A comparison found documents that differ", "See why on the page Compared collections; then run manage.py sync_verify --repair", Bounds("documents", "differing_warning", "differing_critical")),
    Default(Code.BEAT, 30, CRITICAL, "Periodic tasks are not carried out", "Start beat, and a worker for the queue maintenance", Bounds("s", "beat_silent_s", lowest=15)),
    Default(Code.HEADROOM, 10 * MINUTE, None, "An oplog is written so fast that a device which is away for so long loses its history: it has to compare everything then", "Make the oplog larger: manage.py sync_doctor says the command", Bounds("h", "headroom_warning_s", "headroom_critical_s", per_unit=HOUR, falling=True), settles_s=30 * MINUTE),
    Default(Code.UNSEEN, 0, WARNING, "Another device has not reported to Atlas for long", "Look whether it is switched on and reaches Atlas; manage.py sync_devices retire forgets one that is gone", Bounds("min", "device_unseen_s", per_unit=MINUTE, lowest=2)),
)}
# fmt: on
