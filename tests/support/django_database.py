"""Which database the product's processes in tests keep Django's rows in: SQLite, each SYNC_HOME a file of its own,
or, if TEST_DATABASE_URL names a PostgreSQL, a database there for each device."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

from tests.support.postgres import new_database
from tests.support.processes import manage

SERVER = os.environ.get("TEST_DATABASE_URL", "")


def settings_of_a_new_one() -> dict[str, str]:
    """What a device is told: an up-to-date database of its own. Nothing with SQLite: a migrated file is copied."""
    return {"DATABASE_URL": new_database(SERVER, _template())} if SERVER else {}


@cache
def _template() -> str:
    url = new_database(SERVER)
    with tempfile.TemporaryDirectory() as home:
        done = manage("migrate", "--verbosity", "0", home=Path(home), DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    return url.rpartition("/")[2]
