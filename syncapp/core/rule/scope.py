"""What the rules let travel at all: a later change of it asks for a comparison of what was kept back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import NamedTuple

from syncapp.core.rule.collection_rule import CollectionRule, CollectionRules
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.values import Side


@dataclass(frozen=True, slots=True)
class Scope:
    exclusions: Exclusions = field(default_factory=Exclusions)
    rules: CollectionRules = field(default_factory=CollectionRules)

    def carries(self, side: Side, collection: str) -> bool:
        """Are this side's versions transferred, as far as the rules decide that?"""
        if side is Side.ATLAS and self.exclusions.excludes(collection):
            return False
        return self.rules.for_collection(collection).direction.carries(side)

    def carries_deletes(self, side: Side, collection: str) -> bool:
        return self.carries(side, collection) and self.rules.for_collection(collection).deletes[side]

    def brings(self, side: Side, collection: str, before: Scope) -> bool:
        """May something of this side be transferred now that was kept back before, or is something else compared?"""
        if not self.carries(side, collection):
            return False
        now, then = (one.rules.for_collection(collection) for one in (self, before))
        return not before.carries(side, collection) or _compared(now) != _compared(then)

    @property
    def has_filters(self) -> bool:
        return any(rule.filter for rule in self.rules.rules)

    def filters(self, collection: str) -> bool:
        """Are documents of it on this device only if they match?"""
        return bool(self.rules.for_collection(collection).filter)


class Carried(NamedTuple):
    """What of a side's changes of a collection is transferred: nothing else empties the other side."""

    collection: str
    versions: bool = True
    deletes: bool = True

    @classmethod
    def of(cls, scope: Scope, side: Side, collection: str) -> Carried:
        return cls(collection, scope.carries(side, collection), scope.carries_deletes(side, collection))


def _compared(rule: CollectionRule) -> tuple[object, ...]:
    return set(rule.own_fields), json.dumps(dict(rule.filter)), rule.on_leave if rule.filter else None
