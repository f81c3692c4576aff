"""The validation rules that hold now: which collections must look how, before sync writes them anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from syncapp.core.exclusions import Exclusions

Check = Callable[[bytes], str | None]
PREFIX = "Validation rule"


@dataclass(frozen=True, slots=True)
class ValidationRules:
    """Pairs of a pattern of collections and a schema as JSON text. All that fit a collection count."""

    rules: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, rules: Iterable[tuple[str, Mapping[str, Any]]]) -> ValidationRules:
        return cls(tuple(sorted((pattern, json.dumps(schema)) for pattern, schema in rules)))

    def check_for(self, collection: str) -> Check | None:
        """Says why a document of this collection must not be written. None: no rule is about it."""
        checks = [
            (pattern, compiled(schema))
            for pattern, schema in self.rules
            if Exclusions.of([pattern]).excludes(collection)
        ]
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
    """Rules are read again every second, and compiling takes longer than reading."""
    # The library takes a while to be imported: a process pays for it when there is a rule
    from syncapp.rules.json_schema import compile_schema

    return compile_schema(json.loads(schema))
