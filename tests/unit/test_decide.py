"""The decision tables of docs/architecture.md, The decision."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncapp.core.content import document_key
from syncapp.core.decide import Case, Decision, Observation, classify, nothing_travels
from syncapp.core.resolve import resolve
from syncapp.core.rule.policy import BOTH_WAYS, Policy, Travel
from syncapp.core.strategy import Conflict
from syncapp.core.values import ABSENT, Fact, Seen, Side, SyncState, UnknownTime, WorkItem
from tests.support.decisions import decided

A, B, C = (bytes([number]) * 16 for number in (1, 2, 3))
SECOND = 1 << 32
KEY = document_key("orders", b"\x0e\x00\x00\x00\x10_id\x00\x01\x00\x00\x00\x00")
ONE_WAY = BOTH_WAYS | {Side.ATLAS: Travel.WAITING}
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
    assert decided(observation(local, atlas, agreed), later_here, FAR, Policy()) is expected


def winner_of(strategy: str, facts: dict[Side, Fact]) -> Side | None:
    return resolve(Conflict({Side.LOCAL: B, Side.ATLAS: C}, facts, Policy(strategy))).winner


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
    facts = dict(item(local, atlas).facts)
    assert winner_of(strategy, facts) is winner


def test_equal_times_are_decided_by_the_origin_the_same_way_on_every_device() -> None:
    for origin, winner in (("zebra", Side.LOCAL), ("aaa", Side.ATLAS)):
        facts = {Side.LOCAL: Fact(1, 7, origin), Side.ATLAS: Fact(1, 7, "atlas")}
        assert winner_of("last-write-wins", facts) is winner


def test_an_unknown_time_is_older_than_a_known_one() -> None:
    facts = {Side.LOCAL: Fact(1, None, "zebra"), Side.ATLAS: Fact(1, 0, "atlas")}
    assert winner_of("last-write-wins", facts) is Side.ATLAS


def test_a_version_that_never_travels_waits_for_no_time() -> None:
    stays = Policy(travel=BOTH_WAYS | {Side.LOCAL: Travel.NEVER})
    read_to = dict.fromkeys(Side, 0)
    assert decided(observation(B, A, (A, A)), item(), read_to, stays) is Decision.STAYS


@pytest.mark.parametrize("late", list(Side))
def test_a_conflict_waits_until_both_streams_are_read_past_the_contents(late: Side) -> None:
    read_to = {**FAR, late: 9 * SECOND}
    assert decided(observation(B, C, (A, A)), item(2, 1), read_to, Policy()) is Decision.WAIT_FOR_BOTH


def test_a_conflict_need_not_wait_again_for_contents_that_an_earlier_task_read() -> None:
    contents = {Side.LOCAL: B, Side.ATLAS: C}
    before = Seen(contents, {Side.LOCAL: 9 * SECOND, Side.ATLAS: 9 * SECOND}, counter=1)
    read_to = {Side.LOCAL: 9 * SECOND, Side.ATLAS: 9 * SECOND}
    assert decided(observation(B, C, (A, A)), item(2, 1, before), read_to, Policy()) is Decision.LOCAL_WINS


def test_a_fact_that_came_after_the_earlier_read_does_not_belong_to_it() -> None:
    before = Seen({Side.LOCAL: B, Side.ATLAS: C}, {Side.LOCAL: 4 * SECOND, Side.ATLAS: 9 * SECOND}, counter=1)
    read_to = {Side.LOCAL: 9 * SECOND, Side.ATLAS: 9 * SECOND}
    assert decided(observation(B, C, (A, A)), item(2, 1, before), read_to, Policy()) is Decision.WAIT_FOR_BOTH


def test_a_decision_in_between_spoils_what_the_earlier_task_read() -> None:
    contents = {Side.LOCAL: B, Side.ATLAS: ABSENT}
    read_to = {Side.LOCAL: 9 * SECOND, Side.ATLAS: 9 * SECOND}
    before = Seen(contents, read_to, counter=0)
    seen = observation(B, ABSENT, (A, A))
    assert decided(seen, item(2, 1, before), read_to, Policy()) is Decision.WAIT_FOR_BOTH


def test_what_an_earlier_task_read_long_ago_does_not_count() -> None:
    read_to = {Side.LOCAL: 9 * SECOND, Side.ATLAS: 9 * SECOND}
    before = Seen({Side.LOCAL: B, Side.ATLAS: C}, read_to, counter=1)
    seen = observation(B, C, (A, A), at=11 * SECOND)
    assert decided(seen, item(2, 1, before), read_to, Policy()) is Decision.WAIT_FOR_BOTH


@pytest.mark.parametrize(
    ("content", "before_at", "atlas_time", "expected"),
    [
        (B, 9 * SECOND, None, Decision.ATLAS_WINS),
        (B, 9 * SECOND + 1, None, Decision.WAIT_FOR_BOTH),  # the stream has not come so far
        (A, 9 * SECOND, None, Decision.WAIT_FOR_BOTH),  # it has changed since
        (B, 9 * SECOND, 1, Decision.WAIT_FOR_BOTH),  # a fact that is known must belong to what is read now
    ],
)
def test_contents_without_facts_that_were_read_before_are_decided_however_far_the_streams_lag(
    content: bytes, before_at: int, atlas_time: int | None, expected: Decision
) -> None:
    positions = {Side.LOCAL: before_at, Side.ATLAS: 9 * SECOND}
    before = Seen({Side.LOCAL: content, Side.ATLAS: C}, positions, counter=1)
    read_to = {Side.LOCAL: 9 * SECOND, Side.ATLAS: 9 * SECOND}
    seen = observation(B, C, (A, A), at=99 * SECOND)
    policy = Policy(unknown_time=UnknownTime.ATLAS)
    assert decided(seen, item(None, atlas_time, before), read_to, policy) is expected


def test_a_stream_that_has_not_come_to_the_earlier_read_either_is_waited_for() -> None:
    read_to = {Side.LOCAL: 9 * SECOND, Side.ATLAS: 9 * SECOND}
    before = Seen({Side.LOCAL: B, Side.ATLAS: C}, {Side.LOCAL: 9 * SECOND + 1, Side.ATLAS: 0}, counter=1)
    assert (
        decided(observation(B, C, (A, A)), item(2, None, before), read_to, Policy()) is Decision.WAIT_FOR_BOTH
    )


def test_other_contents_than_the_earlier_task_read_wait_again() -> None:
    before = Seen({Side.LOCAL: A, Side.ATLAS: C}, {Side.LOCAL: 9 * SECOND, Side.ATLAS: 9 * SECOND}, counter=1)
    read_to = {Side.LOCAL: 9 * SECOND, Side.ATLAS: 9 * SECOND}
    assert decided(observation(B, C, (A, A)), item(2, 1, before), read_to, Policy()) is Decision.WAIT_FOR_BOTH


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
    assert decided(observation(B, A, (A, A)), work, positions, Policy(), hurry) is expected


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    ("before_at", "content", "expected"),
    [
        (5 * SECOND, B, Decision.PUSH),
        (5 * SECOND + 1, B, Decision.WAIT_FOR_LOCAL),  # the stream has not come so far
        (5 * SECOND, C, Decision.WAIT_FOR_LOCAL),  # it has changed since
    ],
)
def test_a_push_of_what_an_earlier_task_read_does_not_wait_again_however_far_its_stream_lags(
    known: bool, before_at: int, content: bytes, expected: Decision
) -> None:
    before = Seen({Side.LOCAL: content, Side.ATLAS: A}, {Side.LOCAL: before_at, Side.ATLAS: 0}, counter=1)
    work = item(1 if known else None, None, before)
    positions = {Side.LOCAL: 5 * SECOND, Side.ATLAS: 0}
    assert decided(observation(B, A, (A, A)), work, positions, Policy()) is expected


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
    assert decided(observation(local, atlas, agreed), item(2, 1), FAR, MANUAL) is expected


def test_what_a_person_is_shown_has_the_times_of_the_contents() -> None:
    read_to = {**FAR, Side.ATLAS: 9 * SECOND}
    assert decided(observation(B, C, (A, A)), item(2, 1), read_to, MANUAL) is Decision.WAIT_FOR_BOTH


def test_while_one_way_nobody_is_asked() -> None:
    one_way = Policy("manual", ONE_WAY)
    assert decided(observation(B, C, (A, A)), item(2, 1), FAR, one_way) is Decision.LOCAL_WINS


def test_one_way_owes_what_it_does_not_pull() -> None:
    one_way = Policy(travel=ONE_WAY)
    assert decided(observation(A, B, (A, A)), item(atlas_time=9), FAR, one_way) is Decision.OWED


def test_one_way_lets_local_win_without_asking_for_times() -> None:
    one_way = Policy(travel=ONE_WAY)
    nothing_read_on_atlas = {Side.LOCAL: 100 * SECOND, Side.ATLAS: 0}
    decision = decided(observation(B, C, (A, A)), item(1, 9), nothing_read_on_atlas, one_way)
    assert decision is Decision.LOCAL_WINS


def test_a_local_version_that_never_travels_loses_without_asking_for_times() -> None:
    stays = Policy(travel=BOTH_WAYS | {Side.LOCAL: Travel.NEVER})
    nothing_read = dict.fromkeys(Side, 0)
    assert decided(observation(B, C, (A, A)), item(9, 1), nothing_read, stays) is Decision.ATLAS_WINS


hashes = st.sampled_from([ABSENT, A, B, C])


@given(hashes, hashes, hashes, hashes)
def test_what_changed_nowhere_moves_nothing_and_what_changed_on_one_side_moves_to_the_other(
    local: bytes, atlas: bytes, agreed_local: bytes, agreed_atlas: bytes
) -> None:
    decision = decided(observation(local, atlas, (agreed_local, agreed_atlas)), item(2, 1), FAR, Policy())
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


@given(hashes, hashes, hashes, hashes)
def test_the_case_is_told_by_hashes_alone(
    local: bytes, atlas: bytes, agreed_local: bytes, agreed_atlas: bytes
) -> None:
    case = classify({Side.LOCAL: local, Side.ATLAS: atlas}, SyncState(agreed_local, agreed_atlas))
    if local == atlas:
        assert case is Case.EQUAL
        return
    cases = {
        (False, False): Case.AGREED,
        (True, False): Case.LOCAL_CHANGED,
        (False, True): Case.ATLAS_CHANGED,
        (True, True): Case.BOTH_CHANGED,
    }
    assert case is cases[local != agreed_local, atlas != agreed_atlas]


NEVER, WAITING, HALTED = Travel.NEVER, Travel.WAITING, Travel.HALTED


@pytest.mark.parametrize(
    ("local", "atlas", "expected"),
    [
        # The local version changed, Atlas's did, both did (local is the later)
        (Travel.ALLOWED, Travel.ALLOWED, (Decision.PUSH, Decision.PULL, Decision.LOCAL_WINS)),
        (Travel.ALLOWED, WAITING, (Decision.PUSH, Decision.OWED, Decision.LOCAL_WINS)),
        (Travel.ALLOWED, NEVER, (Decision.PUSH, Decision.STAYS, Decision.LOCAL_WINS)),
        (Travel.ALLOWED, HALTED, (Decision.PUSH, Decision.HALTED, Decision.LOCAL_WINS)),
        (HALTED, Travel.ALLOWED, (Decision.HALTED, Decision.PULL, Decision.HALTED)),
        (HALTED, HALTED, (Decision.HALTED, Decision.HALTED, Decision.HALTED)),
        (HALTED, NEVER, (Decision.HALTED, Decision.STAYS, Decision.HALTED)),
        (NEVER, Travel.ALLOWED, (Decision.STAYS, Decision.PULL, Decision.ATLAS_WINS)),
        (NEVER, WAITING, (Decision.STAYS, Decision.OWED, Decision.OWED)),
        (NEVER, NEVER, (Decision.STAYS, Decision.STAYS, Decision.STAYS)),
    ],
)
def test_what_happens_follows_from_one_value_a_side(
    local: Travel, atlas: Travel, expected: tuple[Decision, Decision, Decision]
) -> None:
    policy = Policy(travel={Side.LOCAL: local, Side.ATLAS: atlas})
    contents = [(B, A), (A, B), (B, C)]
    seen = [observation(*pair, (A, A)) for pair in contents]
    assert tuple(decided(one, item(2, 1), FAR, policy) for one in seen) == expected
    for one, decision in zip(seen, expected, strict=True):
        stays = nothing_travels(classify(one.contents, one.state), policy)
        assert stays == (decision in (Decision.STAYS, Decision.OWED)), "a verification counts it as agreed"


def test_a_local_version_that_would_wait_is_refused_since_nobody_would_keep_it() -> None:
    with pytest.raises(ValueError, match="cannot wait"):
        Policy(travel=BOTH_WAYS | {Side.LOCAL: WAITING})
