"""The rules that hold now, as one frozen value: read by listener and workers from Django's
database, and what was chosen at the first run from the local `_sync_metadata`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pymongo.database import Database

from syncapp.core.decide import Policy
from syncapp.core.exclusions import Exclusions
from syncapp.core.initial_choice import InitialChoice
from syncapp.core.values import UnknownTime
from syncapp.rules import stored
from syncapp.rules.stored import StoredRules
from syncapp.rules.validation import ValidationRules
from syncapp.store import first_run as first_run_record
from syncapp.store.halts import Halt, load_halts, stopped_sides


@dataclass(frozen=True, slots=True)
class Rules:
    """`enabled`: pulls are allowed. `paused`: nothing moves. `version` rises with every change."""

    enabled: bool
    paused: bool
    strategy: str
    exclusions: Exclusions
    version: int
    initial: InitialChoice | None = None
    validation: ValidationRules = field(default_factory=ValidationRules)
    halts: tuple[Halt, ...] = ()

    def policy(self, collection: str) -> Policy:
        """An excluded collection is one-way, as everything is while sync is disabled."""
        excluded = self.exclusions.excludes(collection)
        return Policy(
            self.strategy,
            one_way=excluded or not self.enabled,
            excluded=excluded,
            unknown_time=UnknownTime(self.initial.differing) if self.initial else None,
            timestamp_field=self.initial.timestamp_field if self.initial else "",
            halted=stopped_sides(self.halts, collection),
            check=self.validation.check_for(collection),
        )


def load_rules(local: Database[Any]) -> Rules:
    """Raises django.db.DatabaseError or PyMongoError."""
    return rules_of(local, stored.read())


def rules_of(local: Database[Any], found: StoredRules) -> Rules:
    """Together with what the local MongoDB holds. Raises PyMongoError."""
    return Rules(
        enabled=found.enabled,
        paused=found.paused,
        strategy=found.strategy,
        exclusions=Exclusions.of(found.patterns),
        version=found.version,
        initial=first_run_record.load(local).choice,
        halts=load_halts(local),
        validation=ValidationRules(found.validation),
    )
