"""Indexes, validators and options of collections, as people compare and copy them. Commands, API and admin call it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from pymongo.database import Database

from syncapp.compare.copy_definitions import Copy, Outcome
from syncapp.compare.definitions import DefinitionDifference, compare_definitions, definitions_of
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.values import BOTH, Side
from syncapp.models import ExcludedCollection
from syncapp.rules.switches import Actor, audit
from syncapp.services.databases import SOCKET_TIMEOUT_MS, database
from syncapp.services.errors import wrong_value

PROCESS = "definitions"
BUILD_TIMEOUT_MS = 7 * 86_400_000  # an index of a large collection takes hours
NOT_CREATED = "not copied: the collection could not be created with its options"
COLLECTIONS = "the name of a collection that either side has"


def compare(collections: Collection[str] = ()) -> list[DefinitionDifference]:
    """Of these collections; none: of all. Raises WrongInput or Unreachable."""
    with _both(SOCKET_TIMEOUT_MS) as databases:
        return _compare(databases, collections)


def copy(
    collections: Collection[str] = (),
    *,
    expiring: bool = False,
    prefer: Side | None = None,
    say: Callable[[str], None] = lambda line: None,
    user: Actor = None,
) -> list[Outcome]:
    """Copies what one side lacks, and says of each difference what became of it. `expiring`: TTL indexes too. `prefer`: whose
    validator wins where both have one. `say`: gets a line before something that may take long. Raises WrongInput or
    Unreachable."""
    with _both(BUILD_TIMEOUT_MS) as databases:
        copying = Copy(databases, expiring, prefer, say)
        outcomes: list[Outcome] = []
        without: set[str] = (
            set()
        )  # collections that could not be created: an index would create them without options
        for one in _compare(databases, collections):
            if one.collection in without:
                outcomes.append(Outcome(one, False, NOT_CREATED))
                continue
            outcome = copying.mend(one)
            outcomes.append(outcome)
            if outcome.done:
                audit(user, "copy definition", f"{one.text}: {outcome.text}")
            elif one.absent:
                without.add(one.collection)
        return outcomes


@contextmanager
def _both(timeout_ms: int) -> Iterator[dict[Side, Database[Any]]]:
    with (
        database(Side.LOCAL, PROCESS, timeout_ms) as local,
        database(Side.ATLAS, PROCESS, timeout_ms) as atlas,
    ):
        yield {Side.LOCAL: local, Side.ATLAS: atlas}


def _compare(databases: dict[Side, Database[Any]], wanted: Collection[str]) -> list[DefinitionDifference]:
    found = {side: definitions_of(databases[side], wanted) for side in BOTH}
    unknown = sorted(set(wanted) - {*found[Side.LOCAL], *found[Side.ATLAS]})
    if unknown:
        raise wrong_value("collection", unknown[0], COLLECTIONS)
    excluded = Exclusions.of(ExcludedCollection.objects.values_list("pattern", flat=True))
    there = {
        name: one
        for name, one in found[Side.ATLAS].items()
        # What is not pulled need not be here
        if name in found[Side.LOCAL] or not excluded.excludes(name)
    }
    return compare_definitions(found[Side.LOCAL], there)
