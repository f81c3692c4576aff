"""What a comparison run that has ended found of each collection, in Django's database: the newest result of each is kept."""

from __future__ import annotations

from syncapp.models import ComparedCollection
from syncapp.store.results import Result, results_of
from syncapp.store.run import MARKING, Run, State

LONGEST_NAME = 255
_FOUND = ["differing", "documents", "compared_at", "run_id"]


def keep_results(device: str, run: Run) -> None:
    """Raises DatabaseError."""
    # The database that this one was before (an uninstall, a copy that became a device) has no more comparisons
    ComparedCollection.objects.exclude(instance_id=device).delete()
    results = [one for one in results_of(run) if len(one.collection) <= LONGEST_NAME]
    whole = [one for one in results if one.over]
    _write(device, run, [one for one in whole if one.in_sync_as_of], [*_FOUND, "as_of"])
    # One that differs now keeps the time at which it did not
    _write(device, run, [one for one in whole if not one.in_sync_as_of], _FOUND)
    for one in results:
        if not one.over and _left(run, one):  # a part of it: what was found elsewhere may still differ
            rows = ComparedCollection.objects.filter(instance_id=device, collection=one.collection)
            if not rows.filter(differing__gte=_left(run, one)).exists():
                _write(device, run, [one], _FOUND)
    if run.state is State.DONE and not run.collections and run.names is not None:
        gone = set(_names(device)) - set(run.names)
        ComparedCollection.objects.filter(instance_id=device, collection__in=gone).delete()


def _names(device: str) -> list[str]:
    return list(ComparedCollection.objects.filter(instance_id=device).values_list("collection", flat=True))


def _write(device: str, run: Run, results: list[Result], fields: list[str]) -> None:
    rows = [
        ComparedCollection(
            instance_id=device,
            collection=one.collection,
            as_of=one.in_sync_as_of,
            differing=_left(run, one),
            documents=one.counts["documents"],
            compared_at=run.ended_at or run.updated_at,
            run_id=run.id,
        )
        for one in results
    ]
    ComparedCollection.objects.bulk_create(
        rows,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["instance_id", "collection"],
        update_fields=fields,
    )


def _left(run: Run, one: Result) -> int:
    """What the run has sent to the listener is in the hands of live sync."""
    return 0 if run.kind in MARKING else one.different
