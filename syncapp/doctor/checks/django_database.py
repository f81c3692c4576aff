"""Is Django's own database reachable, and migrated to this version?"""

from __future__ import annotations

import socket
from collections.abc import Iterator

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from syncapp.doctor.values import Check, Finding, Level, Setup
from syncapp.mongo.error_text import shorten

SECONDS = 5
ADVICE = "Is the database server running, and is DATABASE_URL right?"


def judge(missing: int) -> Finding:
    """`missing`: unapplied migrations."""
    if missing:
        return Finding(
            Level.FAILED,
            f"Django's database lacks {missing} migrations of this version",
            "Run manage.py sync_setup (or manage.py migrate)",
        )
    return Finding(Level.OK, "Django's database answers and is up to date")


def look(setup: Setup) -> Iterator[Finding]:
    host, port = connection.settings_dict.get("HOST"), connection.settings_dict.get("PORT")
    try:
        if host and not host.startswith("/"):
            # The driver itself would wait for minutes for an unreachable host
            socket.create_connection((host, int(port or 5432)), SECONDS).close()
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except (DatabaseError, OSError) as error:
        yield Finding(Level.FAILED, f"Django's database cannot be reached: {shorten(str(error))}", ADVICE)
        return
    yield judge(len(plan))


CHECKS = (Check("django", look, place=1),)
