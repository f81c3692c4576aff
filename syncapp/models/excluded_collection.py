"""Collections that are not pulled from Atlas (they are still pushed)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncapp.models.choices import RuleKind
from syncapp.models.collection_rule import CollectionRule


class ExcludedCollection(CollectionRule):
    KIND = RuleKind.EXCLUSION

    class Meta:
        proxy = True
        # "Delete excluded collection" would be read as deleting the collection
        verbose_name = "exclusion"
        verbose_name_plural = "excluded collections"
        ordering = ["pattern"]

    def as_document(self) -> dict[str, Any]:
        return {"pattern": self.pattern}

    @staticmethod
    def columns(document: Mapping[str, Any]) -> dict[str, Any]:
        return {}
