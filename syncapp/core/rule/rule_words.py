"""What a collection rule does, in a few words, and what differs between two of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from syncapp.core.rule.collection_rule import NO_RULE, CollectionRule, Direction, OnLeave, Urgency
from syncapp.core.text.plain_ids import shorter
from syncapp.core.values import Side

DIRECTIONS = {
    Direction.BOTH: "both directions",
    Direction.LOCAL_TO_ATLAS: "local → Atlas only",
    Direction.ATLAS_TO_LOCAL: "Atlas → local only",
    Direction.NONE: "nothing is transferred",
}
_LONGEST = 80  # characters of a filter
WITHOUT_EFFECT = "as without a rule"


def words_of(rule: CollectionRule) -> list[str]:
    """A few words for each part that says something."""
    return list(_words(rule)) or [WITHOUT_EFFECT]


def changes(before: CollectionRule, after: CollectionRule) -> dict[str, tuple[Any, Any]]:
    """The parts that differ, as JSON values: what they were, and what they are."""
    return differing(before.as_document(), after.as_document())


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The same of documents as the API has them. None: there was, or is, no such part."""
    return {
        name: (old.get(name), new.get(name))
        for name in {**old, **new}
        if name != "pattern" and _json(old.get(name)) != _json(new.get(name))
    }


def change_text(before: CollectionRule | None, after: CollectionRule | None) -> str:
    """The differing parts in one line, before → after. None: there was, or is, no such rule."""
    parts = part_texts(changes(before or NO_RULE, after or NO_RULE))
    whole = {(True, False): "new rule", (False, True): "no rule any more"}.get(
        (before is None, after is None)
    )
    return "; ".join([*([whole] if whole else []), *parts])


def part_texts(parts: Mapping[str, tuple[Any, Any]]) -> list[str]:
    return [f"{name}: {_json(old)} → {_json(new)}" for name, (old, new) in parts.items()]


def _words(rule: CollectionRule) -> Iterator[str]:
    if rule.direction is not Direction.BOTH:
        yield DIRECTIONS[rule.direction]
    if rule.strategy:
        yield f"conflicts: {rule.strategy}" + (f" ({rule.resolver})" if rule.resolver else "")
    if rule.numbers:
        yield f"numbers: {_pairs(rule.numbers)}"
    if rule.arrays:
        yield f"arrays: {_pairs(rule.arrays)}"
    if rule.timestamp_field:
        yield f"unknown times: by {rule.timestamp_field}"
    if rule.filter:
        yield f"only documents that match {shorter(_json(dict(rule.filter)), _LONGEST)}"
        if rule.on_leave is OnLeave.KEEP:
            yield "what no longer matches stays here"
    if not rule.deletes[Side.LOCAL]:
        yield "local deletes do not go to Atlas"
    if not rule.deletes[Side.ATLAS]:
        yield "deletes on Atlas do not come here"
    if rule.own_fields:
        yield f"each side keeps its own {', '.join(rule.own_fields)}"
    if rule.masked_fields:
        yield f"masked: {', '.join(rule.masked_fields)}"
    if rule.urgency is not Urgency.NORMAL:
        yield f"goes {rule.urgency}"
    if rule.validation:
        yield "documents are validated"


def _pairs(values: Any) -> str:
    return ", ".join(f"{name} {_how(how)}" for name, how in values.items())


def _how(how: Any) -> str:
    return f"by {how['key']}" if isinstance(how, dict) else str(how)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
