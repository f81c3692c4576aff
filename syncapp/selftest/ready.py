"""Can a change travel at all? What is missing is one clear line, instead of a wait for nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from django.db import DatabaseError
from pymongo.database import Database

from syncapp.conf.settings import SyncSettings
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.scratch import scratch_name
from syncapp.core.values import BOTH, Side
from syncapp.doctor.checks import broker, workers
from syncapp.doctor.values import Level, Setup
from syncapp.models import ExcludedCollection, Instance, ValidationRule
from syncapp.mongo.error_text import NAMES
from syncapp.services import switches
from syncapp.services.away import DATABASE_AWAY
from syncapp.store.halts import load_halts
from syncapp.store.instance import known_instance_id
from syncapp.store.lease import active_listener

NO_LISTENER = "No listener is active: is `manage.py sync_listen` running?"
DISABLED = "Bidirectional sync is disabled: `manage.py sync_toggle on` enables it"
PAUSED = "Sync is paused: resume it first"
EXAMPLE = scratch_name("0" * 12, "example", 1)


def why_not(settings: SyncSettings, databases: Mapping[Side, Database[Any]]) -> Callable[[], str]:
    """Asks why sync does not work at this moment; the answer is empty if it does. Raises PyMongoError."""
    ask_workers = cache(lambda: _no_worker(settings))  # takes seconds, so it is asked once

    def ask() -> str:
        if missing := [side for side in BOTH if side not in databases]:
            return f"{NAMES[missing[0]]} cannot be used: see the part basic"
        try:
            return _not_at_work(databases[Side.LOCAL]) or _in_the_way() or ask_workers()
        except DatabaseError as error:
            return f"{DATABASE_AWAY}: {error}"

    return ask


def _not_at_work(local: Database[Any]) -> str:
    if not active_listener(local):
        return NO_LISTENER
    for halt in load_halts(local):
        if not halt.collection:
            return f"Transfers are halted: {halt.detail}: `manage.py sync_halts` shows the answers"
    found = switches.show()
    if found.paused:
        return PAUSED
    if not found.enabled:
        return DISABLED
    device = Instance.objects.filter(instance_id=known_instance_id(local)).first()
    return device.waiting_for if device else ""


def _in_the_way() -> str:
    """Rules of an operator that match the scratch collections, too."""
    for pattern in ExcludedCollection.objects.values_list("pattern", flat=True):
        if Exclusions.of([pattern]).excludes(EXAMPLE):
            return f"The exclusion {pattern} matches the scratch collections ({EXAMPLE}), too"
    for pattern in ValidationRule.objects.values_list("pattern", flat=True):
        if Exclusions.of([pattern]).excludes(EXAMPLE):
            return f"The validation rule for {pattern} matches the scratch collections ({EXAMPLE}), too"
    return ""


def _no_worker(settings: SyncSettings) -> str:
    setup = Setup(settings)
    for look in (broker.look, workers.look):
        for finding in look(setup):
            if finding.level is Level.FAILED:
                return finding.text
    return ""
