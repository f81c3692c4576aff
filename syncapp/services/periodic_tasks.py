"""Periodic tasks: the product's own, which stay, and others that send the same work at other times. API and admin call it; each change
is in the audit log. Beat reads them again by itself."""

from __future__ import annotations

from typing import Any

import redis
from celery import current_app
from django.db import transaction
from django.db.models import QuerySet
from django_celery_beat.models import PeriodicTask
from kombu.exceptions import OperationalError as BrokerError
from kombu.utils.json import loads

from syncapp.rules.switches import Actor, audit
from syncapp.services.access.free_names import unless_taken
from syncapp.services.away import what_is_away
from syncapp.services.errors import NotFound, NotPossible, Unreachable, wrong_value
from syncapp.services.schedules import KINDS, Schedule, kind_of, require_to_come

QUEUE = "maintenance"
LONGEST_NAME, LONGEST_DESCRIPTION, MOST_SECONDS = 200, 1_000, 2**31 - 1
# The product's own: name → the task that is sent
BUILT_IN = {
    "Compact acknowledged pushes": "syncapp.maintenance.fold_landed_pushes",
    "Copy remaining conflict records": "syncapp.maintenance.copy_left_conflicts",
    "Evaluate alerts": "syncapp.maintenance.evaluate_alerts",
    "Remove bases that no rule needs": "syncapp.maintenance.sweep_bases",
    "Retry rejected changes": "syncapp.maintenance.retry_rejected_changes",
    "Roll up and prune old metrics": "syncapp.maintenance.prune",
    "Verify a part of both sides each night": "syncapp.maintenance.verify_part",
}
TASKS = sorted(BUILT_IN.values())
# The names that the API gives them → those of the row
FIELDS = {
    "name": "name",
    "task": "task",
    "enabled": "enabled",
    "description": "description",
    "expireSeconds": "expire_seconds",
}

# What stays of the product's own: their description keeps what a variable said at the last start
FIXED = ("name", "task", "description")


def is_own(task: PeriodicTask) -> bool:
    """One of the product's own: it can be turned off, and not deleted; FIXED stays."""
    return task.name in BUILT_IN


def listed() -> QuerySet[PeriodicTask]:
    tasks = PeriodicTask.objects.select_related(*KINDS)
    return tasks.order_by("name")


def chosen(
    name: str = "", enabled: bool | None = None, built_in: bool | None = None
) -> QuerySet[PeriodicTask]:
    """`name`: a part of it."""
    found = listed().filter(name__icontains=name)
    if enabled is not None:
        found = found.filter(enabled=enabled)
    if built_in is None:
        return found
    return found.filter(name__in=BUILT_IN) if built_in else found.exclude(name__in=BUILT_IN)


def find(name: str) -> PeriodicTask:
    """`name`: the task's name, or its id. Raises NotFound."""
    by_id = name.isascii() and name.isdigit() and len(name) < 19
    found = listed().filter(pk=int(name)).first() if by_id else None
    if found is None and "\0" not in name:  # PostgreSQL knows no such text
        found = listed().filter(name=name).first()
    if found is None:
        raise NotFound(f"There is no periodic task {name!r}", "task")
    return found


def as_values(task: PeriodicTask) -> dict[str, Any]:
    """What can be changed, by the names of the API; the schedule for people."""
    values = {name: getattr(task, row) for name, row in FIELDS.items()}
    return {**values, "schedule": str(task.scheduler)}


@transaction.atomic
def add(when: Schedule, by: Actor = None, **wanted: Any) -> PeriodicTask:
    """`wanted`: `name`, `task` (one of TASKS), and any other of FIELDS. Raises WrongInput or Overtaken."""
    require_to_come(when)
    task = PeriodicTask(queue=QUEUE)
    _write(task, wanted, when)
    audit(by, "add periodic task", task.name, after=as_values(task))
    return task


@transaction.atomic
def change(which: str, by: Actor = None, when: Schedule | None = None, **wanted: Any) -> PeriodicTask:
    """`which`: as for `find`; `wanted`: those of FIELDS that shall change; `when`: None: it stays. Raises NotFound, WrongInput,
    Overtaken or NotPossible."""
    task = _locked(which)
    old = as_values(task)
    for fixed in FIXED:
        if is_own(task) and wanted.get(fixed, old[fixed]) != old[fixed]:
            raise NotPossible(f"{task.name} is built in: its {fixed} stays", fixed)
    if when is not None and str(when) == str(task.scheduler):
        when = None
    if when is not None or (wanted.get("enabled") and not task.enabled):
        require_to_come(when or task.scheduler)
    if when is not None or any(old[one] != value for one, value in wanted.items()):
        _write(task, wanted, when)
        new = as_values(task)
        before = {part: value for part, value in old.items() if value != new[part]}
        audit(by, "change periodic task", old["name"], before, {part: new[part] for part in before})
    return task


@transaction.atomic
def remove(name: str, by: Actor = None) -> None:
    """Raises NotFound or NotPossible."""
    task = _locked(name)
    if is_own(task):
        raise NotPossible(f"{task.name} is built in and cannot be deleted: turn it off instead")
    audit(by, "delete periodic task", task.name, as_values(task))
    task.delete()


def run(name: str, by: Actor = None) -> PeriodicTask:
    """Sent to the workers at once, also if it is turned off. Raises NotFound, NotPossible or Unreachable."""
    task = find(name)
    current_app.loader.import_default_modules()
    if task.task not in current_app.tasks:
        raise NotPossible(f"The workers know no task {task.task!r}", "task")
    _send(task)
    audit(by, "run periodic task", task.name)
    return task


def _send(task: PeriodicTask) -> None:
    more: dict[str, Any] = {"headers": {"periodic_task_name": task.name}, "expires": task.expire_seconds}
    args, kwargs = loads(task.args or "[]"), loads(task.kwargs or "{}")
    try:
        current_app.send_task(task.task, args, kwargs, queue=task.queue or QUEUE, retry=False, **more)
    except (redis.RedisError, BrokerError) as error:
        raise Unreachable(str(what_is_away(error))) from None


def _locked(name: str) -> PeriodicTask:
    """For a change: nobody else changes this task meanwhile."""
    PeriodicTask.objects.select_for_update().filter(pk=find(name).pk).first()
    return find(name)


def _write(task: PeriodicTask, wanted: dict[str, Any], when: Schedule | None) -> None:
    if wanted.get("task", task.task) not in (task.task, *TASKS):
        raise wrong_value("task", wanted["task"], ", ".join(TASKS))
    was = task.name
    for name, value in wanted.items():
        setattr(task, FIELDS[name], value)
    if task.expire_seconds is not None:
        task.expires = None  # beat takes one of them
    if when is not None:
        _give(task, when)
    with unless_taken(task, was):
        task.save()


def _give(task: PeriodicTask, when: Schedule) -> None:
    if when.pk is None:
        when.save()
    once = task.one_off and task.clocked is None
    task.solar = None
    kind = kind_of(when)
    for one in KINDS:
        setattr(task, one, when if one == kind else None)
    # Beat turns it off after the first time
    task.one_off, task.total_run_count = once or kind == "clocked", 0
