"""Excluded collections, which are not pulled from Atlas and still go up. API, admin and command call it; each change is in
the audit log, and the workers read the rules again."""

from __future__ import annotations

from django.db import transaction

from syncapp.models import ExcludedCollection
from syncapp.models.choices import RuleKind
from syncapp.rules.switches import Actor
from syncapp.services.errors import NotFound
from syncapp.services.rules.patterns import check
from syncapp.services.rules.rule_changes import Change, write


@transaction.atomic
def exclude(pattern: str, user: Actor = None) -> ExcludedCollection:
    """Stop pulling the collections of this pattern. Idempotent. Raises WrongInput."""
    if found := ExcludedCollection.objects.filter(pattern=pattern).first():
        return found  # older versions accepted patterns that are refused today
    check(pattern)
    return write(Change(RuleKind.EXCLUSION, pattern, None, {"pattern": pattern}), user)


@transaction.atomic
def include(pattern: str, user: Actor = None) -> None:
    """Pull the collections of this pattern again. Raises NotFound."""
    entry = ExcludedCollection.objects.select_for_update().filter(pattern=pattern).first()
    if entry is None:
        raise NotFound(f"{pattern} is not among the excluded patterns", "pattern")
    write(Change.of(RuleKind.EXCLUSION, pattern, entry, None), user)
