"""What an operator has laid down for the collections of a pattern, beyond the general settings: one value for the model, the
API, the command, and the engine."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.values import Side, Word

NOTHING: Mapping[str, Any] = MappingProxyType({})
TRAVELLING_DELETES: Mapping[Side, bool] = MappingProxyType(dict.fromkeys(Side, True))
DELETES = {"localToAtlas": Side.LOCAL, "atlasToLocal": Side.ATLAS}  # whose deletes are transferred


class Direction(Word):
    BOTH = "both"
    LOCAL_TO_ATLAS = "localToAtlas"
    ATLAS_TO_LOCAL = "atlasToLocal"
    NONE = "none"

    def carries(self, side: Side) -> bool:
        """Are this side's versions transferred?"""
        alone = {Side.LOCAL: Direction.LOCAL_TO_ATLAS, Side.ATLAS: Direction.ATLAS_TO_LOCAL}[side]
        return self in (Direction.BOTH, alone)


class OnLeave(Word):
    """What happens here to a document that no longer matches the filter."""

    DROP = "drop"
    KEEP = "keep"


class Urgency(Word):
    """Whose changes go first when more waits than can go."""

    FIRST = "first"
    NORMAL = "normal"
    LAST = "last"


# Parts that databases keep as texts. PostgreSQL puts the fields of JSON in an order of its own and writes numbers in its own way:
# the server compares an embedded document with its order, and a rule that is set once more would be another one
ORDERED = ("numbers", "arrays", "filter", "validation")


def in_order(stored: str | Mapping[str, Any]) -> Mapping[str, Any]:
    """From such a text. An earlier version kept JSON itself."""
    return dict(json.loads(stored)) if isinstance(stored, str) else stored


@dataclass(frozen=True, slots=True)
class CollectionRule:
    """What a part leaves empty is as if there were no rule. Field paths are dotted (`customer.phone`).

    Two are equal if their JSON is: in a filter 1 is not true, and an embedded document is equal to one in its order only.
    """

    pattern: str = "*"
    priority: int = 100  # the lowest number is asked first
    direction: Direction = Direction.BOTH
    strategy: str = ""  # empty: the general one
    numbers: Mapping[str, str] = field(default_factory=lambda: NOTHING)  # by field: last, min, max, sum
    # By field: replace, union, {"key": field of the elements}
    arrays: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    resolver: str = ""  # dotted path of a callable
    timestamp_field: str = ""
    filter: Mapping[str, Any] = field(default_factory=lambda: NOTHING)  # a match expression, as extended JSON
    on_leave: OnLeave = OnLeave.DROP
    # Of each side: are they transferred?
    deletes: Mapping[Side, bool] = field(default_factory=lambda: TRAVELLING_DELETES)
    own_fields: tuple[str, ...] = ()  # that each side keeps for itself
    masked_fields: tuple[str, ...] = ()  # not shown without permission
    urgency: Urgency = Urgency.NORMAL
    validation: Mapping[str, Any] = field(default_factory=lambda: NOTHING)  # as in MongoDB's $jsonSchema

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> CollectionRule:
        """From its stored form, which was checked before it was stored."""
        deletes = document.get("deletes", {})
        ordered = {name: in_order(document.get(name, NOTHING)) for name in ORDERED}
        return cls(
            pattern=document["pattern"],
            priority=document.get("priority", cls().priority),
            direction=Direction(document.get("direction", Direction.BOTH)),
            strategy=document.get("strategy", ""),
            resolver=document.get("resolver", ""),
            timestamp_field=document.get("timestampField", ""),
            on_leave=OnLeave(document.get("onLeave", OnLeave.DROP)),
            deletes={side: deletes.get(name, True) for name, side in DELETES.items()},
            own_fields=tuple(document.get("ownFields", ())),
            masked_fields=tuple(document.get("maskedFields", ())),
            urgency=Urgency(document.get("urgency", Urgency.NORMAL)),
            **ordered,
        )

    def as_document(self) -> dict[str, Any]:
        """As the API takes and shows it."""
        return {
            "pattern": self.pattern,
            "priority": self.priority,
            "direction": self.direction.value,
            "strategy": self.strategy,
            "numbers": dict(self.numbers),
            "arrays": dict(self.arrays),
            "resolver": self.resolver,
            "timestampField": self.timestamp_field,
            "filter": dict(self.filter),
            "onLeave": self.on_leave.value,
            "deletes": {name: self.deletes[side] for name, side in DELETES.items()},
            "ownFields": list(self.own_fields),
            "maskedFields": list(self.masked_fields),
            "urgency": self.urgency.value,
            "validation": dict(self.validation),
        }

    def as_stored(self) -> dict[str, Any]:
        """As databases keep it: what has an order is a text."""
        document = self.as_document()
        return {**document, **{name: json.dumps(document[name]) for name in ORDERED if document[name]}}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CollectionRule):
            return NotImplemented
        return self is other or json.dumps(self.as_document()) == json.dumps(other.as_document())

    def __hash__(self) -> int:
        return hash(self.pattern)

    def matches(self, collection: str) -> bool:
        return _matcher(self.pattern).excludes(collection)

    @property
    def rank(self) -> tuple[int, bool, int, str]:
        """Of two rules the one with the smaller rank is asked first: at equal priorities a name before a glob pattern, the
        longer pattern before the shorter."""
        return self.priority, "*" in self.pattern or "?" in self.pattern, -len(self.pattern), self.pattern


NO_RULE = CollectionRule()


@dataclass(frozen=True, slots=True)
class CollectionRules:
    """In the order in which they are asked: the first that matches counts, alone."""

    rules: tuple[CollectionRule, ...] = ()

    @classmethod
    def of(cls, documents: Iterable[Mapping[str, Any]]) -> CollectionRules:
        return cls(tuple(sorted(map(CollectionRule.of, documents), key=lambda rule: rule.rank)))

    def for_collection(self, collection: str) -> CollectionRule:
        """NO_RULE if none matches."""
        return next((rule for rule in self.rules if rule.matches(collection)), NO_RULE)


@lru_cache(maxsize=1024)
def _matcher(pattern: str) -> Exclusions:
    return Exclusions.of([pattern])
