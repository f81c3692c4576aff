"""What is known of dirty keys: waiting once, never twice at a time, and what holds the watermark back."""

from __future__ import annotations

import pytest

from syncapp.core.values import Ending, Fact, Seen, Side
from syncapp.listener.intervals import USUAL
from syncapp.listener.queue.key_map import KeyMap
from syncapp.listener.queue.work import holder
from tests.support.key_maps import done, fact, fetch, key, take

L, A = Side.LOCAL, Side.ATLAS
HASH = bytes(16)


@pytest.fixture
def dirty() -> KeyMap:
    return KeyMap(USUAL)


def test_a_key_waits_once_however_often_it_changes(dirty: KeyMap) -> None:
    fetch(dirty, L, key(1), key(1), position=1)
    fetch(dirty, A, key(1), position=2)
    taken = dirty.take("t", 10, 0.0)
    assert taken is not None
    (item,) = taken.items
    assert item.facts == {L: fact(1), A: fact(2)}
    assert take(dirty) == []


def test_a_key_that_is_worked_on_is_not_handed_out_until_it_is_done(dirty: KeyMap) -> None:
    fetch(dirty, L, key(1), position=1)
    assert take(dirty, "first") == [key(1)]
    fetch(dirty, L, key(1), position=2)
    assert take(dirty, "second") == []
    done(dirty, key(1), task="first")
    assert take(dirty, "second") == [key(1)]
    done(dirty, key(1), task="second")
    assert dirty.size == 0


def test_the_last_fact_of_a_stream_counts_not_the_one_with_the_greatest_time(dirty: KeyMap) -> None:
    dirty.watermarks[L].take_in("x", continues=False, may_continue=False)
    dirty.mark(key(1), L, Fact(1, 500, "d"))
    dirty.mark(key(1), L, Fact(2, 400, "d"))
    taken = dirty.take("t", 10, 0.0)
    assert taken is not None
    assert taken.items[0].facts[L].time == 400


def test_batches_are_of_one_collection_and_groups_take_turns(dirty: KeyMap) -> None:
    fetch(dirty, L, key(1, "a"), key(2, "a"), key(3, "a"), key(1, "b"))
    assert take(dirty, "1", limit=2) == [key(1, "a"), key(2, "a")]
    assert take(dirty, "2", limit=2) == [key(1, "b")]
    assert take(dirty, "3", limit=2) == [key(3, "a")]


def test_the_watermark_never_passes_a_key_that_is_not_done(dirty: KeyMap) -> None:
    mark = dirty.watermarks[L]
    fetch(dirty, L, key(1), position=1)
    fetch(dirty, L, key(2), position=2)
    assert mark.advance() is None
    take(dirty)
    done(dirty, key(2))
    assert mark.advance() is None
    fetch(dirty, L, position=3)
    done(dirty, key(1))
    assert mark.advance() == "local3"


def test_a_key_that_changes_again_while_it_is_worked_on_holds_its_new_event(dirty: KeyMap) -> None:
    mark = dirty.watermarks[L]
    fetch(dirty, L, key(1), position=1)
    take(dirty)
    fetch(dirty, L, key(1), position=2)
    done(dirty, key(1))
    assert mark.advance() == "local1"
    take(dirty)
    done(dirty, key(1))
    assert mark.advance() == "local2"


def test_a_key_that_is_handed_back_still_holds_its_oldest_event(dirty: KeyMap) -> None:
    mark = dirty.watermarks[L]
    fetch(dirty, L, key(1), position=1)
    take(dirty)
    fetch(dirty, L, key(1), position=2)
    done(dirty, key(1), ending=Ending.AGAIN)
    assert mark.advance() is None
    take(dirty)
    done(dirty, key(1))
    assert mark.advance() == "local2"


def test_a_waiting_key_holds_the_watermark_and_comes_back_when_its_streams_are_past(dirty: KeyMap) -> None:
    fetch(dirty, L, key(1), position=1)
    take(dirty)
    seen = Seen({L: HASH, A: HASH}, {L: 5, A: 7}, 1)
    dirty.finish("t", [(key(1), Ending.WAIT, seen)])
    assert dirty.waiting == 1
    dirty.passed(L, 5)
    assert take(dirty) == []
    assert dirty.watermarks[L].advance() is None
    dirty.passed(A, 7)
    assert dirty.waiting == 0
    taken = dirty.take("u", 10, 0.0)
    assert taken is not None
    assert taken.items[0].seen == seen


def test_a_push_waits_for_its_own_stream_only(dirty: KeyMap) -> None:
    fetch(dirty, L, key(1), position=1)
    take(dirty)
    dirty.finish("t", [(key(1), Ending.WAIT, Seen({}, {L: 5, A: 7}, 1, (L,)))])
    dirty.passed(L, 5)
    assert take(dirty) == [key(1)]


