"""The masked fields of collections, for whoever shows documents: their values become "•••" for people without the permission
`syncapp.see_masked`."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from django.db.models import QuerySet

from syncapp.core.rule.collection_rule import CollectionRules
from syncapp.core.rule.field_paths import masked
from syncapp.core.strategies.callable import FAILED
from syncapp.services.access.roles import may_see_masked
from syncapp.services.rules import collection_rules

HIDDEN = "Not shown: the reason is about the masked field {}"
HIDDEN_FAILURE = "Not shown: the resolver has failed, and its error may quote a masked field"


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

    def hides(self, collection: str, *canonical: str) -> bool:
        """Is anything in these documents masked?"""
        paths = self._paths(collection)
        documents = [json.loads(one) for one in canonical if one and paths]
        return any(masked(one, paths) != one for one in documents)

    def reason(self, collection: str, text: str) -> str:
        """Why a document was refused: such a sentence may hold the value."""
        for path in self._paths(collection):
            if re.search(_naming([path]), text):
                return HIDDEN.format(path)
        return text

    def searched(self, changes: QuerySet, text: str) -> QuerySet:
        """Of rejected changes those whose reason, as it is shown, contains this: what is not shown could else be guessed."""
        found = changes.filter(reason__icontains=text)
        by_paths: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for name in changes.model.objects.order_by().values_list("collection", flat=True).distinct():
            by_paths[self._paths(name)].append(name)
        for paths, names in by_paths.items():
            if paths:
                found = found.exclude(collection__in=names, reason__regex=_naming(paths))
        return found

    def because(self, conflict: Any) -> str:
        """Why a version won, of a conflict, or of a trial of one strategy."""
        return self.failure(conflict.collection, conflict.strategy, conflict.because)

    def failure(self, collection: str, strategy: str, text: str) -> str:
        """The same; `strategy`: by whose name the record says that a function has failed, whose error may hold any value."""
        hidden = text and strategy.startswith(FAILED) and self._paths(collection)
        return HIDDEN_FAILURE if hidden else text

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

    def becauses(self, row: Any) -> Any:
        """A conflict, for reading alone, whose sentence is masked."""
        row.because = self.because(row)
        return row

    def conflict(self, row: Any) -> Any:
        """The same with its documents."""
        return self.becauses(self.fields(row, "local_document", "atlas_document", "base_document"))

    @property
    def sees_all(self) -> bool:
        """Nothing is masked, in any collection."""
        return self._sees_all or not any(rule.masked_fields for rule in self._rules.rules)

    def _paths(self, collection: str) -> tuple[str, ...]:
        return () if self._sees_all else self._rules.for_collection(collection).masked_fields

    @cached_property
    def _rules(self) -> CollectionRules:
        return collection_rules.current()


def _naming(paths: Iterable[str]) -> str:
    """A regular expression for texts that name one of these fields, in what Python and PostgreSQL have in common."""
    names = "|".join(re.escape(path.split(".")[-1]) for path in paths)
    return rf"(^|\W)({names})(\W|$)"
