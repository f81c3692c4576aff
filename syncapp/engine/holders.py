"""The documents whose values of unique indexes one document needs where it is to be written, found as a task finds them
(unique_values.py). Nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pymongo.database import Database

from syncapp.core.values import DocumentKey, Side
from syncapp.engine.rehearsal import Rehearsed
from syncapp.engine.unique_values import Tangle, Untangling

MOST = 20  # documents of a chain
MOST_BYTES = 16 * 1024 * 1024


class Holder(NamedTuple):
    """`side`: where it holds the value. `for_key`: who needs it. `gives_up`: by a change of its own, which is not there yet."""

    side: Side
    key: DocumentKey
    for_key: DocumentKey
    unique_index: str
    gives_up: bool


def holders_of(
    databases: Mapping[Side, Database[Any]], key: DocumentKey, rehearsed: Rehearsed
) -> tuple[Holder, ...]:
    """First those that it needs itself, then those that they need, and so on. None if it is not known what is written. Raises
    PyMongoError."""
    found: list[Holder] = []
    effects = set(rehearsed.effects)
    if len({(one.pull, one.push) for one in effects}) != 1:
        return ()
    effect = next(iter(effects))
    for side, write in ((Side.LOCAL, effect.pull), (Side.ATLAS, effect.push)):
        if write is not None and write.after is not None:
            target, source = databases[side], databases[side.other]
            untangling = Untangling(target, source, key.collection, {key: write.after}, ())
            found += _chain(side, key, untangling.follow(MOST, MOST_BYTES))
    return tuple(found)


def _chain(side: Side, key: DocumentKey, tangle: Tangle) -> list[Holder]:
    found: list[Holder] = []
    next_ones, met = [key], {key}
    while next_ones and len(found) < MOST:
        writer = next_ones.pop(0)
        for holder, gives_up in tangle.waits.get(writer, {}).items():
            index, _ = tangle.claims[writer, holder]
            found.append(Holder(side, holder, writer, index.name, gives_up))
            if gives_up and holder not in met:
                met.add(holder)
                next_ones.append(holder)
    return found
