"""Django's records about documents, and their end after a batch."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db import connection

from syncapp.core.values import Ending, Outcome
from syncapp.mirror.rejected import clear_rejections
from syncapp.mirror.waiting import keep_in_step, waiting
from syncapp.models import RejectedChange


def end_kept(device: str, outcomes: list[Outcome]) -> None:
    """End the rows of accepted rejected changes and of resolved open conflicts. Raises DatabaseError."""
    if _anything_kept(device) or any(one.open_conflict for one in outcomes):
        clear_rejections(device, [one for one in outcomes if one.ending is Ending.DONE])
        keep_in_step(device, outcomes)


def _anything_kept(device: str) -> bool:
    """Asked for every batch; usually there is nothing."""
    with connection.cursor() as cursor:
        cursor.execute(*_question(device))
        return cursor.fetchone() is not None


@cache
def _question(device: str) -> tuple[str, tuple[Any, ...]]:
    """One query, built once: building takes the ORM longer than the database takes to answer."""
    rejected = RejectedChange.objects.filter(instance_id=device).order_by().values_list("pk")
    open_ones = waiting().filter(instance_id=device).order_by().values_list("pk")
    sql, parameters = rejected.union(open_ones, all=True)[:1].query.sql_with_params()
    return sql, tuple(parameters)
