"""A copy, in the local `_sync_metadata`, of the rules that Django's database holds, so that documents go on moving, and a
worker can start, while that database is down.

{_id: "rules", version, enabled, paused, strategy, patterns, validation: [[pattern, schema as JSON]], collectionRules: [rule as
JSON], environment: what it said at the last start}. The listener and the workers write it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from syncapp.store.names import METADATA, RULES


@dataclass(frozen=True, slots=True)
class StoredRules:
    version: int
    enabled: bool
    paused: bool
    strategy: str
    patterns: tuple[str, ...]
    validation: tuple[tuple[str, str], ...]  # pattern and schema, as JSON
    collection_rules: tuple[str, ...] = ()  # as JSON


def save_copy(local: Database[Any], rules: StoredRules, environment: str) -> None:
    """`environment`: its values at the last start. Raises PyMongoError."""
    document = {
        "version": rules.version,
        "enabled": rules.enabled,
        "paused": rules.paused,
        "strategy": rules.strategy,
        "patterns": list(rules.patterns),
        "validation": [list(pair) for pair in rules.validation],
        "collectionRules": list(rules.collection_rules),
        "environment": environment,
    }
    local[METADATA].replace_one({"_id": RULES}, document, upsert=True)


def load_copy(local: Database[Any], environment: str | None = None) -> StoredRules | None:
    """None: there is none, or it was made with other values in the environment. Raises PyMongoError."""
    found = local[METADATA].find_one({"_id": RULES})
    if found is None or environment not in (None, found["environment"]):
        return None
    validation = tuple((pattern, schema) for pattern, schema in found["validation"])
    return StoredRules(
        found["version"], found["enabled"], found["paused"], found["strategy"],
        tuple(found["patterns"]), validation, tuple(found.get("collectionRules", ())),
    )  # fmt: skip
