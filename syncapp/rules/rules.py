"""The rules that hold now, as one frozen value: read by listener and workers from Django's
database, and what was chosen at the first run from the local `_sync_metadata`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pymongo.database import Database

from syncapp.bulk import first_run_record
from syncapp.engine.decide import Policy
from syncapp.engine.values import UnknownTime
from syncapp.rules.exclusions import Exclusions
from syncapp.rules.initial_choice import InitialChoice
from syncapp.rules.validation import ValidationRules
from syncapp.safety.halts import Halt, load_halts, stopped_sides


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
    """Five small queries. Raises django.db.DatabaseError or PyMongoError."""
    from syncapp.models import ExcludedCollection, ValidationRule
    from syncapp.switches import get_switches

    # The version is read first: rules that change between the queries are newer than it says, and are
    # read again when the next version is seen
    switches = get_switches()
    patterns = ExcludedCollection.objects.values_list("pattern", flat=True)
    return Rules(
        enabled=switches.enabled,
        paused=switches.paused,
        strategy=switches.strategy,
        exclusions=Exclusions.of(patterns),
        version=switches.version,
        initial=first_run_record.load(local).choice,
        halts=load_halts(local),
        validation=ValidationRules.of(ValidationRule.objects.values_list("pattern", "schema")),
    )
