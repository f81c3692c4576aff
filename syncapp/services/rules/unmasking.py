"""Who may not see masked fields may not unmask them either: by no change of collection rules does a field that is masked in
some collection become visible there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from syncapp.core.rule.collection_rule import CollectionRule, CollectionRules
from syncapp.core.rule.field_paths import is_inside
from syncapp.rules.switches import Actor
from syncapp.services.access.roles import may_see_masked

ALL = "*"


def refusal(before: CollectionRules, after: CollectionRules, user: Actor) -> str:
    """Why this person may not change the rules so; empty: he may. None: a command, whose user has the databases."""
    if user is None or may_see_masked(user):
        return ""
    for rule, path, other in _unmasked(before, after):
        instead = f"the rule {other.pattern}" if other else "no rule"
        return (
            f"maskedFields: {path}, which the rule {rule.pattern} masks, would be shown where {instead} counts instead; that "
            "needs the permission syncapp.see_masked, which the group Administrators has"
        )
    return ""


def _unmasked(
    before: CollectionRules, after: CollectionRules
) -> Iterator[tuple[CollectionRule, str, CollectionRule | None]]:
    """A rule, a field that it masks, and the one, or none, that would count for some of its collections and does not."""
    old = {rule.pattern: rule for rule in before.rules}
    for rule in filter(lambda rule: rule.masked_fields, before.rules):
        for other in _instead_of(rule, old, after):
            for path in rule.masked_fields:
                if other is None or not any(is_inside(path, one) for one in other.masked_fields):
                    yield rule, path, other


def _instead_of(
    rule: CollectionRule, old: Mapping[str, CollectionRule], after: CollectionRules
) -> Iterator[CollectionRule | None]:
    """Those that may be the first to match a collection for which this one counted. None: none may."""
    for other in after.rules:
        if other.pattern in (rule.pattern, ALL):
            yield other
            return  # it matches all that this one has matched
        was = old.get(other.pattern)
        if (was is None or was.rank > rule.rank) and meet(rule.pattern, other.pattern):
            yield other
    yield None


def meet(one: str, other: str) -> bool:
    """Is there a name that both glob patterns match?"""
    todo, seen = [(0, 0)], set()
    while todo:
        place = todo.pop()
        if place == (len(one), len(other)):
            return True
        if place not in seen:
            seen.add(place)
            todo += _next(one[place[0] : place[0] + 1], other[place[1] : place[1] + 1], *place)
    return False


def _next(here: str, there: str, at: int, by: int) -> Iterator[tuple[int, int]]:
    """`here` and `there`: the next characters; empty: the pattern is over."""
    if "*" in (here, there):  # it stands for nothing, or for one more character
        if here:
            yield at + 1, by
        if there:
            yield at, by + 1
    elif here and there and (here == there or "?" in (here, there)):
        yield at + 1, by + 1
