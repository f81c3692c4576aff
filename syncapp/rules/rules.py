"""The current rules, as one frozen value: read by listener and workers from Django's
database, and the choice of the first run from the local `_sync_metadata`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pymongo.database import Database

from syncapp.conf.settings import get_settings
from syncapp.core.initial_choice import InitialChoice
from syncapp.core.rule.collection_rule import CollectionRule, CollectionRules, Urgency
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.rule.own_fields import projection_of
from syncapp.core.rule.policy import BY_RULE, FIRST_RUN, LAST_WRITE_WINS, Policy, Resolvers, Travel
from syncapp.core.rule.scope import Scope
from syncapp.core.strategies import callable
from syncapp.core.values import Side, UnknownTime
from syncapp.rules import stored
from syncapp.rules.validation import ValidationRules
from syncapp.store import first_run as first_run_record
from syncapp.store.halts import Halt, load_halts, stopped_sides
from syncapp.store.rules_copy import StoredRules


@dataclass(frozen=True, slots=True)
class Rules:
    """`enabled`: pulls are allowed. `paused`: no transfers. `version` rises with every change."""

    enabled: bool
    paused: bool
    strategy: str
    exclusions: Exclusions
    version: int
    initial: InitialChoice | None = None
    validation: ValidationRules = field(default_factory=ValidationRules)
    halts: tuple[Halt, ...] = ()
    collections: CollectionRules = field(default_factory=CollectionRules)
    resolvers: Resolvers = field(default_factory=Resolvers)

    def policy(self, collection: str, halted: frozenset[Side] | None = None) -> Policy:
        """`halted`: whose versions must not travel, by a newer look at the halts than these rules took."""
        rule = self.collections.for_collection(collection)
        halted = self.halted(collection) if halted is None else halted
        return Policy(
            rule.strategy or self.strategy,
            self._travel(collection, halted, rule),
            unknown_time=self._unknown_time(rule),
            timestamp_field=rule.timestamp_field or (self.initial.timestamp_field if self.initial else ""),
            unknown_why=FIRST_RUN if self.initial else BY_RULE,
            check=self._validation(rule).check_for(collection),
            rule=rule,
            projection=projection_of(rule.own_fields),
            fallback=self.strategy if self.strategy != callable.NAME else LAST_WRITE_WINS,
            resolvers=self.resolvers,
        )

    def _unknown_time(self, rule: CollectionRule) -> UnknownTime | None:
        """Who wins if nobody knows when either version was made. The collection's own field says more than the choice of
        the first run."""
        if rule.timestamp_field:
            return UnknownTime.NEWEST
        return UnknownTime(self.initial.differing) if self.initial else None

    @property
    def urgency(self) -> Callable[[str], Urgency] | None:
        """Of a collection. None: no rule has one."""
        if all(rule.urgency is Urgency.NORMAL for rule in self.collections.rules):
            return None
        return cache(lambda collection: self.collections.for_collection(collection).urgency)

    def _validation(self, rule: CollectionRule) -> ValidationRules:
        """The validation rules, and what the collection's rule says beside them."""
        if not rule.validation:
            return self.validation
        return self.validation.with_rule(rule.pattern, rule.validation)

    @property
    def first(self) -> tuple[str, ...]:
        """Patterns of collections that go first; a rule before theirs may say otherwise of some."""
        return tuple(rule.pattern for rule in self.collections.rules if rule.urgency is Urgency.FIRST)

    @property
    def scope(self) -> Scope:
        return Scope(self.exclusions, self.collections)

    def halted(self, collection: str) -> frozenset[Side]:
        return stopped_sides(self.halts, collection)

    def _travel(self, collection: str, halted: frozenset[Side], rule: CollectionRule) -> dict[Side, Travel]:
        """Nothing is pulled of an excluded collection, and of none while sync is disabled. While all is paused no batch is
        handed out, so that nobody asks."""
        travel = {side: Travel.HALTED if side in halted else Travel.ALLOWED for side in Side}
        travel |= {side: Travel.NEVER for side in Side if not rule.direction.carries(side)}
        if self.exclusions.excludes(collection):
            travel[Side.ATLAS] = Travel.NEVER
        elif not self.enabled and rule.direction.carries(Side.ATLAS):
            travel[Side.ATLAS] = Travel.WAITING
        return travel


def load_rules(local: Database[Any]) -> Rules:
    """Raises django.db.DatabaseError or PyMongoError."""
    return rules_of(local, stored.read())


def rules_of(local: Database[Any], found: StoredRules) -> Rules:
    """Combined with the local MongoDB's records. Raises PyMongoError."""
    settings = get_settings()
    return Rules(
        enabled=found.enabled,
        paused=found.paused,
        strategy=found.strategy,
        exclusions=Exclusions.of(found.patterns),
        version=found.version,
        initial=first_run_record.load(local).choice,
        halts=load_halts(local),
        validation=ValidationRules(found.validation),
        collections=CollectionRules.of(map(json.loads, found.collection_rules)),
        resolvers=Resolvers(settings.sync_resolver_modules, settings.sync_resolver_ms / 1000),
    )
