"""Exclusions that match no collection: a typing error would let in what should stay out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.db import DatabaseError

from syncapp.conf.settings import SETTINGS
from syncapp.core.exclusions import Exclusions, is_reserved
from syncapp.doctor.values import Finding, Level, Setup
from syncapp.mongo.listing import list_collections

DEFAULTS = frozenset(
    next(s.default for s in SETTINGS if s.name == "BIDIRECTIONAL_EXCLUDED_COLLECTIONS").split(",")
)


def judge(patterns: Iterable[str], names: Iterable[str]) -> Iterator[Finding]:
    """The default's patterns need not match: they are there in case."""
    known, fine, count = list(names), True, 0
    for pattern in sorted(patterns):
        count += 1
        one = Exclusions.of([pattern])
        if pattern not in DEFAULTS and not is_reserved(pattern) and not any(map(one.excludes, known)):
            fine = False
            yield Finding(
                Level.WARNING,
                f"The exclusion {pattern!r} matches no collection of either side",
                "Correct its spelling, or take it out, unless the collection is still to come",
            )
    if fine:
        yield Finding(Level.OK, f"Exclusions are in order ({count})")


def look(setup: Setup) -> Iterator[Finding]:
    from syncapp.models import ExcludedCollection, SyncSwitches

    patterns: Iterable[str] = setup.settings.bidirectional_excluded_collections
    try:
        if SyncSwitches.objects.exists():  # else nothing was started yet: the environment's will be taken
            patterns = list(ExcludedCollection.objects.values_list("pattern", flat=True))
    except DatabaseError:
        pass  # the check of Django's database says so
    names = {info["name"] for database in setup.databases.values() for info in list_collections(database)}
    yield from judge(patterns, names)
