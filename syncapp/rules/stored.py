"""The part of the rules that Django's database holds."""

from __future__ import annotations

import json
from typing import Any

from syncapp.core.rule.collection_rule import in_order
from syncapp.rules.validation import ValidationRules
from syncapp.store.rules_copy import StoredRules


def read() -> StoredRules:
    """Two small queries. Raises DatabaseError."""
    from syncapp.models import CollectionRule
    from syncapp.models.choices import RuleKind
    from syncapp.rules.switches import get_switches

    # The version is read first: rules that change between the queries are newer than it, and are
    # read again with the next version
    switches = get_switches()
    found: dict[str, list[tuple[str, Any]]] = {kind: [] for kind in RuleKind}
    rows = CollectionRule.of_all_kinds.order_by("pattern")
    for kind, pattern, document in rows.values_list("kind", "pattern", "document"):
        found[kind].append((pattern, document))
    return StoredRules(
        version=switches.version,
        enabled=switches.enabled,
        paused=switches.paused,
        strategy=switches.strategy,
        patterns=tuple(pattern for pattern, _ in found[RuleKind.EXCLUSION]),
        validation=ValidationRules.of(
            (pattern, in_order(schema)) for pattern, schema in found[RuleKind.VALIDATION]
        ).rules,
        collection_rules=tuple(json.dumps(rule) for _, rule in found[RuleKind.RULE]),
    )
