"""Tasks whose worker's process ended: their keys come in smaller batches, until one is alone; what counts against it."""

from __future__ import annotations

import bson
import pytest

from syncapp.core.content import document_key
from syncapp.core.values import DocumentKey, Ending, Side, WorkItem
from syncapp.listener.intervals import USUAL
from syncapp.listener.queue.key_map import KeyMap

A = Side.ATLAS


def key(number: int, collection: str = "orders") -> DocumentKey:
    return document_key(collection, bson.encode({"_id": number}))


class Map(KeyMap):
    """With a clock that is always late enough."""

    now = 0.0

    def change(self, *keys: DocumentKey) -> None:
        self.watermarks[A].take_in({}, continues=False, may_continue=False)
        for one in keys:
            self.mark(one, A)

    def hand_out(self, limit: int = 100) -> list[WorkItem]:
        self.now += USUAL.retry_longest
        self.due(self.now)
        found = self.take("t", limit, self.now)
        return found.items if found else []

    def end(self, items: list[WorkItem], ending: Ending) -> None:
        self.finish("t", [(item.key, ending, None) for item in items], self.now)


def losses(dirty: Map, *, reported: bool) -> int:
    """What key 1 comes with next, after the process that worked on it was lost."""
    items = dirty.hand_out()
    assert [item.key for item in items] == [key(1)]
    if reported:
        dirty.end(items, Ending.LOST)
    else:
        dirty.give_up(["t"], taken=["t"])
    work = dirty._dirty[key(1)]
    return work.lost.alone if work.lost else 0


def test_they_are_cut_until_the_guilty_one_is_alone_and_only_then_it_counts() -> None:
    dirty = Map(USUAL)
    dirty.change(*(key(n) for n in range(100)))
    sizes: list[int] = []
    while sizes[-1:] != [1]:
        items = dirty.hand_out()
        guilty = [item for item in items if item.key == key(1)]
        if guilty:
            sizes.append(len(items))
            assert guilty[0].losses == 0
        dirty.end(items, Ending.LOST if guilty else Ending.DONE)
    assert sizes == [100, 12, 1]
    while len(items := dirty.hand_out()) > 1 or items[0].key != key(1):
        dirty.end(items, Ending.DONE)
    assert (items[0].losses, dirty.size) == (1, 1)


@pytest.mark.parametrize("reported", [True, False])
def test_a_key_alone_counts_each_time_that_others_went_through(reported: bool) -> None:
    dirty = Map(USUAL)
    dirty.change(key(1))
    assert losses(dirty, reported=reported) == 1
    assert losses(dirty, reported=reported) == 1, "the worker ends whatever it works on"
    dirty.went_through += 1
    assert losses(dirty, reported=reported) == 2


def test_a_worker_that_answers_shows_that_only_some_of_its_processes_end() -> None:
    dirty = Map(USUAL)
    dirty.change(key(1))
    losses(dirty, reported=True)
    dirty.answered += 1
    assert losses(dirty, reported=False) == 1, "the whole worker may have been killed"
    assert losses(dirty, reported=True) == 2


def test_what_no_worker_had_begun_is_no_loss() -> None:
    dirty = Map(USUAL)
    dirty.change(key(1), key(2))
    dirty.hand_out()
    dirty.give_up(["t"])
    assert [item.losses for item in dirty.hand_out()] == [0, 0]
    dirty.give_up(["t"])
    assert all(work.lost is None for work in dirty._dirty.values())
