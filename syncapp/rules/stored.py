"""The part of the rules that Django's database holds."""

from __future__ import annotations

import json

from syncapp.rules.validation import ValidationRules
from syncapp.store.rules_copy import StoredRules


def read() -> StoredRules:
    """Five small queries. Raises DatabaseError."""
    from syncapp.models import CollectionRule, ExcludedCollection, ValidationRule
    from syncapp.rules.switches import get_switches

    # The version is read first: rules that change between the queries are newer than it, and are
    # read again with the next version
    switches = get_switches()
    validation = ValidationRules.of(ValidationRule.objects.values_list("pattern", "schema"))
    rules = CollectionRule.objects.order_by("pattern").values_list("document", flat=True)
    return StoredRules(
        version=switches.version,
        enabled=switches.enabled,
        paused=switches.paused,
        strategy=switches.strategy,
        patterns=tuple(ExcludedCollection.objects.order_by("pattern").values_list("pattern", flat=True)),
        validation=validation.rules,
        collection_rules=tuple(json.dumps(rule) for rule in rules),
    )
