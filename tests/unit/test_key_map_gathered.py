"""Keys that must go out together, and what waits for the judgement of a drop."""

from __future__ import annotations

import pytest

from syncapp.core.changes import Structural
from syncapp.core.values import DocumentKey, Ending, Seen, Side
from syncapp.listener.intervals import USUAL
from syncapp.listener.queue.key_map import KeyMap
from tests.support.key_maps import done, fact, fetch, key, take

L, A = Side.LOCAL, Side.ATLAS
HASH = bytes(16)


@pytest.fixture
def dirty() -> KeyMap:
    return KeyMap(USUAL)


def gather(dirty: KeyMap, *keys: DocumentKey, task: str) -> None:
    done(dirty, *keys, task=task, ending=Ending.GATHER)


def is_gathered(dirty: KeyMap, task_id: str) -> bool:
    task = dirty.tasks.get(task_id)
    assert task is not None
    return task.gathered


def test_what_must_come_together_waits_for_what_is_out_and_goes_out_as_one(dirty: KeyMap) -> None:
    keys = [key(number) for number in range(6)]
    fetch(dirty, L, *keys, key(1, "others"))
    assert take(dirty, "1", limit=2) == keys[:2]
    assert take(dirty, "2", limit=1) == [key(1, "others")]
    assert take(dirty, "3", limit=2) == keys[2:4]
    gather(dirty, *keys[:2], task="1")
    assert dirty.fullest() == 0, "of this collection nothing goes out while something is"
    assert take(dirty, "4", limit=2) == []
    fetch(dirty, L, key(2, "others"), position=2)
    assert take(dirty, "5", limit=2) == [key(2, "others")], "others go on"
    gather(dirty, keys[2], task="3")
    done(dirty, keys[3], task="3")
    assert take(dirty, "6", limit=2) == [*keys[4:], *keys[:3]]
    assert is_gathered(dirty, "6")
    fetch(dirty, L, key(7), position=3)
    assert take(dirty, "7", limit=2) == [], "one batch at a time"
    done(dirty, *keys[:3], *keys[4:], task="6")
    assert take(dirty, "7", limit=2) == [key(7)]
    assert not is_gathered(dirty, "7")


def test_what_was_gathered_in_vain_counts_its_attempts(dirty: KeyMap) -> None:
    fetch(dirty, L, key(1), key(2))
    take(dirty, "1", limit=1)
    gather(dirty, key(1), task="1")
    for attempt in range(3):
        taken = dirty.take("t", 1, 0.0)
        assert taken is not None
        assert {item.key: item.attempts for item in taken.items} == {key(1): attempt, key(2): attempt}
        gather(dirty, key(1), key(2), task="t")


def test_both_sides_keys_come_together_whatever_their_attempts(dirty: KeyMap) -> None:
    fetch(dirty, L, key(1), key(2))
    fetch(dirty, A, key(3), key(4), position=2)
    assert take(dirty, "1", limit=1) == [key(1)]
    done(dirty, key(1), task="1", ending=Ending.RETRY)
    assert take(dirty, "2", limit=1) == [key(3)]
    gather(dirty, key(3), task="2")
    assert set(take(dirty, "3", limit=1)) == {key(number) for number in range(1, 5)}
    assert is_gathered(dirty, "3")


def test_whom_nobody_asked_for_comes_with_those_that_wait_for_it_when_the_streams_are_far_enough(
    dirty: KeyMap,
) -> None:
    fetch(dirty, L, key(1), key(2))
    assert take(dirty, "1", limit=1) == [key(1)]
    seen = Seen(dict.fromkeys((L, A), HASH), {L: 5, A: 7}, 1)
    dirty.finish("1", [(key(1), Ending.GATHER, seen)], partners={key(2): seen, key(3): seen})
    assert take(dirty, "2") == [key(2)], "it was to go out by itself, and was not held up"
    assert not is_gathered(dirty, "2")
    dirty.passed(L, 5)
    fetch(dirty, A, key(3), position=7)
    taken = dirty.take("3", 1, 0.0)
    assert taken is None, "a task of the collection is out"
    done(dirty, key(2), task="2")
    taken = dirty.take("3", 1, 0.0)
    assert taken is not None
    assert {item.key: item.facts for item in taken.items} == {key(1): {L: fact(1)}, key(3): {A: fact(7)}}
    done(dirty, key(1), key(3), task="3")
    assert dirty.size == 0
    assert [dirty.watermarks[side].advance() for side in (L, A)] == ["local1", "atlas7"]


def test_a_gathered_task_that_is_lost_comes_in_ordinary_batches(dirty: KeyMap) -> None:
    fetch(dirty, L, key(1), key(2))
    take(dirty, "1", limit=1)
    gather(dirty, key(1), task="1")
    assert len(take(dirty, "2", limit=1)) == 2
    dirty.give_up(["2"])
    assert len(take(dirty, "3", limit=1)) == 1, "an ordinary batch finds out by itself"


def test_nothing_of_a_dropped_collection_goes_out_until_it_was_judged(dirty: KeyMap) -> None:
    fetch(dirty, L, key(1), key(2, "menu"), position=1)
    assert take(dirty, "first") == [key(1)]
    dirty.watermarks[L].take_in("L2", continues=False, may_continue=False)
    dirty.change_structure(L, Structural("drop", "orders", fact=fact(2)))
    assert dirty.structural_due() is None, "a task may still write"
    assert take(dirty, "second") == [key(2, "menu")]
    assert dirty.fullest() == 0
    done(dirty, key(1), task="first")
    done(dirty, key(2, "menu"), task="second")
    assert take(dirty) == []
    pending = dirty.structural_due()
    assert pending is not None
    assert dirty.watermarks[L].advance() == f"{L}1", "the drop is unfinished"
    dirty.end_structural(pending)
    assert take(dirty, "third") == [key(1)], "what was in flight is looked at again"
    done(dirty, key(1), task="third")
    assert dirty.watermarks[L].advance() == "L2"


def test_a_drop_of_which_nothing_is_dirty_holds_the_token_until_it_was_judged(dirty: KeyMap) -> None:
    fetch(dirty, A)
    dirty.change_structure(A, Structural("drop", "orders"))
    assert dirty.watermarks[A].advance() is None
    pending = dirty.structural_due()
    assert pending is not None
    dirty.end_structural(pending)
    assert dirty.watermarks[A].advance() == "atlas1"


def test_a_drop_of_a_stream_that_is_given_up_is_forgotten_with_it(dirty: KeyMap) -> None:
    fetch(dirty, L, key(1), position=1)
    fetch(dirty, A, position=1)
    dirty.change_structure(A, Structural("drop", "orders", fact=fact(2)))
    pending = dirty.structural_due()
    assert pending is not None
    dirty.forget(A)
    fetch(dirty, A, key(3), position=1)
    dirty.end_structural(pending)
    assert dirty.watermarks[A].advance() is None, "it holds nothing of the new stream"
    assert take(dirty) == [key(1)]


def test_what_concerns_a_whole_database_comes_after_all_before_it(dirty: KeyMap) -> None:
    fetch(dirty, L, key(1), position=1)
    take(dirty, "first")
    dirty.change_structure(L, Structural("drop", "orders", fact=fact(2)))
    dirty.change_structure(L, Structural("dropDatabase", "", fact=fact(3)))
    assert dirty.structural_due() is None
    done(dirty, key(1), task="first")
    for operation in ("drop", "dropDatabase"):
        pending = dirty.structural_due()
        assert pending is not None
        assert pending.change.operation == operation
        dirty.end_structural(pending)
