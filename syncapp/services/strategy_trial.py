"""What a strategy would have decided about recorded conflicts, field by field. Nothing is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.db.models import QuerySet

from syncapp.core import strategies
from syncapp.core.content import content_hash
from syncapp.core.field_choice import value_at
from syncapp.core.resolve import instead, resolve
from syncapp.core.rule.collection_rule import CollectionRule, CollectionRules
from syncapp.core.rule.policy import BOTH_WAYS, Policy
from syncapp.core.strategy import Conflict as Question
from syncapp.core.strategy import Verdict
from syncapp.core.text.extended_json import extended_json
from syncapp.core.values import Fact, Side
from syncapp.models import Conflict
from syncapp.rules.rule_check import faults
from syncapp.rules.rules import Rules, load_rules
from syncapp.services.conflicts import PROCESS, versions_of
from syncapp.services.databases import local_database
from syncapp.services.errors import WrongInput
from syncapp.services.resolution import differing

MOST = 100  # conflicts of one trial


@dataclass(frozen=True, slots=True)
class Trial:
    """`decided`: local, atlas, merged, or open (a person would decide). `fields`: those in which the versions differ, and whose
    value each would have: local, atlas, or merged. `document`: canonical extended JSON; empty: deleted, or nobody decided."""

    conflict: Conflict
    decided: str
    strategy: str
    because: str
    document: str
    fields: dict[str, str]
    error: str = ""  # why the strategy has no answer

    @property
    def differs(self) -> bool:
        """Is it another decision than the recorded one?"""
        recorded = "merged" if self.conflict.merged else self.conflict.winner
        return self.decided != recorded


def checked_rule(wanted: dict[str, Any]) -> CollectionRule:
    """As a rule of a collection has it: strategy, numbers, arrays, resolver, timestampField. Raises WrongInput."""
    given = {**wanted, "pattern": "*"}
    if not given.get("strategy"):
        raise WrongInput(
            f"strategy is missing; allowed: {', '.join(one.name for one in strategies.offered())}", "strategy"
        )
    for name, text in faults(given).items():
        raise WrongInput(text, name)
    return CollectionRule.of(given)


def try_strategy(found: QuerySet[Conflict], rule: CollectionRule) -> list[Trial]:
    """Of the newest MOST. Raises Unreachable or DatabaseError."""
    with local_database(PROCESS) as local:
        rules = replace(load_rules(local), collections=CollectionRules((rule,)))
    return [_try(conflict, rules) for conflict in found.defer(None)[:MOST].iterator(10)]


def _try(conflict: Conflict, rules: Rules) -> Trial:
    policy = replace(rules.policy(conflict.collection, frozenset()), travel=BOTH_WAYS)
    asked = _question(conflict, policy)
    try:
        verdict = resolve(asked)
    except Exception as error:  # of an operator's function, or of a document that cannot be read
        substitute = instead(asked, error)
        if substitute is None:
            return Trial(conflict, "open", policy.strategy, "", "", {}, f"{type(error).__name__}: {error}")
        verdict = substitute
    return _trial(conflict, asked, verdict)


def _trial(conflict: Conflict, asked: Question, verdict: Verdict) -> Trial:
    document = verdict.document
    decided = "merged" if document is not None else verdict.winner.value if verdict.winner else "open"
    if document is None and verdict.winner is not None:
        document = asked.documents[verdict.winner]
    fields = {} if decided == "open" else _whose(asked, document)
    return Trial(conflict, decided, verdict.rule, verdict.because, extended_json(document), fields)


def _question(conflict: Conflict, policy: Policy) -> Question:
    versions = versions_of(conflict)
    facts = {}
    for side, moment, origin in (
        (Side.LOCAL, conflict.local_time, conflict.local_origin),
        (Side.ATLAS, conflict.atlas_time, conflict.atlas_origin),
    ):
        if moment is not None or origin:
            facts[side] = Fact(0, None if moment is None else round(moment.timestamp() * 1000), origin)
    contents = {side: content_hash(version) for side, version in versions.items()}
    base = None if conflict.base_raw is None else bytes(conflict.base_raw)
    return Question(contents, facts, policy, versions, base, conflict.collection)


def _whose(asked: Question, document: bytes | None) -> dict[str, str]:
    found = {}
    for name, path in differing(asked.documents).items():
        local, atlas, value = (
            value_at(one, path) for one in (*(asked.documents[side] for side in Side), document)
        )
        found[name] = "local" if value == local else "atlas" if value == atlas else "merged"
    return found
