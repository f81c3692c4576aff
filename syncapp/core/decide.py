"""What is to be done about one key: a pure function of values (docs/architecture.md, The decision)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

from syncapp.core.values import Fact, Side, Stamp, SyncState, UnknownTime, Word, WorkItem

# A push takes the fact that is there if its stream lags at most this far behind the read
PUSH_LAG_SECONDS = 1
# A content that an earlier task read, and whose fact is known, counts as unchanged within this lag
FACT_LAG_SECONDS = 1
LAST_WRITE_WINS = "last-write-wins"
WITHIN_A_SECOND = "within one second"  # in a record: which of the two versions was the later is not known
MANUAL = "manual"  # the strategy that lets a person decide


class Decision(Word):
    EQUAL = "equal"  # both sides hold the same: agree on it
    AGREED = "agreed"  # the sides differ, as agreed
    PULL = "pull"
    PUSH = "push"
    OWED = "owed"  # a pull that is not allowed now
    LOCAL_WINS = "local wins"  # a conflict: agree on Atlas's content, which makes it a push
    ATLAS_WINS = "atlas wins"  # a conflict: pull
    MANUAL = "manual"  # a conflict that waits for a person: nothing moves, nothing is agreed
    HALTED = "halted"  # a transfer that waits for an operator's answer: a comparison finds it then
    WAIT_FOR_LOCAL = "wait for local"  # the time of a push is not known yet
    WAIT_FOR_BOTH = "wait for both"  # the facts do not belong to the contents yet


# Whose version travels
SOURCES = {
    Decision.PULL: Side.ATLAS,
    Decision.ATLAS_WINS: Side.ATLAS,
    Decision.PUSH: Side.LOCAL,
    Decision.LOCAL_WINS: Side.LOCAL,
}


class Observation(NamedTuple):
    """What a task read: contents as hashes, the agreed pair, and the positions of the reads."""

    contents: Mapping[Side, bytes]
    state: SyncState
    read_at: Mapping[Side, int]
    stamps: Mapping[Side, Stamp | None] = MappingProxyType({})  # only where the times are unknown


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules that hold for a collection."""

    strategy: str = LAST_WRITE_WINS
    one_way: bool = False  # nothing is pulled: local wins
    excluded: bool = False  # that is so by a rule of the collection, not because sync is disabled
    unknown_time: UnknownTime | None = None  # who wins if both times are unknown; None: the strategy says
    timestamp_field: str = ""  # of the documents, for the newest
    unknown_why: str = "first run"  # why times are unknown, in words for a record
    halted: frozenset[Side] = frozenset()  # sides whose versions must not travel until an operator answers
    # The rules' own validation: why a document must not be written on either side. None: it may
    check: Callable[[bytes], str | None] | None = field(default=None, compare=False)


def decide(
    seen: Observation, item: WorkItem, read_to: Mapping[Side, int], policy: Policy, hurry: bool = False
) -> Decision:
    """Compare what is there with what was agreed.

    `read_to`: every event up to these positions had been read when the key was handed out.
    `hurry`: take the fact that is there for a push, however far its stream lags.
    """
    decision = _decide(seen, item, read_to, policy, hurry)
    if policy.halted and SOURCES.get(decision) in policy.halted:
        return Decision.HALTED
    return decision


def _decide(
    seen: Observation, item: WorkItem, read_to: Mapping[Side, int], policy: Policy, hurry: bool
) -> Decision:
    local, atlas = seen.contents[Side.LOCAL], seen.contents[Side.ATLAS]
    if local == atlas:
        return Decision.EQUAL
    local_changed, atlas_changed = local != seen.state.local, atlas != seen.state.atlas
    if not local_changed and not atlas_changed:
        return Decision.AGREED
    if not local_changed:
        return Decision.OWED if policy.one_way else Decision.PULL
    if (not atlas_changed or policy.one_way) and not _push_time_known(seen, item, read_to, hurry):
        return Decision.WAIT_FOR_LOCAL
    if not atlas_changed:
        return Decision.PUSH
    if policy.one_way:
        return Decision.LOCAL_WINS
    if not all(fact_belongs(side, seen, item, read_to) for side in Side):
        return Decision.WAIT_FOR_BOTH
    if waits_for_a_person(item, policy):
        return Decision.MANUAL
    if policy.unknown_time is not None and times_unknown(item):
        winner = resolve_unknown(policy.unknown_time, seen.stamps)
    else:
        winner = resolve(policy.strategy, item.facts.get(Side.LOCAL), item.facts.get(Side.ATLAS))
    return Decision.LOCAL_WINS if winner is Side.LOCAL else Decision.ATLAS_WINS


