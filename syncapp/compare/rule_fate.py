"""What becomes of one document under the rules of its collection, as far as hashes and the filter tell it: pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from syncapp.core.decide import Case
from syncapp.core.rule.collection_rule import Direction, OnLeave
from syncapp.core.rule.policy import Policy, Travel
from syncapp.core.values import Side, Word


class Fate(Word):
    COME = "come"  # written here: pulled from Atlas
    GO = "go"  # written on Atlas
    DROPPED = "dropped"  # here: it does not match the filter
    KEPT = "kept"  # here, although it does not match the filter
    DELETED_HERE = "deletedHere"
    DELETED_THERE = "deletedOnAtlas"
    CONFLICT = "conflicts"
    DIFFERS = "differ"  # the sides differ, and nothing is transferred
    OWN = "ownDiffer"  # in the fields that each side keeps, or kept, for itself


@dataclass(frozen=True, slots=True)
class Seen:
    """Of one document: what has changed on which side, where it is, and whether each version matches the filter."""

    case: Case
    here: bool = True
    there: bool = True  # on Atlas
    local_matches: bool = True
    atlas_matches: bool = True


def fates(seen: Seen, policy: Policy) -> list[Fate]:
    """What the policy's rule will do about it; empty: nothing."""
    if policy.rule.direction is Direction.NONE:
        return [] if seen.case is Case.EQUAL else [Fate.DIFFERS]
    return list(_FATES[seen.case](seen, policy))


def _equal(seen: Seen, policy: Policy) -> Iterator[Fate]:
    if seen.here and not seen.atlas_matches:
        yield _leaves(policy)


def _agreed(seen: Seen, policy: Policy) -> Iterator[Fate]:
    yield Fate.DIFFERS


def _atlas_changed(seen: Seen, policy: Policy) -> Iterator[Fate]:
    if not seen.there:
        yield Fate.DELETED_HERE if _deletes(policy, Side.ATLAS) else Fate.DIFFERS
    elif not seen.atlas_matches:
        if seen.here:
            yield _leaves(policy)
    else:
        yield Fate.COME if _travels(policy, Side.ATLAS) else Fate.DIFFERS


def _local_changed(seen: Seen, policy: Policy) -> Iterator[Fate]:
    if not seen.here:
        yield Fate.DELETED_THERE if _deletes(policy, Side.LOCAL) else Fate.DIFFERS
    elif not _travels(policy, Side.LOCAL):
        yield Fate.DIFFERS
    else:
        yield Fate.GO
        if not seen.local_matches:
            yield _leaves(policy)


def _both_changed(seen: Seen, policy: Policy) -> Iterator[Fate]:
    yield Fate.CONFLICT


_FATES = {
    Case.EQUAL: _equal,
    Case.AGREED: _agreed,
    Case.ATLAS_CHANGED: _atlas_changed,
    Case.LOCAL_CHANGED: _local_changed,
    Case.BOTH_CHANGED: _both_changed,
}


def _leaves(policy: Policy) -> Fate:
    return Fate.KEPT if policy.rule.on_leave is OnLeave.KEEP else Fate.DROPPED


def _travels(policy: Policy, side: Side) -> bool:
    return policy.travel[side] is not Travel.NEVER


def _deletes(policy: Policy, side: Side) -> bool:
    return _travels(policy, side) and policy.rule.deletes[side]
