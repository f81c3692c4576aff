"""What changed rules will do, before they are changed: counts by collection, by reading alone. API, command and admin call it."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pymongo.errors import OperationFailure

from syncapp.compare.differences import shared_collections
from syncapp.compare.rule_fate import Fate
from syncapp.compare.rule_preview import Outlook, look_ahead
from syncapp.core import strategies
from syncapp.core.rule.collection_rule import CollectionRule, CollectionRules
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.rule.rule_words import changes, differing
from syncapp.core.values import BOTH, Side
from syncapp.first_run.effect import documents
from syncapp.models.choices import RuleKind
from syncapp.mongo.errors import ConnectionDown, SyncError
from syncapp.rules import stored
from syncapp.rules.rules import Rules, rules_of
from syncapp.rules.validation import ValidationRules
from syncapp.services.databases import database
from syncapp.services.errors import NotPossible
from syncapp.services.rules.collection_rules import PROCESS, checked, one
from syncapp.services.rules.rule_changes import Change, laid_down
from syncapp.services.rules.rule_files import Wanted, changes_to, read_file

SECONDS = 5.0
MOST_COLLECTIONS = 50  # that are read, and shown
# Parts that say what becomes of documents; the others move none
MOVING = frozenset(
    {"direction", "filter", "onLeave", "deletes", "ownFields", "validation", "excluded", "validationRules"}
)
TEXTS = {
    Fate.COME: "{} come from Atlas",
    Fate.GO: "{} go to Atlas",
    Fate.DROPPED: "{} dropped here, not on Atlas: no match",
    Fate.KEPT: "{} stay here without a match",
    Fate.DELETED_HERE: "{} deleted here",
    Fate.DELETED_THERE: "{} deleted on Atlas",
    Fate.CONFLICT: "{} in conflict",
    Fate.DIFFERS: "{} differ between the sides, and stay so",
    Fate.OWN: "{} differ now in own fields",
}


@dataclass(frozen=True, slots=True)
class Effect:
    """On one collection: what changes of its rule and of what applies beside that (before, after), and what follows.
    `outlook` None: no document moves."""

    collection: str
    before: CollectionRule
    after: CollectionRule
    parts: dict[str, tuple[Any, Any]]
    general: str  # strategy
    excluded: bool
    outlook: Outlook | None = None

    @property
    def moves(self) -> bool:
        """May documents move?"""
        return bool(MOVING & self.parts.keys())

    @property
    def sentences(self) -> list[str]:
        return list(self._sentences())

    def as_document(self) -> dict[str, Any]:
        """As API and `--json` show it."""
        found = self.outlook or Outlook(self.collection)
        return {
            "collection": self.collection,
            "parts": [{"part": name, "before": old, "after": new} for name, (old, new) in self.parts.items()],
            "moves": self.moves,
            "whole": found.whole,
            "read": {side.value: found.read[side] for side in BOTH},
            "compared": found.compared,
            "matching": {side.value: found.matching.get(side) for side in BOTH},
            "documents": {fate.value: found.fates[fate] for fate in Fate},
            "refused": {side.value: found.refused[side] for side in BOTH},
            "effects": self.sentences,
        }

    def _sentences(self) -> Iterator[str]:
        found = self.outlook
        if found is None:
            yield "No document moves"
        else:
            yield self._how_much(found)
            yield from (TEXTS[fate].format(f"{found.fates[fate]:,}") for fate in Fate if found.fates[fate])
            for side, word in ((Side.LOCAL, "here"), (Side.ATLAS, "on Atlas")):
                if found.refused[side]:
                    yield f"{found.refused[side]:,} {word} would be refused by the validation"
            if not found.fates and not found.refused and not found.problem:
                yield "Nothing is written"
            if found.problem:
                yield found.problem
        yield from self._remarks()

    @staticmethod
    def _how_much(found: Outlook) -> str:
        total = " and ".join(
            f"{word} {'an unknown number' if number is None else f'{number:,}'}"
            for word, number in (
                ("here", found.matching.get(Side.LOCAL)),
                ("on Atlas", found.matching.get(Side.ATLAS)),
            )
        )
        compared = f"{documents(found.compared)} compared"
        if found.whole:
            return f"{compared}, all there are"
        return f"A sample: {compared}, the first by _id; {total} match the filter"

    def _remarks(self) -> Iterator[str]:
        parts = self.parts
        strategy = self.after.strategy or self.general
        if {"numbers", "arrays"} & parts.keys() and strategy != "field-merge":
            yield f"numbers and arrays count with the strategy field-merge only; here it is {strategy}"
        if "ownFields" in parts:
            old, new = self.before.own_fields, self.after.own_fields
            if added := [name for name in new if name not in old]:
                yield f"{', '.join(added)}: each side keeps the value that it has"
            if removed := [name for name in old if name not in new]:
                yield f"{', '.join(removed)}: compared again; where the sides differ, {_who_wins(strategy)}"
        if self.excluded and self.after.direction.carries(Side.ATLAS):
            yield "The collection is excluded: nothing comes from Atlas, whatever its rule says"
        if "excluded" in parts and not self.excluded:
            yield "The collection is no longer excluded"


@dataclass(frozen=True, slots=True)
class Preview:
    """`changes`: of the rules; `effects`: on collections; `left`: further collections that were not looked at."""

    changes: list[Change]
    effects: list[Effect]
    left: int
    enabled: bool

    @property
    def whole(self) -> bool:
        return not self.left and all(
            effect.outlook is None or effect.outlook.whole for effect in self.effects
        )

    @property
    def total(self) -> Counter[Fate]:
        return sum((effect.outlook.fates for effect in self.effects if effect.outlook), Counter())

    @property
    def remarks(self) -> list[str]:
        found = []
        if not self.effects:
            found.append("No collection's rule changes now")
        if self.left:
            found.append(f"{self.left:,} further collections were not looked at")
        if not self.enabled and self.total[Fate.COME]:
            found.append("Bidirectional sync is disabled: what comes from Atlas waits until it is enabled")
        return found

    def as_document(self) -> dict[str, Any]:
        """As API and `--json` show it."""
        return {
            "rules": [change.as_document() for change in self.changes],
            "collections": [effect.as_document() for effect in self.effects],
            "collectionsLeft": self.left,
            "whole": self.whole,
            "documents": {fate.value: self.total[fate] for fate in Fate},
            "remarks": self.remarks,
        }


def preview_rule(given: object, seconds: float | None = SECONDS) -> Preview:
    """Of setting this rule. `seconds`: read for so long; None: everything. Raises WrongInput, NotPossible or Unreachable."""
    document = checked(given)
    return _preview({RuleKind.RULE: {**laid_down(RuleKind.RULE), document["pattern"]: document}}, seconds)


def preview_delete(pattern: str, seconds: float | None = SECONDS) -> Preview:
    """Of removing the rule of this pattern. Raises NotFound, NotPossible or Unreachable."""
    removed = one(pattern).pattern
    kept = {name: rule for name, rule in laid_down(RuleKind.RULE).items() if name != removed}
    return _preview({RuleKind.RULE: kept}, seconds)


def preview_import(given: object, seconds: float | None = SECONDS) -> Preview:
    """Of importing this file. Raises WrongInput, NotPossible or Unreachable."""
    return _preview(read_file(given), seconds)


def _preview(wanted: Wanted, seconds: float | None) -> Preview:
    deadline = time.monotonic() + (math.inf if seconds is None else seconds)
    with database(Side.LOCAL, PROCESS) as local, database(Side.ATLAS, PROCESS) as atlas:
        rules = rules_of(local, stored.read())
        changed = _changed(rules, wanted)
        try:
            effects, left = _look({Side.LOCAL: local, Side.ATLAS: atlas}, rules, changed, deadline)
        except ConnectionDown:
            raise
        except (OperationFailure, SyncError) as error:
            raise NotPossible(f"The documents cannot be read: {error}") from error
    told = [change for change in changes_to(wanted) if change.what != "unchanged"]
    return Preview(told, effects, left, rules.enabled)


def _changed(rules: Rules, wanted: Wanted) -> Rules:
    if (found := wanted.get(RuleKind.RULE)) is not None:
        rules = replace(rules, collections=CollectionRules.of(found.values()))
    if (found := wanted.get(RuleKind.EXCLUSION)) is not None:
        rules = replace(rules, exclusions=Exclusions.of(found))
    if (found := wanted.get(RuleKind.VALIDATION)) is not None:
        schemas = ((pattern, one["schema"]) for pattern, one in found.items())
        rules = replace(rules, validation=ValidationRules.of(schemas))
    return rules


def _look(
    databases: Mapping[Side, Any], rules: Rules, changed: Rules, deadline: float
) -> tuple[list[Effect], int]:
    """On the collections for which something changes, small ones first, so that many are read to their end; and how many
    were left."""
    names = shared_collections(databases[Side.LOCAL], databases[Side.ATLAS])
    effects = [one for one in (_effect(name, rules, changed) for name in names) if one.parts]
    shown = effects[:MOST_COLLECTIONS]
    sizes = {
        one.collection: max(databases[side][one.collection].estimated_document_count() for side in BOTH)
        for one in shown
        if one.moves
    }
    found = [one for one in shown if not one.moves]
    for name in sorted(sizes, key=lambda name: (sizes[name], name)):
        if time.monotonic() > deadline and len(found) > len(shown) - len(sizes):
            break  # one at least is read
        effect = next(one for one in shown if one.collection == name)
        outlook = look_ahead(databases, name, rules.policy(name), changed.policy(name), deadline)
        found.append(replace(effect, outlook=outlook))
    return sorted(found, key=lambda one: one.collection), len(effects) - len(found)


def _effect(name: str, rules: Rules, changed: Rules) -> Effect:
    before, after = (one.collections.for_collection(name) for one in (rules, changed))
    parts = changes(before, after) | differing(_beside(name, rules), _beside(name, changed))
    return Effect(name, before, after, parts, rules.strategy, changed.exclusions.excludes(name))


def _beside(name: str, rules: Rules) -> dict[str, Any]:
    """What applies to a collection beside its rule."""
    validation = {pattern: json.loads(schema) for pattern, schema in rules.validation.matching(name)}
    return {"excluded": rules.exclusions.excludes(name), "validationRules": validation}


def _who_wins(strategy: str) -> str:
    found = strategies.ALL.get(strategy)
    return f"the strategy decides: {strategy}" + (f" ({found.about})" if found else "")
