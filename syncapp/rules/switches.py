"""The one service that changes what can be changed at run time: the toggle, the pause, the strategy
and the excluded collections. API, admin and commands call it; each change is in the audit log."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import structlog
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import F

from syncapp.conf.settings import SyncSettings
from syncapp.models import AuditEntry, ExcludedCollection, SyncSwitches
from syncapp.rules.environment import Environment, values_in_force

log = structlog.get_logger(__name__)

# Who changes something; None: the product itself. Callers have checked the permission
Actor = AbstractBaseUser | AnonymousUser | None
# While a command runs that a person typed: the operating-system user. Empty: the product itself acts
TYPED_BY: ContextVar[str] = ContextVar("typed_by", default="")


def get_switches() -> SyncSwitches:
    """The row of switches; made with defaults if `apply_environment` was never called."""
    return SyncSwitches.objects.get_or_create(id=1)[0]


def switches_version() -> int:
    """Raised by every change of what can be changed at run time. Raises DatabaseError."""
    return SyncSwitches.objects.filter(id=1).values_list("version", flat=True).first() or 0


@transaction.atomic
def change_switches(user: Actor = None, **values: Any) -> SyncSwitches:
    """Set `enabled`, `paused` or `strategy`. What is so already is left alone, and not in the audit log."""
    switches = SyncSwitches.objects.select_for_update().get_or_create(id=1)[0]
    changed = {name: value for name, value in values.items() if getattr(switches, name) != value}
    if changed:
        for name, value in changed.items():
            audit(user, f"set {name}", f"{name}: {getattr(switches, name)} → {value}")
            setattr(switches, name, value)
        switches.version += 1
        switches.save()
    return switches


@transaction.atomic
def exclude(pattern: str, user: Actor = None) -> ExcludedCollection:
    """Stop pulling the collections of this pattern. Raises ValidationError for a wrong one."""
    entry = ExcludedCollection.objects.filter(pattern=pattern).first()
    if entry is None:
        entry = ExcludedCollection(pattern=pattern)
        entry.full_clean()
        entry.save()
        audit(user, "exclude collection", pattern)
        raise_version()
    return entry


@transaction.atomic
def include(pattern: str, user: Actor = None) -> bool:
    """Pull the collections of this pattern again. False: the pattern was not excluded."""
    deleted, _ = ExcludedCollection.objects.filter(pattern=pattern).delete()
    if deleted:
        audit(user, "include collection", pattern)
        raise_version()
    return bool(deleted)


def audit(user: Actor, action: str, detail: str = "") -> None:
    typed_by = "" if user is not None else TYPED_BY.get()
    AuditEntry.objects.create(user=user, typed_by=typed_by, action=action, detail=detail)  # type: ignore[misc]


@transaction.atomic
def apply_environment(settings: SyncSettings) -> SyncSwitches:
    """At a start: what differs in the environment from the last start wins over what was set since, as does a
    line that was not there at the last start, whatever it says."""
    get_switches()
    switches = SyncSwitches.objects.select_for_update().get(id=1)
    now, last = Environment.of(settings), Environment.kept(switches.environment)
    changed = now.changed_since(last)
    if not last.values:  # the first start: a default does not win over what somebody has chosen before it
        undecided = () if ExcludedCollection.objects.exists() else ("BIDIRECTIONAL_EXCLUDED_COLLECTIONS",)
        changed = [name for name in changed if name in settings.given or name in undecided]
    for name in changed:
        audit(None, "environment changed", f"{name}: {last.shown(name)} → {now.shown(name)}")
    if "BIDIRECTIONAL_SYNC_ENABLED" in changed:
        switches.enabled = settings.bidirectional_sync_enabled
    if "CONFLICT_RESOLUTION_STRATEGY" in changed:
        switches.strategy = settings.conflict_resolution_strategy
    if "BIDIRECTIONAL_EXCLUDED_COLLECTIONS" in changed:
        ExcludedCollection.objects.all().delete()
        ExcludedCollection.objects.bulk_create(
            ExcludedCollection(pattern=pattern)
            for pattern in dict.fromkeys(settings.bidirectional_excluded_collections)
        )
    switches.environment = now.as_document()
    if changed:
        switches.version += 1
        switches.save()
    else:
        SyncSwitches.objects.filter(id=1).update(environment=switches.environment)
    in_force = {one.name: f"{one.text} ({one.source})" for one in values_in_force(switches)}
    log.info("Values that can be changed at run time", event_name="values_in_force", **in_force)
    return switches


def raise_version() -> None:
    """Rules have changed: workers that have older ones read them again."""
    get_switches()
    SyncSwitches.objects.filter(id=1).update(version=F("version") + 1)
