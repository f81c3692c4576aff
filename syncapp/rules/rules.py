"""The rules that hold now, as one frozen value: read from Django's database by listener and workers."""

from __future__ import annotations

from dataclasses import dataclass

from syncapp.engine.decide import Policy
from syncapp.rules.exclusions import Exclusions


@dataclass(frozen=True, slots=True)
class Rules:
    """`enabled`: pulls are allowed. `paused`: nothing moves. `version` rises with every change."""

    enabled: bool
    paused: bool
    strategy: str
    exclusions: Exclusions
    version: int

    def policy(self, collection: str) -> Policy:
        """An excluded collection is one-way, as everything is while sync is disabled."""
        excluded = self.exclusions.excludes(collection)
        return Policy(self.strategy, one_way=excluded or not self.enabled, excluded=excluded)


def load_rules() -> Rules:
    """Two small queries. Raises django.db.DatabaseError."""
    from syncapp.models import ExcludedCollection
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
    )
