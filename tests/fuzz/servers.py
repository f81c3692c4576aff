"""Servers of the fuzz alone: what it sends may end one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pymongo import MongoClient

from tests.integration.conftest import Workshop, mortal_workshop
from tests.support.processes import manage


@contextmanager
def fuzz_workshop(folder: Path, template: Path | None = None) -> Iterator[Workshop]:
    """`template`: a SYNC_HOME that was migrated already."""
    folder.mkdir(parents=True, exist_ok=True)
    if template is None:
        template = folder / "template"
        done = manage("migrate", "--verbosity", "0", home=template)
        assert done.returncode == 0, done.stderr
    with mortal_workshop(template, folder) as workshop:
        for server in (workshop.local, workshop.atlas):
            with MongoClient[dict[str, object]](server.uri()) as client:
                # What is past its time goes within a second, instead of a minute
                client.admin.command("setParameter", 1, ttlMonitorSleepSecs=1)
        yield workshop
