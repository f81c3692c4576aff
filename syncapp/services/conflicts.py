"""Conflict records that were left in the local MongoDB, copied to Django's database."""

from __future__ import annotations

import datetime as dt

from syncapp.conf.settings import get_settings
from syncapp.mirror.conflicts import copy_conflicts
from syncapp.services.databases import local_database
from syncapp.store import conflicts
from syncapp.store.instance import instance_id


def copy_left_conflicts() -> int:
    """What beat runs: copy what a worker left, and forget copied records after their keep time. Raises
    LocalUnreachable or DatabaseError."""
    with local_database("maintenance") as local:
        count = copy_conflicts(local, instance_id(local))
        keep = dt.timedelta(hours=get_settings().origin_tracking_keep_hours)
        conflicts.forget_copied(local, dt.datetime.now(dt.UTC) - keep)
    return count