def test_a_lost_task_is_handed_out_again_and_its_late_report_is_ignored(dirty: KeyMap) -> None:
    fetch(dirty, L, key(1), position=1)
    take(dirty, "first", now=10.0)
    assert dirty.tasks.overdue(9.0) == []
    assert dirty.tasks.overdue(11.0) == ["first"]
    assert dirty.give_up(["first"]) == 1
    assert take(dirty, "second") == [key(1)]
    done(dirty, key(1), task="first")
    assert dirty.size == 1
    done(dirty, key(1), task="second")
    assert dirty.size == 0


def test_keys_of_a_lost_worker_let_others_go_before_them_if_the_loss_is_noticed_at_once(
    dirty: KeyMap,
) -> None:
    """Or a document that ends each worker would end the next one before anything else is done, for ever."""
    fetch(dirty, L, key(1))
    for number, pause in enumerate([0.5, 1, 2]):
        task = str(number)
        assert take(dirty, task) == [key(1)]
        assert dirty.give_up([task], [task], 100.0) == 1
        dirty.due(100.0 + pause - 0.01)
        assert (take(dirty), dirty.size) == ([], 1)
        dirty.due(100.0 + pause)
    take(dirty, "whose worker had not begun it")
    dirty.give_up(["whose worker had not begun it"], (), 100.0)
    assert take(dirty) == [key(1)]


def test_a_sign_of_life_puts_off_the_time_out(dirty: KeyMap) -> None:
    fetch(dirty, L, key(1))
    take(dirty, "t", now=10.0)
    dirty.tasks.alive("t", 50.0)
    assert dirty.tasks.overdue(40.0) == []


def test_keys_that_fail_go_out_in_ever_smaller_batches(dirty: KeyMap) -> None:
    keys = [key(number) for number in range(20)]
    fetch(dirty, L, *keys)
    assert len(take(dirty, "1", limit=16)) == 16
    done(dirty, *keys[:16], task="1", ending=Ending.RETRY)
    assert len(take(dirty, "2", limit=16)) == 4  # the ones that never failed
    assert len(take(dirty, "3", limit=16)) == 2
    done(dirty, *keys[:2], task="3", ending=Ending.RETRY)
    for number in range(7):
        assert len(take(dirty, f"rest {number}", limit=16)) == 2
    assert len(take(dirty, "4", limit=16)) == 1


def test_what_fails_waits_twice_as_long_each_time_and_no_longer_than_half_a_minute(dirty: KeyMap) -> None:
    fetch(dirty, L, key(1))
    for attempts, pause in enumerate([0.5, 1, 2, 4, 8, 16, 30, 30]):
        assert take(dirty, str(attempts)) == [key(1)]
        dirty.finish(str(attempts), [(key(1), Ending.RETRY, None)], now=100.0)
        dirty.due(100.0 + pause - 0.01)
        assert (take(dirty), dirty.size) == ([], 1)
        dirty.due(100.0 + pause)


def test_what_a_server_does_not_let_us_do_waits_uncounted(dirty: KeyMap) -> None:
    fetch(dirty, L, key(1))
    for number in range(20):
        taken = dirty.take(str(number), 10, 0.0)
        assert taken is not None
        assert taken.items[0].attempts == 0
        dirty.finish(str(number), [(key(1), Ending.BARRED, None)], now=100.0)
        dirty.due(109.9)
        assert dirty.fullest() == 0
        dirty.due(110.0)


def test_a_change_of_a_document_that_waits_is_taken_with_it(dirty: KeyMap) -> None:
    fetch(dirty, L, key(1), position=1)
    take(dirty, "t")
    fetch(dirty, L, key(1), position=2)
    dirty.finish("t", [(key(1), Ending.RETRY, None)], now=100.0)
    fetch(dirty, A, key(1), position=3)
    assert take(dirty) == []
    assert dirty.watermarks[L].oldest_held() == 1
    assert holder(dirty.works(), L, 1) == key(1)
    dirty.due(101.0)
    taken = dirty.take("again", 10, 101.0)
    assert taken is not None
    assert taken.items[0].facts == {L: fact(2), A: fact(3)}
    done(dirty, key(1), task="again")
    assert (dirty.size, dirty.watermarks[L].oldest_held(), holder(dirty.works(), L, 1)) == (0, None, None)


def test_forgetting_a_side_leaves_the_other_and_its_token_alone(dirty: KeyMap) -> None:
    fetch(dirty, A, key(1), key(2), position=1)
    fetch(dirty, L, key(2), position=2)
    dirty.forget(A)
    taken = dirty.take("t", 10, 0.0)
    assert taken is not None
    assert [(item.key, set(item.facts)) for item in taken.items] == [(key(2), {L})]
    done(dirty, key(2))
    assert dirty.watermarks[A].advance() is None
    assert dirty.watermarks[L].advance() == "local2"
    assert dirty.size == 0


