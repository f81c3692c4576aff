"""The map of dirty keys guards itself: whoever calls it, from whatever thread, meets a whole map, and is woken."""

from __future__ import annotations

import itertools
import random
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from syncapp.apply.messages import Report
from syncapp.core.changes import Change, ChangeBatch, Structural
from syncapp.core.values import BOTH, DocumentKey, Ending, Fact, Seen, Side
from syncapp.listener.queue.dirty_keys import DirtyKeys, Handed
from syncapp.listener.queue.structural_queue import Pending
from tests.support.dirty import bring, key
from tests.support.eventually import eventually

L, A = BOTH
DROP = Structural("drop", "orders", fact=Fact(2, 20, "somebody"))
LONG = 30.0  # seconds that nothing here should take


def done(handed: Handed, task: str, ending: Ending = Ending.DONE, **more: Any) -> Report:
    return Report(task, handed.side, tuple(ending for _ in handed.items), **more)


def take(dirty: DirtyKeys, task: str = "t", limit: int = 10) -> Handed:
    handed = dirty.take(task, limit, 0.0)
    assert handed is not None
    return handed


class Guarded:
    """Lets only the thread through that has the lock."""

    def __init__(self, inner: Any, owned: Callable[[], bool]) -> None:
        self.__dict__.update(inner=inner, owned=owned)

    def __getattr__(self, name: str) -> Any:
        assert self.owned(), f"{name} without the lock"
        return getattr(self.inner, name)

    def __setattr__(self, name: str, value: Any) -> None:
        assert self.owned(), f"{name} without the lock"
        setattr(self.inner, name, value)


def watched() -> DirtyKeys:
    """A map that fails where it is touched without its lock."""
    dirty = DirtyKeys()
    lock = dirty._changed
    mine = threading.local()
    enter, leave = lock.__enter__, lock.__exit__

    class Lock(threading.Condition):
        def __enter__(self) -> bool:
            mine.owned = enter()
            return True

        def __exit__(self, *error: Any) -> None:
            mine.owned = False
            leave(*error)

    owner = Lock(lock._lock)  # type: ignore[attr-defined]
    dirty._changed = dirty._structural = owner
    dirty._map = Guarded(dirty._map, lambda: getattr(mine, "owned", False))  # type: ignore[assignment]
    return dirty


PENDING = Pending(L, DROP, 1)
# Every public method, called on a map with a key that is waiting and one that is handed out
METHODS: dict[str, Callable[[DirtyKeys], object]] = {
    "wake": lambda dirty: dirty.wake(),
    "take_in": lambda dirty: bring(dirty, L, key(3), read_to=3),
    "ahead": lambda dirty: dirty.ahead(L, ChangeBatch([], {}, 3)),
    "take_ahead": lambda dirty: dirty.take_ahead(L, ChangeBatch([Change(key(3), None)], {}, 3)),
    "unknown": lambda dirty: dirty.unknown(L, []),
    "forget": lambda dirty: dirty.forget(A),
    "look": lambda dirty: dirty.look(0.0, 1.0),
    "wait": lambda dirty: dirty.wait(-1, 0.0),
    "new_task_id": lambda dirty: dirty.new_task_id(),
    "superseded": lambda dirty: dirty.superseded("t"),
    "take": lambda dirty: dirty.take("u", 1, 0.0),
    "finish": lambda dirty: dirty.finish([Report("t", L, (Ending.DONE,))], 0.0),
    "task_ids": lambda dirty: dirty.task_ids(),
    "overdue": lambda dirty: dirty.overdue(1.0),
    "give_up": lambda dirty: dirty.give_up(["t"]),
    "wait_for_tasks": lambda dirty: dirty.wait_for_tasks(0.0),
    "follow": lambda dirty: dirty.follow(7),
    "structural_due": lambda dirty: dirty.structural_due(0.001),
    "end_structural": lambda dirty: dirty.end_structural(PENDING),
    "safe": lambda dirty: dirty.safe(),
    "oldest_held": lambda dirty: dirty.oldest_held(L),
    "holder": lambda dirty: dirty.holder(L, 1),
    "whereabouts": lambda dirty: dirty.whereabouts(key(1), 0.0),
    "figures": lambda dirty: dirty.figures(),
    "size": lambda dirty: dirty.size,
    "waiting": lambda dirty: dirty.waiting,
    "room": lambda dirty: dirty.room(1, 1),
}


def test_every_public_method_is_listed() -> None:
    assert METHODS.keys() == {name for name in vars(DirtyKeys) if not name.startswith("_")}


@pytest.mark.parametrize("name", METHODS)
def test_the_map_is_touched_by_whoever_has_its_lock_only(name: str) -> None:
    dirty = watched()
    bring(dirty, L, key(1), key(2), read_to=1)
    take(dirty, limit=1)
    METHODS[name](dirty)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_waits_for_the_one_before_it(name: str) -> None:
    dirty = DirtyKeys()
    bring(dirty, L, key(1), key(2), read_to=1)
    take(dirty, limit=1)
    ended = threading.Event()
    thread = threading.Thread(target=lambda: (METHODS[name](dirty), ended.set()), daemon=True)
    with dirty._changed:
        thread.start()
        assert not ended.wait(0.02)
    assert ended.wait(LONG)


