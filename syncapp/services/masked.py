"""The masked fields of collections, for whoever shows documents: their values become "•••" for people without the permission
`syncapp.see_masked`."""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import Any

from syncapp.core.collection_rule import CollectionRules
from syncapp.core.field_paths import masked
from syncapp.services import collection_rules
from syncapp.services.roles import may_see_masked

HIDDEN = "Not shown: the reason is about the masked field {}"


class Masks:
    """As one person sees documents, during one request. None: somebody without the permission."""

    def __init__(self, user: Any) -> None:
        self._sees_all = user is not None and may_see_masked(user)

    def document(self, collection: str, canonical: str) -> str:
        """A document in canonical extended JSON; empty: absent."""
        paths = self._paths(collection)
        if not paths or not canonical:
            return canonical
        return json.dumps(masked(json.loads(canonical), paths), ensure_ascii=False)

    def reason(self, collection: str, text: str) -> str:
        """Why a document was refused: such a sentence may hold the value."""
        for path in self._paths(collection):
            if re.search(rf"(?<!\w){re.escape(path.split('.')[-1])}(?!\w)", text):
                return HIDDEN.format(path)
        return text

    def fields(self, row: Any, *names: str) -> Any:
        """A row, for reading alone, whose documents of these names are masked."""
        for name in names:
            if self._paths(row.collection):
                setattr(row, name, self.document(row.collection, getattr(row, name)))
        return row

    def reasons(self, row: Any) -> Any:
        """A rejected change, for reading alone, whose reason is masked."""
        row.reason = self.reason(row.collection, row.reason)
        return row

    def _paths(self, collection: str) -> tuple[str, ...]:
        return () if self._sees_all else self._rules.for_collection(collection).masked_fields

    @cached_property
    def _rules(self) -> CollectionRules:
        return collection_rules.current()
