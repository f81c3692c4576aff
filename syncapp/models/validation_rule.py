"""A schema for documents of a collection, checked before sync writes them on either side."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from syncapp.core.rule.collection_rule import in_order
from syncapp.models.choices import RuleKind
from syncapp.models.collection_rule import CollectionRule


class ValidationRule(CollectionRule):
    KIND = RuleKind.VALIDATION

    class Meta:
        proxy = True
        ordering = ["pattern"]

    @property
    def schema(self) -> dict[str, Any]:
        """As in MongoDB's $jsonSchema."""
        return dict(in_order(self.document))

    @schema.setter
    def schema(self, value: dict[str, Any]) -> None:
        self.document = json.dumps(value)

    def as_document(self) -> dict[str, Any]:
        return {"pattern": self.pattern, "schema": self.schema}

    @staticmethod
    def columns(document: Mapping[str, Any]) -> dict[str, Any]:
        return {"document": json.dumps(document["schema"])}
