"""The decision tables of docs/architecture.md, The decision."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncapp.core.content import document_key
from syncapp.core.decide import Decision, Observation, Policy, decide, resolve
from syncapp.core.values import ABSENT, Fact, Seen, Side, SyncState, WorkItem

A, B, C = (bytes([number]) * 16 for number in (1, 2, 3))
SECOND = 1 << 32
KEY = document_key("orders", b"\x0e\x00\x00\x00\x10_id\x00\x01\x00\x00\x00\x00")
FAR = {Side.LOCAL: 100 * SECOND, Side.ATLAS: 100 * SECOND}


def observation(
    local: bytes, atlas: bytes, agreed: tuple[bytes, bytes], at: int = 10 * SECOND
) -> Observation:
    state = SyncState(*agreed, counter=1)
    return Observation({Side.LOCAL: local, Side.ATLAS: atlas}, state, {Side.LOCAL: at, Side.ATLAS: at})


def item(local_time: int | None = None, atlas_time: int | None = None, seen: Seen | None = None) -> WorkItem:
    facts = {}
    if local_time is not None:
        facts[Side.LOCAL] = Fact(5 * SECOND, local_time, "device")
    if atlas_time is not None:
        facts[Side.ATLAS] = Fact(5 * SECOND, atlas_time, "atlas")
    return WorkItem(KEY, facts, seen)


@pytest.mark.parametrize(
    ("local", "atlas", "agreed", "expected"),
    [
        (A, A, (A, A), Decision.EQUAL),
        (B, B, (A, A), Decision.EQUAL),  # both sides made the same change
        (ABSENT, ABSENT, (A, A), Decision.EQUAL),
        (A, B, (A, B), Decision.AGREED),
        (A, B, (A, A), Decision.PULL),
        (A, ABSENT, (A, A), Decision.PULL),
        (ABSENT, A, (ABSENT, ABSENT), Decision.PULL),
        (B, A, (A, A), Decision.PUSH),
        (ABSENT, A, (A, A), Decision.PUSH),
        (A, ABSENT, (ABSENT, ABSENT), Decision.PUSH),
        (B, C, (A, A), Decision.LOCAL_WINS),
        (ABSENT, C, (A, A), Decision.LOCAL_WINS),
        (B, ABSENT, (A, A), Decision.LOCAL_WINS),
        (A, B, (ABSENT, ABSENT), Decision.LOCAL_WINS),
    ],
)
def test_contents_and_agreement_decide(
    local: bytes, atlas: bytes, agreed: tuple[bytes, bytes], expected: Decision
) -> None:
    later_here = item(local_time=2, atlas_time=1)
    assert decide(observation(local, atlas, agreed), later_here, FAR, Policy()) is expected


@pytest.mark.parametrize(
    ("strategy", "local", "atlas", "winner"),
    [
        ("last-write-wins", 2, 1, Side.LOCAL),
        ("last-write-wins", 1, 2, Side.ATLAS),
        ("last-write-wins", None, 1, Side.ATLAS),
        ("last-write-wins", 1, None, Side.LOCAL),
        ("last-write-wins", None, None, Side.ATLAS),
        ("local-wins", 1, 2, Side.LOCAL),
        ("atlas-wins", 2, 1, Side.ATLAS),
    ],
)
def test_the_strategy_picks_the_winner(
    strategy: str, local: int | None, atlas: int | None, winner: Side
) -> None:
    facts = item(local, atlas).facts
    assert resolve(strategy, facts.get(Side.LOCAL), facts.get(Side.ATLAS)) is winner


def test_equal_times_are_decided_by_the_origin_the_same_way_on_every_device() -> None:
    assert resolve("last-write-wins", Fact(1, 7, "zebra"), Fact(1, 7, "atlas")) is Side.LOCAL
    assert resolve("last-write-wins", Fact(1, 7, "aaa"), Fact(1, 7, "atlas")) is Side.ATLAS


def test_an_unknown_time_is_older_than_a_known_one() -> None:
    assert resolve("last-write-wins", Fact(1, None, "zebra"), Fact(1, 0, "atlas")) is Side.ATLAS


@pytest.mark.parametrize("late", list(Side))
def test_a_conflict_waits_until_both_streams_are_read_past_the_contents(late: Side) -> None:
    read_to = {**FAR, late: 9 * SECOND}
    assert decide(observation(B, C, (A, A)), item(2, 1), read_to, Policy()) is Decision.WAIT_FOR_BOTH


def test_a_conflict_need_not_wait_again_for_contents_that_an_earlier_task_read() -> None:
    contents = {Side.LOCAL: B, Side.ATLAS: C}
    before = Seen(contents, {Side.LOCAL: 9 * SECOND, Side.ATLAS: 9 * SECOND}, counter=1)
    read_to = {Side.LOCAL: 9 * SECOND, Side.ATLAS: 9 * SECOND}
    assert decide(observation(B, C, (A, A)), item(2, 1, before), read_to, Policy()) is Decision.LOCAL_WINS


def test_a_fact_that_came_after_the_earlier_read_does_not_belong_to_it() -> None:
    before = Seen({Side.LOCAL: B, Side.ATLAS: C}, {Side.LOCAL: 4 * SECOND, Side.ATLAS: 9 * SECOND}, counter=1)
    read_to = {Side.LOCAL: 9 * SECOND, Side.ATLAS: 9 * SECOND}
    assert decide(observation(B, C, (A, A)), item(2, 1, before), read_to, Policy()) is Decision.WAIT_FOR_BOTH


def test_a_decision_in_between_spoils_what_the_earlier_task_read() -> None:
    contents = {Side.LOCAL: B, Side.ATLAS: ABSENT}
    read_to = {Side.LOCAL: 9 * SECOND, Side.ATLAS: 9 * SECOND}
    before = Seen(contents, read_to, counter=0)
    seen = observation(B, ABSENT, (A, A))
    assert decide(seen, item(2, 1, before), read_to, Policy()) is Decision.WAIT_FOR_BOTH


def test_what_an_earlier_task_read_long_ago_does_not_count() -> None:
    read_to = {Side.LOCAL: 9 * SECOND, Side.ATLAS: 9 * SECOND}
    before = Seen({Side.LOCAL: B, Side.ATLAS: C}, read_to, counter=1)
    seen = observation(B, C, (A, A), at=11 * SECOND)
    assert decide(seen, item(2, 1, before), read_to, Policy()) is Decision.WAIT_FOR_BOTH


def test_other_contents_than_the_earlier_task_read_wait_again() -> None:
    before = Seen({Side.LOCAL: A, Side.ATLAS: C}, {Side.LOCAL: 9 * SECOND, Side.ATLAS: 9 * SECOND}, counter=1)
    read_to = {Side.LOCAL: 9 * SECOND, Side.ATLAS: 9 * SECOND}
    assert decide(observation(B, C, (A, A)), item(2, 1, before), read_to, Policy()) is Decision.WAIT_FOR_BOTH


@pytest.mark.parametrize(
    ("read_to", "known", "hurry", "expected"),
    [
        (10 * SECOND, False, False, Decision.PUSH),  # read past: the time is unknown, and stays so
        (9 * SECOND + 5, True, False, Decision.PUSH),  # within a second
        (9 * SECOND + 5, False, False, Decision.WAIT_FOR_LOCAL),
        (5 * SECOND, True, False, Decision.WAIT_FOR_LOCAL),  # lags: the fact may be of an older content
        (5 * SECOND, True, True, Decision.PUSH),
        (5 * SECOND, False, True, Decision.WAIT_FOR_LOCAL),
    ],
)
def test_a_push_waits_for_its_time(read_to: int, known: bool, hurry: bool, expected: Decision) -> None:
    positions = {Side.LOCAL: read_to, Side.ATLAS: 0}
    work = item(local_time=1 if known else None)
    assert decide(observation(B, A, (A, A)), work, positions, Policy(), hurry) is expected


MANUAL = Policy(strategy="manual")


@pytest.mark.parametrize(
    ("local", "atlas", "agreed", "expected"),
    [
        (B, C, (A, A), Decision.MANUAL),
        (ABSENT, C, (A, A), Decision.MANUAL),
        (B, ABSENT, (A, A), Decision.MANUAL),
        (A, B, (ABSENT, ABSENT), Decision.MANUAL),
        (B, B, (A, A), Decision.EQUAL),
        (A, B, (A, A), Decision.PULL),
        (B, A, (A, A), Decision.PUSH),
        (A, B, (A, B), Decision.AGREED),
    ],
)
def test_a_person_decides_conflicts_and_nothing_else(
    local: bytes, atlas: bytes, agreed: tuple[bytes, bytes], expected: Decision
) -> None:
    assert decide(observation(local, atlas, agreed), item(2, 1), FAR, MANUAL) is expected


def test_what_a_person_is_shown_has_the_times_of_the_contents() -> None:
    read_to = {**FAR, Side.ATLAS: 9 * SECOND}
    assert decide(observation(B, C, (A, A)), item(2, 1), read_to, MANUAL) is Decision.WAIT_FOR_BOTH


def test_while_one_way_nobody_is_asked() -> None:
    one_way = Policy(strategy="manual", one_way=True)
    assert decide(observation(B, C, (A, A)), item(2, 1), FAR, one_way) is Decision.LOCAL_WINS


def test_one_way_owes_what_it_does_not_pull() -> None:
    one_way = Policy(one_way=True)
    assert decide(observation(A, B, (A, A)), item(atlas_time=9), FAR, one_way) is Decision.OWED


def test_one_way_lets_local_win_without_asking_for_times() -> None:
    one_way = Policy(one_way=True)
    nothing_read_on_atlas = {Side.LOCAL: 100 * SECOND, Side.ATLAS: 0}
    decision = decide(observation(B, C, (A, A)), item(1, 9), nothing_read_on_atlas, one_way)
    assert decision is Decision.LOCAL_WINS


hashes = st.sampled_from([ABSENT, A, B, C])


@given(hashes, hashes, hashes, hashes)
def test_what_changed_nowhere_moves_nothing_and_what_changed_on_one_side_moves_to_the_other(
    local: bytes, atlas: bytes, agreed_local: bytes, agreed_atlas: bytes
) -> None:
    decision = decide(observation(local, atlas, (agreed_local, agreed_atlas)), item(2, 1), FAR, Policy())
    changed = (local != agreed_local, atlas != agreed_atlas)
    if local == atlas:
        assert decision is Decision.EQUAL
    else:
        expected = {
            (False, False): Decision.AGREED,
            (True, False): Decision.PUSH,
            (False, True): Decision.PULL,
            (True, True): Decision.LOCAL_WINS,
        }
        assert decision is expected[changed]
