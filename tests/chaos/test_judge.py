"""The judge of the chaos suite finds what is lost, and only that."""

from __future__ import annotations

from tests.chaos.history import Key, Write
from tests.chaos.judge import Loser, Verdict, judge

KEY: Key = ("orders", "1")


def native(stamp: str | None) -> Write:
    return Write(stamp, True)


def synced(stamp: str | None) -> Write:
    return Write(stamp, False)


def verdict(final: str | None, *losers: Loser, **sides: list[Write]) -> Verdict:
    histories = {side: {KEY: writes} for side, writes in sides.items()}
    return judge(histories, {} if final is None else {KEY: final}, losers)


def test_a_version_that_arrives_everywhere_is_not_lost() -> None:
    found = verdict("a", one=[native("a")], atlas=[synced("a")], two=[synced("a")])
    assert found == Verdict((), (), native=1, transfers=2, conflicts=0)


def test_a_version_whose_successor_was_made_elsewhere_is_not_lost() -> None:
    found = verdict(
        "b", one=[native("a"), synced("b")], atlas=[synced("a"), synced("b")], two=[synced("a"), native("b")]
    )
    assert found.lost == ()


def test_a_version_that_is_overwritten_unseen_is_lost() -> None:
    found = verdict("b", one=[native("a"), synced("b")], atlas=[native("b")])
    assert found.lost == ("('orders', '1'): version 'a' is gone",)


def test_a_version_that_never_left_its_device_and_is_not_there_at_the_end_is_lost() -> None:
    assert verdict(None, one=[native("a"), synced(None)], atlas=[]).lost


def test_a_version_that_a_conflict_record_keeps_is_not_lost() -> None:
    found = verdict("b", Loser(KEY, "a", "b"), one=[native("a"), synced("b")], atlas=[native("b")])
    assert (found.lost, found.conflicts) == ((), 1)


def test_a_record_of_another_document_or_of_the_winner_keeps_nothing() -> None:
    sides = {"one": [native("a"), synced("b")], "atlas": [native("b")]}
    assert verdict("b", Loser(("orders", "2"), "a", "b"), **sides).lost
    assert verdict("b", Loser(KEY, "b", "a"), **sides).lost


def test_the_push_of_one_device_over_the_unseen_push_of_another_is_a_loss() -> None:
    found = verdict(
        "c",
        one=[native("a"), native("b"), synced("c")],
        atlas=[synced("a"), synced("b"), synced("c")],
        two=[synced("a"), native("c")],
    )
    assert found.lost == ("('orders', '1'): version 'b' is gone",)


def test_a_delete_that_travels_is_not_lost() -> None:
    found = verdict(
        None,
        one=[native("a"), native(None)],
        atlas=[synced("a"), synced(None)],
        two=[synced("a"), synced(None)],
    )
    assert found.lost == ()


def test_a_delete_that_an_edit_undoes_is_lost_unless_it_is_recorded() -> None:
    sides = {
        "one": [native("a"), native(None), synced("b")],
        "atlas": [synced("a"), native("b")],
    }
    assert verdict("b", **sides).lost == (
        "('orders', '1'): the delete of version 'a' on one is gone: 'b' came back",
    )
    assert verdict("b", Loser(KEY, None, "b"), **sides).lost == ()


def test_a_delete_before_sync_looked_changes_nothing() -> None:
    found = verdict("b", one=[native("a"), native(None), synced("b")], atlas=[native("b")])
    assert found.lost == ()


def test_an_insert_after_a_delete_is_no_loss() -> None:
    found = verdict(
        "b",
        one=[native("a"), native(None), synced("b")],
        atlas=[synced("a"), synced(None), native("b")],
    )
    assert found.lost == ()


def test_a_transfer_too_many_is_a_loop() -> None:
    found = verdict("a", one=[native("a"), synced("b"), synced("a")], atlas=[native("b"), synced("a")])
    assert found.loops == ("('orders', '1'): 2 transfers to one, 1 native writes elsewhere",)
