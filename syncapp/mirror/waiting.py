"""Keeps conflicts that need manual resolution up to date with their documents.

At most one is open per document: a newer one, with other contents, replaces the older one; and
any other decision about the document closes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.db.models import Q, QuerySet
from django.utils import timezone

from syncapp.core.content import key_hash
from syncapp.core.values import Ending, Outcome
from syncapp.models import Conflict

DECIDED = (Ending.DONE, Ending.OWED)
KEYS_A_QUERY = 100
FIRST, LAST = "0" * 32, "f" * 32


def waiting() -> QuerySet[Conflict]:
    """The open ones."""
    return Conflict.objects.filter(
        record_id__range=(f"open:{FIRST}:{FIRST}", f"open:{LAST}:{LAST}"),
        winner=Conflict.Winner.OPEN,
        resolved_at=None,
    )


def keep_in_step(device: str, outcomes: Iterable[Outcome]) -> None:
    """After a batch. Cheap without open conflicts. Raises DatabaseError."""
    decided = [one for one in outcomes if one.ending in DECIDED]
    again = [one.open_conflict for one in decided if one.open_conflict]
    for start in range(0, len(again), KEYS_A_QUERY):
        # The same two contents are in conflict again, after other ones were
        Conflict.objects.filter(record_id__in=again[start : start + KEYS_A_QUERY]).exclude(
            resolved_at=None
        ).update(resolved_at=None, winner=Conflict.Winner.OPEN)
    mine = waiting().filter(instance_id=device)
    if mine.exists():
        for rows in _of_other_contents(mine, decided):
            rows.update(resolved_at=timezone.now())


def _of_other_contents(mine: QuerySet[Conflict], decided: list[Outcome]) -> Iterator[QuerySet[Conflict]]:
    for start in range(0, len(decided), KEYS_A_QUERY):
        outcomes = decided[start : start + KEYS_A_QUERY]
        of_keys = Q()
        for one in outcomes:
            prefix = f"open:{key_hash(one.key).hex()}"
            of_keys |= Q(record_id__range=(f"{prefix}:{FIRST}", f"{prefix}:{LAST}"))
        yield mine.filter(of_keys).exclude(record_id__in=[one.open_conflict for one in outcomes])
