"""The rules that hold for a collection, as far as decisions ask for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from syncapp.core.rule.collection_rule import NO_RULE, CollectionRule
from syncapp.core.rule.projection import WHOLE, Projection
from syncapp.core.values import Side, SyncState, UnknownTime, Word

LAST_WRITE_WINS = "last-write-wins"  # the default
FIRST_RUN, AFTER_RESTORE = "first run", "after a restore"  # why times are unknown
BY_RULE = "rule of the collection"  # the same, where no operator was asked
# How the rule in a record begins where an operator's answer decided about many documents at once
BY_AN_ANSWER = (f"{FIRST_RUN}: ", f"{AFTER_RESTORE}: ")


class Travel(Word):
    """May a side's versions be brought to the other side?"""

    ALLOWED = "allowed"
    WAITING = "waiting"  # not now (sync is disabled): pending, backfilled when it is allowed
    HALTED = "halted"  # not before an operator answers; then a comparison finds it
    NEVER = "never"  # by a rule of the collection; a comparison finds it if the rule goes


@dataclass(frozen=True, slots=True)
class Resolvers:
    """An operator's own functions: of these modules and what is in them, for so many seconds each."""

    modules: tuple[str, ...] = ()
    seconds: float = 5.0


BOTH_WAYS: Mapping[Side, Travel] = MappingProxyType(dict.fromkeys(Side, Travel.ALLOWED))
STAYS = frozenset({Travel.WAITING, Travel.NEVER})  # the other side does not wait for it: what it holds wins


@dataclass(frozen=True, slots=True)
class Policy:
    """Raises ValueError for an impossible state: a pending local version (the listener only keeps Atlas's)."""

    strategy: str = LAST_WRITE_WINS
    travel: Mapping[Side, Travel] = field(default_factory=lambda: BOTH_WAYS)  # of each side's versions
    unknown_time: UnknownTime | None = None  # who wins if both times are unknown; None: the strategy decides
    timestamp_field: str = ""  # of the documents, for the newest
    unknown_why: str = FIRST_RUN
    projection: Projection = field(default=WHOLE, compare=False)
    # The validation rules: why a document must not be written on either side. None: it may
    check: Callable[[bytes], str | None] | None = field(default=None, compare=False)
    rule: CollectionRule = field(default=NO_RULE, compare=False)  # of the collection
    fallback: str = LAST_WRITE_WINS  # the strategy where a resolver fails
    resolvers: Resolvers = field(default=Resolvers(), compare=False)

    def __post_init__(self) -> None:
        if self.travel[Side.LOCAL] is Travel.WAITING:
            raise ValueError("a local version cannot wait: only Atlas's are kept until they are allowed")

    def stays(self, side: Side) -> bool:
        """Are this side's versions not transferred, so that the sides may differ?"""
        return self.travel[side] in STAYS

    @property
    def one_way(self) -> bool:
        """Are only one side's versions transferred? Then they win."""
        return self.stays(Side.LOCAL) or self.stays(Side.ATLAS)


def policy_for(state: SyncState, policy: Policy) -> Policy:
    """The rules for a key with an operator's answer about the preferred side."""
    if state.prefer is None:
        return policy
    return replace(policy, unknown_time=state.prefer, unknown_why=AFTER_RESTORE)
