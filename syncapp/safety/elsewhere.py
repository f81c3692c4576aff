"""Deletes on Atlas of documents that are not on this device: its filter leaves them out, and they empty nothing here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from pymongo.database import Database

from syncapp.core.changes import Change, Found
from syncapp.core.rule.scope import Scope
from syncapp.core.values import DocumentKey, Operation
from syncapp.mongo.matching import matching
from syncapp.mongo.transaction import session_of


def deleted_elsewhere(local: Database[Any], scope: Scope, changes: Iterable[Found]) -> set[DocumentKey]:
    """`changes`: of Atlas. Asks the local database only about collections with a filter. Raises PyMongoError."""
    deleted: defaultdict[str, set[DocumentKey]] = defaultdict(set)
    for change in changes if scope.has_filters else ():
        if isinstance(change, Change) and change.fact and change.fact.operation is Operation.DELETE:
            deleted[change.key.collection].add(change.key)
    found: set[DocumentKey] = set()
    for name, keys in deleted.items():
        if scope.filters(name):
            with session_of(local) as session:
                found |= keys - matching(local, name, keys, {}, session)
    return found
