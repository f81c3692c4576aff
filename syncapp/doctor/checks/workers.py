"""Are there workers for every queue? They are pinged through the broker, by Celery."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import redis
from amqp.exceptions import AMQPError
from celery import current_app
from kombu.exceptions import KombuError

from syncapp.apply.queues import MAINTENANCE_QUEUE, QUEUES
from syncapp.conf.broker import broker_of
from syncapp.doctor.checks.broker import celery_connection
from syncapp.doctor.values import Check, Finding, Level, Setup

SECONDS = 2
ALL_QUEUES = (*QUEUES.values(), MAINTENANCE_QUEUE)
COMMAND = f"celery -A syncproject worker -Q {','.join(ALL_QUEUES)}"


def judge(queues: Mapping[str, set[str]], listener_runs: bool) -> Iterator[Finding]:
    """`queues`: of each worker that answered."""
    level = Level.FAILED if listener_runs else Level.NOTE
    if not queues:
        yield Finding(level, "No worker answers: nothing is transferred", f"Start one: {COMMAND}")
        return
    served = set().union(*queues.values())
    missing = [name for name in ALL_QUEUES if name not in served]
    if missing:
        yield Finding(level, f"No worker serves the queue {', '.join(missing)}", f"Start one: {COMMAND}")
    else:
        count = len(queues)
        yield Finding(Level.OK, f"{count} worker{'s' if count > 1 else ''} answer{'' if count > 1 else 's'}")


def look(setup: Setup) -> Iterator[Finding]:
    if not setup.settings.celery_broker_url:
        return
    try:
        with celery_connection(broker_of(setup.settings.celery_broker_url)) as connection:
            connection.ensure_connection(max_retries=0, timeout=SECONDS)
            asked = current_app.control.inspect(timeout=SECONDS, connection=connection)
            answers: Mapping[str, Any] = asked.active_queues() or {}
    except (redis.RedisError, AMQPError, KombuError, OSError):
        return  # reported by the check of the broker
    queues = {worker: {queue["name"] for queue in found} for worker, found in answers.items()}
    yield from judge(queues, _listener_runs())


def _listener_runs() -> bool:
    """Without a running listener, missing workers are expected."""
    from django.db import DatabaseError
    from django.utils import timezone

    from syncapp.models import Instance

    try:
        newest = Instance.objects.exclude(seen_at=None).order_by("-seen_at").first()
    except DatabaseError:
        return True
    return newest is not None and (timezone.now() - newest.seen_at).total_seconds() < 60  # type: ignore[operator]


CHECKS = (Check("workers", look, place=3),)
