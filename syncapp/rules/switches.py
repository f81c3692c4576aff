"""What can be changed at run time: the toggle, the pause, the strategy and the rules, which have one version together;
what the environment says of them at a start; and the audit log of every change. People change them by
`syncapp.services`."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import structlog
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction
from django.db.models import F

from syncapp.conf.settings import SyncSettings
from syncapp.models import AuditEntry, ExcludedCollection, SyncSwitches
from syncapp.rules.environment import Environment, values_in_force

log = structlog.get_logger(__name__)

# The acting user; None: the product itself. Callers have checked the permission
Actor = AbstractBaseUser | AnonymousUser | None
# During a command typed by an operator: the operating-system user. Empty: the product itself acts
TYPED_BY: ContextVar[str] = ContextVar("typed_by", default="")
# During a request: the client's IP address
FROM_ADDRESS: ContextVar[str] = ContextVar("from_address", default="")


# Asked every second: to build a query anew costs several times as much as to ask it
VERSION = "SELECT version FROM syncapp_syncswitches WHERE id = 1"


def get_switches() -> SyncSwitches:
    """The row of switches; made with defaults if `apply_environment` was never called."""
    return SyncSwitches.objects.get_or_create(id=1)[0]


def switches_version() -> int:
    """Incremented by every change at run time. Raises DatabaseError."""
    with connection.cursor() as cursor:
        cursor.execute(VERSION)
        row = cursor.fetchone()
    return row[0] if row else 0


def audit(user: Actor, action: str, detail: str = "", before: Any = None, after: Any = None) -> None:
    """`before`, `after`: what changed, as JSON has it; None: there was, or is, nothing. No secrets in either."""
    AuditEntry.objects.create(
        user=user,  # type: ignore[misc]
        typed_by="" if user is not None else TYPED_BY.get(),
        address=FROM_ADDRESS.get(),
        token=getattr(user, "token_name", ""),
        action=action,
        detail=detail,
        before=before,
        after=after,
    )


@transaction.atomic
def apply_environment(settings: SyncSettings) -> SyncSwitches:
    """At a start: values in the environment that differ from the last start override what was set since, as do
    newly set variables, whatever their value."""
    get_switches()
    switches = SyncSwitches.objects.select_for_update().get(id=1)
    now, last = Environment.of(settings), Environment.kept(switches.environment)
    changed = now.changed_since(last)
    if not last.values:  # the first start: a default does not override a choice made before it
        undecided = () if ExcludedCollection.objects.exists() else ("BIDIRECTIONAL_EXCLUDED_COLLECTIONS",)
        changed = [name for name in changed if name in settings.given or name in undecided]
    for name in changed:
        values = last.shown(name), now.shown(name)
        audit(
            None,
            "environment changed",
            f"{name}: {values[0]} → {values[1]}",
            *({name: one} for one in values),
        )
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
    """Rules have changed: workers with older ones reload them."""
    get_switches()
    SyncSwitches.objects.filter(id=1).update(version=F("version") + 1)
