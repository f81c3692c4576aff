"""A request that carries an Idempotency-Key is carried out once in 24 hours: repeated, it is answered as it was the first time.

For what starts something: a client whose connection broke asks again, and nothing is started twice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from syncapp.models import IdempotencyKey
from syncapp.services.errors import KeyReused, Overtaken

KEEP = dt.timedelta(hours=24)
REUSED = "Idempotency-Key was sent before, with another request: a new request takes a new key"
UNFINISHED = (
    "A request with this Idempotency-Key is still being carried out, or was interrupted: look at what it was to start, and "
    "send it with a new key if it is not there"
)


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    body: Any  # as JSON has it


def once(user: Any, key: str, request: str, act: Callable[[], Answered]) -> tuple[Answered, bool]:
    """What `act` answers, and whether it did so in an earlier request. `request`: a hash of what is asked. What `act` raises is
    not kept: nothing was started. Raises KeyReused or Overtaken."""
    IdempotencyKey.objects.filter(user=user, key=key, created_at__lt=timezone.now() - KEEP).delete()
    row, made = IdempotencyKey.objects.get_or_create(
        user=user, key=key, defaults={"request": request, "created_at": timezone.now()}
    )
    if made:
        return _first(row, act), False
    if row.request != request:
        raise KeyReused(REUSED, "Idempotency-Key")
    if row.status is None:
        raise Overtaken(UNFINISHED, "Idempotency-Key")
    return Answered(row.status, row.body), True


def _first(row: IdempotencyKey, act: Callable[[], Answered]) -> Answered:
    try:
        answered = act()
    except Exception:
        row.delete()
        raise
    row.status, row.body = answered.status, answered.body
    row.save(update_fields=["status", "body"])
    return answered


def forget_old() -> int:
    """Raises DatabaseError."""
    return IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEEP).delete()[0]
