"""The toggle, the pause and the strategy, as people look at them and change them at run time. API, admin and command call
it; each change is in the audit log, and listener and workers read the switches again."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from syncapp.models import SyncSwitches
from syncapp.rules.switches import Actor, audit


def show() -> SyncSwitches:
    """The current switches. Reading never writes: without a row, the model's defaults."""
    return SyncSwitches.objects.filter(id=1).first() or SyncSwitches(id=1)


@transaction.atomic
def change_switches(user: Actor = None, **values: Any) -> SyncSwitches:
    """Set `enabled`, `paused` or `strategy`. Unchanged values are not written to the audit log."""
    switches = SyncSwitches.objects.select_for_update().get_or_create(id=1)[0]
    changed = {name: value for name, value in values.items() if getattr(switches, name) != value}
    if changed:
        for name, value in changed.items():
            before = getattr(switches, name)
            detail = f"{name}: {_said(before)} → {_said(value)}"
            audit(user, f"set {name}", detail, {name: before}, {name: value})
            setattr(switches, name, value)
        switches.version += 1
        switches.save()
    return switches


def _said(value: Any) -> str:
    return {True: "on", False: "off"}.get(value, str(value))