@pytest.mark.parametrize("in_work", [False, True], ids=["waits", "is in work"])
def test_nobody_waits_for_a_side_that_is_not_read(dirty: KeyMap, in_work: bool) -> None:
    """Else local changes would stay here for as long as sync is disabled."""
    fetch(dirty, L, key(1), position=1)
    fetch(dirty, A, key(1), position=1)
    take(dirty)
    ends = [(key(1), Ending.WAIT, Seen({L: HASH, A: HASH}, {L: 5, A: 7}, 1))]
    if in_work:
        dirty.forget(A)
    dirty.finish("t", ends)
    dirty.passed(L, 5)
    if not in_work:
        dirty.forget(A)
    assert take(dirty, "u") == [key(1)]
    assert dirty.waiting == 0
    dirty.passed(A, 6)
    dirty.finish("u", ends)
    assert take(dirty) == [], "it is read again"


def test_a_token_inside_a_transaction_is_never_saved() -> None:
    mark = KeyMap(USUAL).watermarks[A]
    mark.take_in("before", continues=False, may_continue=False)
    mark.take_in("inside", continues=False, may_continue=True)
    assert mark.advance() == "before"
    mark.take_in("still inside", continues=True, may_continue=True)
    assert mark.advance() == "before"
    mark.take_in("after", continues=False, may_continue=False)
    assert mark.advance() == "after"


def test_the_end_of_a_transaction_is_known_by_the_next_batch() -> None:
    mark = KeyMap(USUAL).watermarks[A]
    mark.take_in("end", continues=False, may_continue=True)
    assert mark.advance() is None
    mark.take_in("next", continues=False, may_continue=True)
    assert mark.advance() == "end"


def test_an_owed_pull_keeps_its_event_until_pulls_are_allowed(dirty: KeyMap) -> None:
    fetch(dirty, A, key(1), position=1)
    fetch(dirty, L, key(1), position=2)
    take(dirty)
    assert dirty.finish("t", [(key(1), Ending.OWED, None)]) == 0
    assert take(dirty) == []
    assert dirty.watermarks[A].advance() is None
    assert dirty.watermarks[L].advance() == "local2"
    dirty.unpark()
    assert take(dirty) == [key(1)]
    done(dirty, key(1))
    assert dirty.watermarks[A].advance() == "atlas1"


def test_an_owed_pull_is_looked_at_again_when_the_document_changes(dirty: KeyMap) -> None:
    fetch(dirty, A, key(1), position=1)
    take(dirty)
    done(dirty, key(1), ending=Ending.OWED)
    fetch(dirty, L, key(1), position=2)
    assert take(dirty) == [key(1)]


def test_an_owed_pull_without_an_event_of_atlas_is_counted_and_let_go(dirty: KeyMap) -> None:
    fetch(dirty, L, key(1), position=1)
    take(dirty)
    assert dirty.finish("t", [(key(1), Ending.OWED, None)]) == 1
    assert dirty.size == 0


def test_forgetting_atlas_drops_owed_pulls(dirty: KeyMap) -> None:
    fetch(dirty, A, key(1), position=1)
    take(dirty)
    done(dirty, key(1), ending=Ending.OWED)
    dirty.forget(A)
    assert dirty.size == 0
    dirty.unpark()
    assert take(dirty) == []


def test_a_task_that_is_silent_or_waits_to_retry_is_not_at_work(dirty: KeyMap) -> None:
    fetch(dirty, L, *map(key, range(3)))
    for number in range(3):
        take(dirty, f"t{number}", limit=1, now=10.0)
    dirty.tasks.alive("t1", 15.0)  # it will not speak before
    assert dirty.tasks.at_work(9.5, 10.5) == 2
    assert dirty.tasks.at_work(10.5, 11.5) == 0
    assert dirty.tasks.at_work(14.5, 15.5) == 1


def test_what_a_mark_has_seen_goes_out_with_the_key_until_a_task_has_seen_more(dirty: KeyMap) -> None:
    marked = Seen({L: HASH, A: HASH}, {L: 5, A: 0}, 0, (L,))
    dirty.watermarks[L].take_in("x", continues=False, may_continue=False)
    dirty.mark(key(1), L, seen=marked)
    assert dirty.waiting == 0, "the stream that brought the mark has been read past it"
    taken = dirty.take("t", 10, 0.0)
    assert taken is not None
    assert taken.items[0].seen == marked
    newer = Seen({L: HASH, A: HASH}, {L: 9, A: 7}, 1, (L,))
    dirty.finish("t", [(key(1), Ending.WAIT, newer)])
    dirty.mark(key(1), L, seen=marked)
    dirty.passed(L, 9)
    again = dirty.take("u", 10, 0.0)
    assert again is not None
    assert again.items[0].seen == newer