@contextmanager
def switching_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def run_all(acts: list[Callable[[], None]], errors: list[BaseException]) -> None:
    """Each in a thread of its own, until all have ended. Raises what one of them raised; the others look at `errors`."""

    def run(act: Callable[[], None]) -> None:
        try:
            act()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(act,), daemon=True) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    if errors:
        raise errors[0]
    assert not any(thread.is_alive() for thread in threads)


BATCHES, KEYS, WORKERS = 60, 40, 3


@pytest.mark.parametrize("seed", range(3))
def test_threads_at_once_lose_nothing_and_hand_out_no_key_twice(seed: int) -> None:
    """Two streams bring keys, workers take tasks and report or are given up, somebody else looks on."""
    dirty = DirtyKeys()
    busy: dict[DocumentKey, str] = {}
    brought: dict[Side, dict[DocumentKey, list[int]]] = {side: {} for side in BOTH}  # positions
    ended: dict[Side, dict[DocumentKey, int]] = {side: {} for side in BOTH}
    reading = set(BOTH)
    errors: list[BaseException] = []

    def stream(side: Side) -> None:
        chance = random.Random(f"{seed} {side}")
        for position in range(1, BATCHES + 1):
            keys = [key(chance.randrange(KEYS)) for _ in range(5)]
            for one in keys:
                brought[side].setdefault(one, []).append(position)
            fact = Fact(position, position, "somebody")
            bring(dirty, side, *keys, fact=fact, token=str(position), read_to=position)
        reading.discard(side)

    def begin(task: str, handed: Handed) -> None:
        for item in handed.items:
            assert busy.setdefault(item.key, task) == task, "in two tasks at once"
            for side in BOTH:
                known = item.facts[side].position if side in item.facts else 0
                read = [one for one in brought[side].get(item.key, ()) if one <= handed.read_to[side]]
                assert known <= handed.read_to[side]
                assert max(read, default=0) <= max(known, ended[side].get(item.key, 0)), "a fact is missing"

    def end(handed: Handed, ending: Ending) -> None:
        for item in handed.items:
            del busy[item.key]
            for side, fact in item.facts.items():
                if ending is Ending.DONE:
                    ended[side][item.key] = max(fact.position, ended[side].get(item.key, 0))

    def worker(number: int) -> None:
        chance = random.Random(f"{seed} {number}")
        for turn in itertools.count():
            if errors or (not reading and not dirty.size):
                return
            task = f"{number}.{turn}"
            load = dirty.look(float(turn), 1.0)
            handed = dirty.take(task, chance.randint(1, 10), float(turn))
            if handed is None:
                dirty.wait(load.version, 0.001)
                continue
            begin(task, handed)
            ending = chance.choice([Ending.DONE, Ending.DONE, Ending.WAIT, Ending.AGAIN, Ending.LOST])
            end(handed, ending)
            if ending is Ending.LOST:
                assert dirty.give_up([task]).task_ids == [task]
                continue
            later = {side: min(BATCHES, position + 1) for side, position in handed.read_to.items()}
            seen = dict.fromkeys(range(len(handed.items)), Seen({}, later, 1))
            (settled,) = dirty.finish([done(handed, task, ending, seen=seen)])
            assert settled.keys == [item.key for item in handed.items]

    def look_on() -> None:
        held = dict.fromkeys(BOTH, 0)
        while not errors and (reading or dirty.size):
            figures = dirty.figures()
            assert 0 <= figures.in_flight <= figures.size
            for side in BOTH:
                number = dirty.oldest_held(side)
                if number is not None:
                    assert number >= held[side], "what was done is not done any more"
                    held[side] = number
                    dirty.holder(side, number)
            dirty.safe()
            dirty.overdue(0.0)
            dirty.follow(0)

    with switching_often():
        acts = [partial(stream, side) for side in BOTH] + [partial(worker, n) for n in range(WORKERS)]
        run_all([*acts, look_on], errors)
    assert ended == {side: {one: max(found) for one, found in brought[side].items()} for side in BOTH}
    assert dirty.safe() == ({side: {"_data": str(BATCHES)} for side in BOTH}, True)
    assert (dirty.size, dirty.waiting, dirty.task_ids()) == (0, 0, [])


# Who waits is woken


def waiting(act: Callable[[], None]) -> Callable[[], bool]:
    """Do it in a thread that is told to wait for very long. Has it come back?"""
    back = threading.Event()
    threading.Thread(target=lambda: (act(), back.set()), daemon=True).start()
    return back.is_set


WAKING: dict[str, Callable[[DirtyKeys], object]] = {
    "a batch": lambda dirty: bring(dirty, L, key(3)),
    "an empty batch": lambda dirty: bring(dirty, L, read_to=9),
    "a report": lambda dirty: dirty.finish([Report("t", L)], 0.0),
    "a task given up": lambda dirty: dirty.give_up(["t"]),
    "other rules": lambda dirty: dirty.follow(8),
    "the end": lambda dirty: dirty.wake(),
}


