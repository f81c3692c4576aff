"""Handles a document that its target refuses, so that the rest of its batch can be written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pymongo.database import Database

from syncapp.core.values import DocumentKey, Ending, Outcome, Side
from syncapp.engine.collisions import Collision
from syncapp.engine.plan import Plan
from syncapp.engine.probe import find_refused
from syncapp.engine.work import Work
from syncapp.mongo.documents import DocumentWrite
from syncapp.mongo.errors import DocumentRefused

PROBE_AFTER = 4  # documents refused one by one: from then on the others are probed beforehand
Writes = Mapping[DocumentKey, DocumentWrite]


def take_out(
    databases: Mapping[Side, Database[Any]],
    work: Work,
    plan: Plan,
    error: DocumentRefused,
    target: Side,
    writes: Sequence[DocumentWrite],
    tried: Callable[[], None],
) -> None:
    """`writes`: all writes, of which the target refused this one; `tried`: see `find_refused`. Afterwards it has an outcome, is
    processed again in the next round, or will be written together with others. Raises PyMongoError."""
    by_key = {write.key: write for write in writes}
    if error.is_taken and _untangled(databases, work, plan, error, target, by_key):
        return
    _reject(work, error, target, by_key)
    work.refusals += 1
    if work.refusals == PROBE_AFTER:
        left = work.left().keys() - work.exchanged
        rest = [write for write in writes if write.key in left]
        for one in find_refused(databases[target][error.key.collection], rest, tried):
            if not one.is_taken:  # the holder of its value may be about to change
                _reject(work, one, target, by_key)


def _untangled(
    databases: Mapping[Side, Database[Any]],
    work: Work,
    plan: Plan,
    error: DocumentRefused,
    target: Side,
    by_key: Writes,
) -> bool:
    """Is its outcome known now? The holders are queried once per round."""
    key = error.key
    if target not in work.untangled:
        work.untangled.add(target)
        together = key in work.exchanged
        Collision(databases, key.collection, work, plan, target, by_key).settle()
        if key in work.outcomes or key in work.postponed or (key in work.exchanged and not together):
            return True
    return work.look_once_more(key, by_key)


def _reject(work: Work, error: DocumentRefused, target: Side, by_key: Writes) -> None:
    work.outcomes[error.key] = Outcome(
        error.key, Ending.REJECTED, transfer=target, reason=error.reason, code=error.code,
        document=by_key[error.key].after,
    )  # fmt: skip
