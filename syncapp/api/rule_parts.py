"""The parts of a collection rule in the API's schema. What is given is checked by the service, in one place for all."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from syncapp.api.common.fields import Pattern
from syncapp.core import strategies
from syncapp.core.rule import field_paths
from syncapp.core.rule.collection_rule import DELETES, Direction, OnLeave, Urgency
from syncapp.rules.rule_check import (
    ARRAYS,
    HIGHEST_PRIORITY,
    LONGEST_RESOLVER,
    MOST_PATHS,
    NUMBERS,
    PARTS,
)

DIRECTIONS = list(map(str, Direction))
PATH = {"type": "string", "maxLength": field_paths.LONGEST, "pattern": r"^[^\x00-\x1f\x7f]*$"}
PATHS = {"type": "array", "maxItems": MOST_PATHS, "items": PATH}
KEYED = {"type": "object", "required": ["key"], "properties": {"key": PATH}, "additionalProperties": False}


class Part(serializers.Field):
    """Taken as it is given."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if data is serializers.empty:
            raise serializers.SkipField
        return data

    def to_representation(self, value: Any) -> Any:
        return value


def part(schema: dict[str, Any], text: str = "") -> Part:
    described: type[Part] = extend_schema_field(schema)(type("Part", (Part,), {}))
    return described(required=False, help_text=text)


def _by_field(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "maxProperties": MOST_PATHS, "additionalProperties": schema}


class Parts(serializers.Serializer):
    """All but the pattern."""

    priority = part(
        {"type": "integer", "minimum": 0, "maximum": HIGHEST_PRIORITY}, "The lowest is asked first"
    )
    direction = part({"type": "string", "enum": DIRECTIONS})
    strategy = part(
        {"type": "string", "enum": ["", *(one.name for one in strategies.offered())]},
        "Empty: the general one",
    )
    numbers = part(_by_field({"type": "string", "enum": list(NUMBERS)}), "By field")
    arrays = part(_by_field({"oneOf": [{"type": "string", "enum": list(ARRAYS)}, KEYED]}), "By field")
    timestampField = part(PATH, "For times that nobody knows")
    filter = part({"type": "object", "additionalProperties": True}, "A match expression in extended JSON")
    onLeave = part({"type": "string", "enum": list(map(str, OnLeave))})
    deletes = part(
        {
            "type": "object",
            "properties": {name: {"type": "boolean"} for name in DELETES},
            "additionalProperties": False,
        },
        "Whose deletes are transferred",
    )
    ownFields = part(PATHS, "Fields that each side keeps for itself")
    maskedFields = part(PATHS, "Fields that are not shown without permission")
    urgency = part({"type": "string", "enum": list(map(str, Urgency))})
    validation = part({"type": "object", "additionalProperties": True}, "As MongoDB's $jsonSchema has it")
    resolver = part(
        {"type": "string", "maxLength": LONGEST_RESOLVER, "pattern": r"^[\w.]*$"},
        "The dotted path of a Python callable, for the strategy callable",
    )

    def get_fields(self) -> dict[str, serializers.Field]:
        """In the order in which rules are written, whatever is inherited."""
        found = super().get_fields()
        return {name: found[name] for name in (*PARTS, *found)}


class CollectionRuleBody(Parts):
    """As it is shown."""

    pattern = serializers.CharField()


class CollectionRuleIn(Parts):
    pattern = Pattern(help_text="A collection's name, or a glob pattern")
