"""The documents that both sides last agreed on (`_sync_bases`), of collections whose rule does not merge any more."""

from __future__ import annotations

from syncapp.core.resolve import keeps_base
from syncapp.rules.rules import load_rules
from syncapp.services.databases import local_database
from syncapp.store.bases import sweep_bases


def sweep() -> int:
    """Remove them. Returns how many. Raises Unreachable or DatabaseError.

    A worker that still has the former rules may write some more; the next time removes them.
    """
    with local_database("maintenance") as local:
        rules = load_rules(local)
        return sweep_bases(local, lambda name: keeps_base(rules.policy(name)))
