"""Many conflicts at once: which, and bringing their losers back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q, QuerySet

from syncapp.mirror.waiting import waiting
from syncapp.models import Conflict
from syncapp.rules.switches import Actor
from syncapp.services.conflicts import BODIES, restore
from syncapp.services.errors import NotPossible, Overtaken

MOST = 1_000  # at once: each is a write of its own
LOOKUPS = {
    "collection": "collection",
    "documentId": "document_id__icontains",
    "winner": "winner",
    "oneWay": "one_way",
    "since": "at__gte",
    "until": "at__lte",
    "ids": "pk__in",
}


@dataclass(slots=True)
class Restored:
    """`refused`: ids, and why. `left`: that match too, and were not tried."""

    restored: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)
    left: int = 0


def chosen(query: dict[str, Any]) -> QuerySet[Conflict]:
    """Those that match all filters, newest first, without their documents."""
    found = Conflict.objects.defer(*BODIES)
    found = found.filter(**{LOOKUPS[name]: value for name, value in query.items() if name in LOOKUPS})
    if "device" in query:
        found = found.filter(Q(local_origin=query["device"]) | Q(atlas_origin=query["device"]))
    if "restored" in query:
        found = found.filter(restored_at__isnull=not query["restored"])
    if "waiting" in query:
        those = waiting().values("pk")
        found = found.filter(pk__in=those) if query["waiting"] else found.exclude(pk__in=those)
    return found


def restore_all(found: QuerySet[Conflict], user: Actor = None, most: int = MOST) -> Restored:
    """The losers of these conflicts, oldest first, so that of several of one document the newest stays; each is an ordinary
    new change. Those that were restored already, or have no loser, are left out. Raises Unreachable."""
    with_loser = found.filter(restored_at=None, winner__in=("local", "atlas"))
    ids: Sequence[int] = list(with_loser.order_by("at", "id").values_list("pk", flat=True))
    done = Restored(left=max(0, len(ids) - most))
    for pk in ids[:most]:
        conflict = Conflict.objects.filter(pk=pk).first()
        if conflict is None:
            continue  # removed meanwhile
        try:
            restore(conflict, user)
            done.restored += 1
        except (Overtaken, NotPossible) as error:
            done.refused.append((pk, error.detail))
    return done
