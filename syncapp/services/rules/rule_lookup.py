"""Which rules apply to a collection, and why: its collection rule, exclusions, validation rules, the strategy, halts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from syncapp.core import strategies
from syncapp.core.rule.collection_rule import NO_RULE, CollectionRule, Direction
from syncapp.core.rule.exclusions import Exclusions, is_reserved
from syncapp.core.rule.rule_words import words_of
from syncapp.core.values import Side
from syncapp.models import CollectionRule as Row
from syncapp.models import Instance
from syncapp.models.choices import RuleKind
from syncapp.services import switches
from syncapp.services.rules import collection_rules
from syncapp.services.rules.rule_changes import MODELS

EXCLUDED = "Excluded: not pulled from Atlas, still pushed"
VALIDATED = "Validation rule: what it does not allow is rejected"
EFFECTS: dict[str, str] = {RuleKind.EXCLUSION: EXCLUDED, RuleKind.VALIDATION: VALIDATED}  # of each


@dataclass(frozen=True, slots=True)
class Found:
    """`rule`: NO_RULE if none matches. `later`: further matches, which do not count."""

    collection: str
    rule: CollectionRule
    later: tuple[CollectionRule, ...]
    exclusions: tuple[str, ...]
    validation: tuple[str, ...]  # patterns
    strategy: str
    enabled: bool
    paused: bool
    halts: tuple[str, ...]
    refused: str  # why it is not synchronised at all; empty: it is

    @property
    def matched(self) -> bool:
        return self.rule is not NO_RULE

    @property
    def because(self) -> str:
        """Why it gets this rule."""
        if not self.matched:
            return "No collection rule matches it"
        first = f"{self.rule.pattern} matches it, with priority {self.rule.priority}"
        if not self.later:
            return f"{first}; no other rule does"
        others = ", ".join(f"{one.pattern} ({one.priority})" for one in self.later)
        count = "does" if len(self.later) == 1 else "do"
        return f"{first}, and is asked before {others}, which {count} not count"

    @property
    def effects(self) -> list[str]:
        """What applies, in plain sentences."""
        return list(self._effects())

    def as_document(self) -> dict[str, Any]:
        """As API and `--json` show it."""
        return {
            "collection": self.collection,
            "rule": self.rule.as_document() if self.matched else None,
            "because": self.because,
            "later": [one.pattern for one in self.later],
            "exclusions": list(self.exclusions),
            "validationRules": list(self.validation),
            "strategy": self.rule.strategy or self.strategy,
            "strategyFrom": "rule" if self.rule.strategy else "general",
            "halts": list(self.halts),
            "effects": self.effects,
        }

    def _effects(self) -> Iterator[str]:
        if self.refused:
            yield f"Not synchronised: {self.refused}"
        yield from (f"Halted: {one}" for one in self.halts)
        if self.paused:
            yield "Sync is paused: nothing is transferred until it is resumed"
        yield from (f"{EXCLUDED} (by {one})" for one in self.exclusions)
        if not self.enabled and not self.exclusions and self.rule.direction.carries(Side.ATLAS):
            yield "Bidirectional sync is disabled: changes on Atlas wait"
        yield f"By the rule: {'; '.join(words_of(self.rule))}"
        if self.rule.direction is not Direction.NONE:
            source = "the rule's strategy" if self.rule.strategy else "the general strategy"
            yield f"Conflicts: {_about(self.rule.strategy or self.strategy)} ({source})"
        yield from (f"{VALIDATED} (by {one})" for one in self.validation)


def look_up(collection: str) -> Found:
    """Raises DatabaseError."""
    found, general = collection_rules.current(), switches.show()
    matching = [rule for rule in found.rules if rule.matches(collection)]
    return Found(
        collection=collection,
        rule=matching[0] if matching else NO_RULE,
        later=tuple(matching[1:]),
        exclusions=_that_match(collection, RuleKind.EXCLUSION),
        validation=_that_match(collection, RuleKind.VALIDATION),
        strategy=general.strategy,
        enabled=general.enabled,
        paused=general.paused,
        halts=tuple(_halts(collection)),
        refused=_refused(collection),
    )


def beside() -> list[dict[str, str]]:
    """Exclusions and validation rules, as they are listed with the collection rules."""
    return [
        {"kind": MODELS[kind]._meta.model_name or "", "pattern": pattern, "effect": effect}
        for kind, effect in EFFECTS.items()
        for pattern in _patterns(kind)
    ]


def effects_of(row: Row) -> list[str]:
    """What one of any kind does, in a few words."""
    return [EFFECTS[row.kind]] if row.kind in EFFECTS else words_of(CollectionRule.of(row.document))


def _that_match(collection: str, kind: str) -> tuple[str, ...]:
    return tuple(one for one in _patterns(kind) if Exclusions.of([one]).excludes(collection))


def _patterns(kind: str) -> Iterator[str]:
    yield from MODELS[kind].objects.order_by("pattern").values_list("pattern", flat=True)


def _halts(collection: str) -> Iterator[str]:
    for halts in Instance.objects.values_list("halts", flat=True):
        for halt in halts:
            if halt["collection"] in ("", collection):
                yield str(halt["detail"])


def _refused(collection: str) -> str:
    if is_reserved(collection):
        return "it belongs to sync or to the server"
    reasons = [refused.get(collection) for refused in Instance.objects.values_list("refused", flat=True)]
    return str(next(filter(None, reasons), ""))


def _about(strategy: str) -> str:
    found = strategies.ALL.get(strategy)
    return f"{strategy}, {found.about}" if found else strategy
