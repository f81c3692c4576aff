"""The decision for one key: a pure function of values (docs/architecture.md, The decision).

`classify` says what has changed, by hashes alone; `decide` what may be done about it now. Who wins a conflict is
another question (resolve.py), which is asked about conflicts only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from syncapp.core.rule.policy import Policy, Travel
from syncapp.core.values import BOTH, Side, SyncState, Word, WorkItem

# A push uses the known fact if its stream lags at most this far behind the read
PUSH_LAG_SECONDS = 1
# A content that an earlier task read, and whose fact is known, counts as unchanged within this lag
FACT_LAG_SECONDS = 1


class Observation(NamedTuple):
    """What a task read: contents as hashes, the agreed pair, and the positions of the reads."""

    contents: Mapping[Side, bytes]
    state: SyncState
    read_at: Mapping[Side, int]
    twice: bool = False  # both sides made the same change, and both count


class Case(Word):
    """What has changed since both sides were last agreed on."""

    EQUAL = "equal"  # both sides hold the same
    AGREED = "agreed"  # an intentional difference
    ATLAS_CHANGED = "atlas changed"
    LOCAL_CHANGED = "local changed"
    BOTH_CHANGED = "both changed"


class Decision(Word):
    EQUAL = "equal"  # both sides are equal: agree on it
    AGREED = "agreed"  # an intentional difference
    PULL = "pull"
    PUSH = "push"
    STAYS = "stays"  # its version is never transferred: the difference is intentional
    OWED = "owed"  # a pull that is not allowed now
    CONFLICT = "conflict"  # whose facts are known: resolve.py says who wins
    LOCAL_WINS = "local wins"  # a conflict: agree on Atlas's content, which makes it a push
    ATLAS_WINS = "atlas wins"  # a conflict: pull
    MERGED = "merged"  # a conflict: both sides get a third version, which agrees on Atlas's content and is then a push
    MANUAL = "manual"  # a conflict that needs manual resolution: nothing is written or agreed
    HALTED = "halted"  # a transfer that waits for an operator's answer: a comparison finds it afterwards
    WAIT_FOR_LOCAL = "wait for local"  # the time of a push is not known yet
    WAIT_FOR_BOTH = "wait for both"  # the facts do not belong to the contents yet


# Whose version is transferred
SOURCES = {
    Decision.PULL: Side.ATLAS,
    Decision.ATLAS_WINS: Side.ATLAS,
    Decision.PUSH: Side.LOCAL,
    Decision.LOCAL_WINS: Side.LOCAL,
}
_CHANGED = {Case.ATLAS_CHANGED: (Side.ATLAS,), Case.LOCAL_CHANGED: (Side.LOCAL,), Case.BOTH_CHANGED: BOTH}
_PULLS = {
    Travel.ALLOWED: Decision.PULL,
    Travel.WAITING: Decision.OWED,
    Travel.HALTED: Decision.HALTED,
    Travel.NEVER: Decision.STAYS,
}
_PUSHES = {Travel.ALLOWED: Decision.PUSH, Travel.HALTED: Decision.HALTED}


def classify(contents: Mapping[Side, bytes], state: SyncState) -> Case:
    """Compare the current contents with the agreed ones."""
    local, atlas = contents[Side.LOCAL], contents[Side.ATLAS]
    if local == atlas:
        return Case.EQUAL
    if local == state.local:
        return Case.AGREED if atlas == state.atlas else Case.ATLAS_CHANGED
    return Case.LOCAL_CHANGED if atlas == state.atlas else Case.BOTH_CHANGED


def nothing_travels(case: Case, policy: Policy) -> bool:
    """May the sides differ so, since what has changed stays where it is?"""
    return case in _CHANGED and all(policy.stays(side) for side in _CHANGED[case])


def decide(
    seen: Observation, item: WorkItem, read_to: Mapping[Side, int], policy: Policy, hurry: bool = False
) -> Decision:
    """What may be done now.

    `read_to`: every event up to these positions had been read when the key was handed out.
    `hurry`: use the known fact for a push, however far its stream lags.
    """
    case = Case.BOTH_CHANGED if seen.twice else classify(seen.contents, seen.state)
    if case is Case.ATLAS_CHANGED:
        return _PULLS[policy.travel[Side.ATLAS]]
    if case is Case.LOCAL_CHANGED:
        if policy.travel[Side.LOCAL] is Travel.NEVER:
            return Decision.STAYS  # nobody asks when it was made
        if not _push_time_known(seen, item, read_to, hurry):
            return Decision.WAIT_FOR_LOCAL
        return _PUSHES[policy.travel[Side.LOCAL]]
    if case is Case.BOTH_CHANGED:
        return _decide_conflict(seen, item, read_to, policy, hurry)
    return Decision.EQUAL if case is Case.EQUAL else Decision.AGREED


def _decide_conflict(
    seen: Observation, item: WorkItem, read_to: Mapping[Side, int], policy: Policy, hurry: bool
) -> Decision:
    if nothing_travels(Case.BOTH_CHANGED, policy):
        return _PULLS[policy.travel[Side.ATLAS]]
    if policy.stays(Side.LOCAL):
        return Decision.CONFLICT  # Atlas wins
    if policy.stays(Side.ATLAS):
        # Local wins whenever Atlas's version was made; but other devices are told when the local one was
        known = _push_time_known(seen, item, read_to, hurry)
        return Decision.CONFLICT if known else Decision.WAIT_FOR_LOCAL
    belong = all(fact_belongs(side, seen, item, read_to) for side in Side)
    return Decision.CONFLICT if belong else Decision.WAIT_FOR_BOTH


def fact_belongs(side: Side, seen: Observation, item: WorkItem, read_to: Mapping[Side, int]) -> bool:
    """Does the fact belong to the content that was read?

    It does if its side's stream had been read past the read. Under steady traffic that never holds
    for the newest read; so it holds too if an earlier task read the same content, the stream has been
    read past *that* read, and brought nothing newer for the key. A decision in between invalidates that: a
    document can be absent, be pushed, and be absent again. For the same sequence of native writes within the
    remaining lag (a second at most) the older of the two times counts. Where no fact is known, as for all that a comparison
    finds, the stream may lag further: the time of what was read is unknown, and stays so.
    """
    if read_to[side] >= seen.read_at[side]:
        return True
    near = side not in item.facts or _lag_seconds(side, seen, read_to) <= FACT_LAG_SECONDS
    return near and _unchanged(side, seen, item, read_to)


def _unchanged(side: Side, seen: Observation, item: WorkItem, read_to: Mapping[Side, int]) -> bool:
    """Did an earlier task read the same content, and has the stream been read past that read without anything newer?"""
    before = item.seen
    if before is None or before.counter != seen.state.counter:
        return False
    fact = item.facts.get(side)
    nothing_newer = fact is None or fact.position <= before.read_at[side]
    return (
        before.contents[side] == seen.contents[side]
        and nothing_newer
        and read_to[side] >= before.read_at[side]
    )


def _push_time_known(seen: Observation, item: WorkItem, read_to: Mapping[Side, int], hurry: bool) -> bool:
    if fact_belongs(Side.LOCAL, seen, item, read_to):
        return True  # here a missing fact means an unknown time
    if Side.LOCAL in item.facts and (hurry or _lag_seconds(Side.LOCAL, seen, read_to) <= PUSH_LAG_SECONDS):
        return True
    # However far the stream lags: where each batch is worked on seconds after it was handed out, it always does
    return _unchanged(Side.LOCAL, seen, item, read_to)


def _lag_seconds(side: Side, seen: Observation, read_to: Mapping[Side, int]) -> int:
    """How far the stream lagged behind the read when the key was handed out."""
    return (seen.read_at[side] >> 32) - (read_to[side] >> 32)
