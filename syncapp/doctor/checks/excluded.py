"""Exclusions that match no collection: after a typo the collection would be synchronised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.db import DatabaseError

from syncapp.conf.settings import SETTINGS
from syncapp.core.rule.exclusions import Exclusions, is_reserved
from syncapp.core.values import BOTH
from syncapp.doctor.values import Check, Finding, Level, Setup
from syncapp.mongo.listing import list_collections

DEFAULTS = frozenset(
    next(s.default for s in SETTINGS if s.name == "BIDIRECTIONAL_EXCLUDED_COLLECTIONS").split(",")
)


def judge(patterns: Iterable[str], names: Iterable[str]) -> Iterator[Finding]:
    """The default patterns need not match."""
    known, fine, count = list(names), True, 0
    for pattern in sorted(patterns):
        count += 1
        one = Exclusions.of([pattern])
        if pattern not in DEFAULTS and not is_reserved(pattern) and not any(map(one.excludes, known)):
            fine = False
            yield Finding(
                Level.WARNING,
                f"The exclusion {pattern!r} matches no collection of either side",
                "Check its spelling or remove it, unless the collection will be created later",
            )
    if fine:
        yield Finding(Level.OK, f"Exclusions are valid ({count})")


def look(setup: Setup) -> Iterator[Finding]:
    from syncapp.models import ExcludedCollection, SyncSwitches

    patterns: Iterable[str] = setup.settings.bidirectional_excluded_collections
    try:
        if (
            SyncSwitches.objects.exists()
        ):  # otherwise nothing was started yet: the environment's value will be used
            patterns = list(ExcludedCollection.objects.values_list("pattern", flat=True))
    except DatabaseError:
        pass  # reported by the check of Django's database
    names = {info["name"] for database in setup.databases.values() for info in list_collections(database)}
    yield from judge(patterns, names)


CHECKS = (Check("exclusions", look, BOTH, place=17),)
