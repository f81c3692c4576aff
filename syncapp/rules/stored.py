"""The part of the rules that Django's database holds, and a copy of it in the local MongoDB: so that documents go on
moving, and a worker can start, while Django's database is away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from syncapp.rules.validation import ValidationRules
from syncapp.store.names import METADATA

RULES_ID = "rules"


@dataclass(frozen=True, slots=True)
class StoredRules:
    version: int
    enabled: bool
    paused: bool
    strategy: str
    patterns: tuple[str, ...]
    validation: tuple[tuple[str, str], ...]  # pattern and schema, as JSON


def read() -> StoredRules:
    """Four small queries. Raises DatabaseError."""
    from syncapp.models import ExcludedCollection, ValidationRule
    from syncapp.rules.switches import get_switches

    # The version is read first: rules that change between the queries are newer than it says, and are
    # read again when the next version is seen
    switches = get_switches()
    validation = ValidationRules.of(ValidationRule.objects.values_list("pattern", "schema"))
    return StoredRules(
        version=switches.version,
        enabled=switches.enabled,
        paused=switches.paused,
        strategy=switches.strategy,
        patterns=tuple(ExcludedCollection.objects.order_by("pattern").values_list("pattern", flat=True)),
        validation=validation.rules,
    )


def save_copy(local: Database[Any], rules: StoredRules, environment: str) -> None:
    """`environment`: what it said at the last start. Raises PyMongoError."""
    document = {
        "version": rules.version,
        "enabled": rules.enabled,
        "paused": rules.paused,
        "strategy": rules.strategy,
        "patterns": list(rules.patterns),
        "validation": [list(pair) for pair in rules.validation],
        "environment": environment,
    }
    local[METADATA].replace_one({"_id": RULES_ID}, document, upsert=True)


def load_copy(local: Database[Any], environment: str | None = None) -> StoredRules | None:
    """None: there is none, or it was made under an environment that said something else. Raises PyMongoError."""
    found = local[METADATA].find_one({"_id": RULES_ID})
    if found is None or environment not in (None, found["environment"]):
        return None
    validation = tuple((pattern, schema) for pattern, schema in found["validation"])
    return StoredRules(
        found["version"], found["enabled"], found["paused"], found["strategy"],
        tuple(found["patterns"]), validation,
    )  # fmt: skip
