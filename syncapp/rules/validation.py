"""The current validation rules, checked before sync writes a document on either side."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from syncapp.core.rule.exclusions import Exclusions

Check = Callable[[bytes], str | None]
PREFIX = "Validation rule"


@dataclass(frozen=True, slots=True)
class ValidationRules:
    """Pairs of a pattern of collections and a schema as JSON text. All that match a collection apply."""

    rules: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, rules: Iterable[tuple[str, Mapping[str, Any]]]) -> ValidationRules:
        return cls(tuple(sorted((pattern, json.dumps(schema)) for pattern, schema in rules)))

    def with_rule(self, pattern: str, schema: Mapping[str, Any]) -> ValidationRules:
        return ValidationRules((*self.rules, (pattern, json.dumps(schema))))

    def matching(self, collection: str) -> list[tuple[str, str]]:
        return [one for one in self.rules if Exclusions.of([one[0]]).excludes(collection)]

    def check_for(self, collection: str) -> Check | None:
        """A check that returns why a document of this collection must not be written. None: no rule applies."""
        checks = [(pattern, compiled(schema)) for pattern, schema in self.matching(collection)]
        if not checks:
            return None

        def check(document: bytes) -> str | None:
            for pattern, one in checks:
                if reason := one(document):
                    return f"{PREFIX} {pattern}: {reason}"
            return None

        return check


@lru_cache(maxsize=256)
def compiled(schema: str) -> Check:
    """Cached: rules are reloaded every second, and compiling takes longer than reading."""
    # The library is slow to import: only when there is a rule
    from syncapp.rules.json_schema import compile_schema

    return compile_schema(json.loads(schema))