@pytest.mark.parametrize("what", WAKING)
def test_who_hands_out_is_woken_by_whatever_may_be_handed_out(what: str) -> None:
    dirty = DirtyKeys()
    bring(dirty, L, key(1))
    take(dirty)
    version = dirty.look(0.0, 1.0).version
    back = waiting(lambda: dirty.wait(version, LONG))
    WAKING[what](dirty)
    eventually(back, "it is woken", 5)


def test_what_came_between_looking_and_waiting_is_not_slept_through() -> None:
    dirty = DirtyKeys()
    version = dirty.look(0.0, 1.0).version
    bring(dirty, L, key(1))
    eventually(waiting(lambda: dirty.wait(version, LONG)), "it looks again", 5)


def test_who_judges_drops_is_woken_when_what_is_in_flight_has_ended() -> None:
    dirty = DirtyKeys()
    bring(dirty, L, key(1))
    handed = take(dirty)
    due: list[Pending | None] = []

    def judge() -> None:
        while not due or due[-1] is None:
            due.append(dirty.structural_due(LONG))

    back = waiting(judge)
    dirty.take_in(L, ChangeBatch([DROP], {}, 2))
    assert dirty.structural_due() is None, "a task may still write"
    dirty.finish([done(handed, "t")])
    eventually(back, "it is due", 5)
    pending = due[-1]
    assert pending is not None
    assert pending.change == DROP
    dirty.end_structural(pending)
    assert dirty.structural_due() is None


def test_the_end_waits_for_tasks_that_are_out() -> None:
    dirty = DirtyKeys()
    bring(dirty, L, key(1))
    handed = take(dirty)
    back = waiting(lambda: dirty.wait_for_tasks(LONG))
    bring(dirty, L, key(2))
    assert not back()
    dirty.finish([done(handed, "t")])
    eventually(back, "none is out", 5)


# What one step holds together


def test_a_task_that_has_spoken_meanwhile_is_not_given_up() -> None:
    dirty = DirtyKeys()
    bring(dirty, L, key(1))
    take(dirty, "t")
    (late,) = dirty.overdue(5.0)
    dirty.finish([Report("t", L)], 10.0)  # a sign of life
    assert dirty.give_up([late], silent_since=5.0) == ([], 0)
    assert dirty.give_up([late], silent_since=20.0) == (["t"], 1)


@pytest.mark.parametrize(("told", "parked"), [(6, True), (7, False)])
def test_what_newer_rules_did_not_allow_waits_until_they_hold(told: int, parked: bool) -> None:
    """By whichever way round the report and the rules come."""
    dirty = DirtyKeys()
    dirty.follow(told)
    bring(dirty, A, key(1), token="1")
    handed = take(dirty)
    dirty.finish([done(handed, "t", Ending.LATER if parked else Ending.AGAIN, rules_version=7)])
    assert (dirty.take("u", 1, 0.0) is None) is parked
    if parked:
        dirty.follow(7)
        take(dirty, "u")


def test_what_rules_did_that_a_restore_took_back_does_not_wait_for_them() -> None:
    """Django's database comes from a backup: its rules have a lower version than the worker that is just reporting had."""
    dirty = DirtyKeys()
    dirty.follow(9)
    bring(dirty, A, key(1), token="1")
    handed = take(dirty)
    dirty.follow(3)
    dirty.finish([done(handed, "t", rules_version=9)])
    dirty.finish([done(take(dirty, "u"), "u", rules_version=3)])
    assert dirty.safe().tokens[A] == {"_data": "1"}


def test_what_older_rules_transferred_is_looked_at_again() -> None:
    """By newer ones it may not belong there, and their comparison may have passed it."""
    dirty = DirtyKeys()
    dirty.follow(7)
    bring(dirty, A, key(1), token="1")
    dirty.finish([done(take(dirty), "t", rules_version=6, moved=frozenset({0}))])
    dirty.finish([done(take(dirty, "u"), "u", rules_version=7, moved=frozenset({0}))])
    assert dirty.take("v", 1, 0.0) is None


def test_a_task_is_superseded_once_it_is_given_up_or_of_another_listener() -> None:
    dirty = DirtyKeys()
    bring(dirty, A, key(1))
    task = dirty.new_task_id()
    take(dirty, task)
    assert not dirty.superseded(task)
    dirty.give_up([task])
    assert dirty.superseded(task)
    assert DirtyKeys().superseded(dirty.new_task_id())
    assert not dirty.superseded("")


def test_numbers_of_batches_are_not_used_again_when_a_side_is_given_up() -> None:
    dirty = DirtyKeys()
    bring(dirty, A, key(1))
    bring(dirty, A, key(2))
    assert dirty.oldest_held(A) == 1
    dirty.forget(A)
    assert dirty.oldest_held(A) is None
    bring(dirty, A, key(3))
    assert dirty.oldest_held(A) == 3
    assert dirty.holder(A, 3) == key(3)
