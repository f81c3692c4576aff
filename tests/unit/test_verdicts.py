"""What becomes of documents that want unique values of others."""

from __future__ import annotations

import bson

from syncapp.core.content import document_key
from syncapp.core.values import DocumentKey
from syncapp.engine.unique_values import Tangle
from syncapp.engine.verdicts import Judgement, Verdict, judge

COUNT = 20_000


def key(number: int) -> DocumentKey:
    return document_key("c", bson.encode({"_id": number}))


def tangle_of(*waits: tuple[int, int, bool]) -> Tangle:
    """(writer, holder, does the holder give the value up?)"""
    tangle = Tangle()
    for writer, holder, gives_up in waits:
        tangle.waits[key(writer)][key(holder)] = gives_up
    return tangle


def judged(tangle: Tangle, writes: range, **status: Verdict) -> Judgement:
    return judge(tangle, map(key, writes), lambda one: status.get(f"n{bson.decode(one.id_bson)['_id']}"))


def test_a_cycle_is_exchanged() -> None:
    found = judged(tangle_of((0, 1, True), (1, 2, True), (2, 0, True)), range(3))
    assert found.exchanged == {key(0), key(1), key(2)}
    assert not found.verdicts


def test_a_value_that_stays_refuses_all_that_wait_in_a_row_each_with_its_own_holder() -> None:
    found = judged(tangle_of((0, 1, True), (1, 2, True), (2, 9, False), (5, 6, True), (6, 5, True)), range(7))
    assert found.verdicts == dict.fromkeys((key(0), key(1), key(2)), Verdict.REFUSED)
    assert found.holders == {key(0): key(1), key(1): key(2), key(2): key(9)}
    assert found.exchanged == {key(5), key(6)}


def test_who_waits_for_one_that_waits_waits_too() -> None:
    found = judged(tangle_of((0, 1, True), (1, 9, False)), range(2), n9=Verdict.WAITS)
    assert found.verdicts == dict.fromkeys((key(0), key(1)), Verdict.WAITS)


def test_a_refusal_is_stronger_than_waiting() -> None:
    found = judged(tangle_of((0, 8, False), (0, 9, False)), range(1), n8=Verdict.WAITS)
    assert found.verdicts == {key(0): Verdict.REFUSED}
    assert found.holders == {key(0): key(9)}


def test_partners_come_in_the_next_round_with_those_that_want_their_values() -> None:
    tangle = tangle_of((0, 7, True), (7, 1, True), (1, 0, True), (3, 4, True), (4, 3, True))
    tangle.partners[key(7)] = b""
    found = judged(tangle, range(5))
    assert found.verdicts == dict.fromkeys((key(0), key(1), key(7)), Verdict.LATER)
    assert found.exchanged == {key(n) for n in (0, 1, 3, 4, 7)}


def test_a_partner_that_was_dealt_with_makes_others_wait() -> None:
    tangle = tangle_of((0, 7, True))
    tangle.partners[key(7)] = b""
    found = judge(tangle, [key(0)], lambda one: None, over={key(7)})
    assert found.verdicts[key(0)] is Verdict.WAITS


def test_the_second_of_two_that_bring_one_value_comes_later() -> None:
    tangle = Tangle(rivals={key(1): key(0)})
    assert judged(tangle, range(2)).verdicts == {key(1): Verdict.LATER}


def test_a_long_row_is_no_depth() -> None:
    waits = [(number, number + 1, number + 1 < COUNT) for number in range(COUNT)]
    found = judged(tangle_of(*waits), range(COUNT))
    assert set(found.verdicts.values()) == {Verdict.REFUSED}
    assert len(found.verdicts) == COUNT
