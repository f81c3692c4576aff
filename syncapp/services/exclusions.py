"""Excluded collections, which are not pulled from Atlas and still go up. API, admin and command call it; each change is in
the audit log, and the workers read the rules again."""

from __future__ import annotations

from django.db import transaction

from syncapp.models import ExcludedCollection
from syncapp.rules.switches import Actor, audit, raise_version
from syncapp.services.errors import NotFound
from syncapp.services.patterns import check


@transaction.atomic
def exclude(pattern: str, user: Actor = None) -> ExcludedCollection:
    """Stop pulling the collections of this pattern. Idempotent. Raises WrongInput."""
    if found := ExcludedCollection.objects.filter(pattern=pattern).first():
        return found  # older versions accepted patterns that are refused today
    check(pattern)
    entry, made = ExcludedCollection.objects.get_or_create(pattern=pattern)
    if made:
        audit(user, "exclude collection", pattern, after={"pattern": pattern})
        raise_version()
    return entry


@transaction.atomic
def include(pattern: str, user: Actor = None) -> None:
    """Pull the collections of this pattern again. Raises NotFound."""
    deleted, _ = ExcludedCollection.objects.filter(pattern=pattern).delete()
    if not deleted:
        raise NotFound(f"{pattern} is not among the excluded patterns", "pattern")
    audit(user, "include collection", pattern, before={"pattern": pattern})
    raise_version()