def fact_belongs(side: Side, seen: Observation, item: WorkItem, read_to: Mapping[Side, int]) -> bool:
    """Does the fact belong to the content that was read?

    It does if its side's stream had been read past the read. Under steady traffic that never holds
    for the newest read; so it holds too if an earlier task read the same content, the stream has been
    read past *that* read, and brought nothing newer for the key. A decision in between spoils that: a
    document can be absent, be pushed, and be absent again. Whoever does the same natively within the
    lag that is left (a second at most) has the older of the two times counted.
    """
    if read_to[side] >= seen.read_at[side]:
        return True
    before = item.seen
    if (
        before is None
        or before.counter != seen.state.counter
        or _lag_seconds(side, seen, read_to) > FACT_LAG_SECONDS
    ):
        return False
    fact = item.facts.get(side)
    unchanged = before.contents[side] == seen.contents[side]
    nothing_newer = fact is None or fact.position <= before.read_at[side]
    return unchanged and nothing_newer and read_to[side] >= before.read_at[side]


def _push_time_known(seen: Observation, item: WorkItem, read_to: Mapping[Side, int], hurry: bool) -> bool:
    if fact_belongs(Side.LOCAL, seen, item, read_to):
        return True  # a missing fact means here: the time is unknown
    return Side.LOCAL in item.facts and (hurry or _lag_seconds(Side.LOCAL, seen, read_to) <= PUSH_LAG_SECONDS)


def _lag_seconds(side: Side, seen: Observation, read_to: Mapping[Side, int]) -> int:
    """How far the stream lagged behind the read when the key was handed out."""
    return (seen.read_at[side] >> 32) - (read_to[side] >> 32)


def resolve(strategy: str, local: Fact | None, atlas: Fact | None) -> Side:
    """The winner of a conflict. A side without a fact changed at an unknown time, which is older."""
    if strategy == "local-wins":
        return Side.LOCAL
    if strategy == "atlas-wins" or local is None:
        return Side.ATLAS
    if atlas is None:
        return Side.LOCAL
    return Side.LOCAL if local.rank > atlas.rank else Side.ATLAS


def times_unknown(item: WorkItem) -> bool:
    """Does nobody know when either version was made? So it is at the first run and after lost history."""
    return all(fact.time is None for fact in item.facts.values())


def within_a_second(item: WorkItem) -> bool:
    """Are the times too close to say which is the later, as they are known?"""
    times = [fact.time for fact in item.facts.values() if fact.time is not None]
    exact = all(fact.exact for fact in item.facts.values())
    return not exact and len(times) == len(Side) and max(times) - min(times) < 1000


def waits_for_a_person(item: WorkItem, policy: Policy) -> bool:
    if policy.unknown_time is not None and times_unknown(item):
        return policy.unknown_time is UnknownTime.MANUAL
    return policy.strategy == MANUAL


def policy_for(state: SyncState, policy: Policy) -> Policy:
    """The rules for a key about which an operator answered who is preferred."""
    if state.prefer is None:
        return policy
    return replace(policy, unknown_time=state.prefer, unknown_why="after a restore")


def needs_stamps(item: WorkItem, policy: Policy) -> bool:
    return policy.unknown_time is UnknownTime.NEWEST and not policy.one_way and times_unknown(item)


def resolve_unknown(unknown: UnknownTime, stamps: Mapping[Side, Stamp | None]) -> Side:
    """The winner by the operator's choice. Atlas's version, if the timestamps do not say."""
    if unknown is not UnknownTime.NEWEST:
        return Side(unknown.value)
    local, atlas = stamps.get(Side.LOCAL), stamps.get(Side.ATLAS)
    if local is None or atlas is None or local.kind != atlas.kind:
        return Side.ATLAS
    return Side.LOCAL if local.value > atlas.value else Side.ATLAS


def rule_of(item: WorkItem, policy: Policy) -> str:
    """By what a conflict was decided, in words for its record."""
    if policy.unknown_time is None or not times_unknown(item):
        close = policy.strategy == LAST_WRITE_WINS and not policy.one_way and within_a_second(item)
        return f"{policy.strategy} ({WITHIN_A_SECOND})" if close else policy.strategy
    if policy.one_way and policy.unknown_time is not UnknownTime.LOCAL:
        return policy.strategy  # nobody was asked: nothing is pulled
    by = f" by {policy.timestamp_field}" if policy.timestamp_field else ""
    return f"{policy.unknown_why}: {policy.unknown_time}{by}"
