"""A map of dirty keys, handled as the listener does."""

from __future__ import annotations

import bson

from syncapp.core.content import document_key
from syncapp.core.values import DocumentKey, Ending, Fact, Side
from syncapp.listener.queue.key_map import KeyMap


def key(number: int, collection: str = "orders") -> DocumentKey:
    return document_key(collection, bson.encode({"_id": number}))


def fact(position: int) -> Fact:
    return Fact(position, position * 10, "somebody")


def fetch(dirty: KeyMap, side: Side, *keys: DocumentKey, position: int = 1) -> None:
    """A batch of events arrives."""
    dirty.watermarks[side].take_in(f"{side}{position}", continues=False, may_continue=False)
    for one in keys:
        dirty.mark(one, side, fact(position))
    dirty.passed(side, position)


def take(dirty: KeyMap, task: str = "t", limit: int = 10, now: float = 0.0) -> list[DocumentKey]:
    taken = dirty.take(task, limit, now)
    return [] if taken is None else [item.key for item in taken.items]


def done(dirty: KeyMap, *keys: DocumentKey, task: str = "t", ending: Ending = Ending.DONE) -> None:
    dirty.finish(task, [(one, ending, None) for one in keys])
