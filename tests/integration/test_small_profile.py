"""SYNC_PROFILE=small, as a person meets it: fewer processes, and nothing is missing."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from syncapp.embedded.supervisor import Supervisor
from tests.integration.test_make_run import Running
from tests.support.eventually import eventually
from tests.support.processes import manage, processes_of

pytestmark = pytest.mark.slow


def test_three_processes_do_everything(
    tmp_path: Path, local_server: Any, atlas_server: Any, local_db: Any, atlas_db: Any
) -> None:
    settings = {
        "SYNC_PROFILE": "small",
        "MONGODB_URI": local_server.uri(local_db.name),
        "MONGODB_ATLAS_URI": atlas_server.uri(atlas_db.name),
        "BIDIRECTIONAL_SYNC_ENABLED": "true",
        "ORIGIN_TRACKING_CLEANUP_INTERVAL": "1000",
    }
    run = Running(tmp_path / "small", **settings)
    try:
        run.wait_for_the_block()
        run.check_healthy()
        assert "Flower" not in run.printed
        listed = Supervisor(run.home, []).call("getAllProcessInfo")
        assert {one["name"] for one in listed} == {"redis", "web", "listener", "worker"}
        assert {one["statename"] for one in listed} <= {"RUNNING", "STARTING"}

        log = run.home / "logs" / "listener.log"
        eventually(lambda: "Sending due task" in log.read_text(), "the listener sends periodic tasks", 30)

        local_db["things"].insert_one({"_id": 1})
        atlas_db["things"].insert_one({"_id": 2})
        eventually(lambda: atlas_db["things"].count_documents({}) == 2, "the push arrived", 30)
        eventually(lambda: local_db["things"].count_documents({}) == 2, "the pull arrived", 30)

        worker = run.process_named("syncproject.lean worker")
        assert "tornado" not in Path(f"/proc/{worker}/maps").read_text(), "it loads Flower"
        web = run.process_named("gunicorn")
        assert "psycopg" not in Path(f"/proc/{web}/maps").read_text(), "over SQLite"
        children = [one.pid for one in processes_of(run.home) if one.parent == worker]
        assert len(children) == 1
        os.kill(children[0], signal.SIGKILL)
        local_db["things"].insert_many([{"_id": number} for number in range(10, 500)])
        eventually(lambda: atlas_db["things"].count_documents({}) == 492, "nothing is lost", 60)

        eventually(lambda: run.get("/api/sync/bidirectional/health")["health"] == "healthy", "healthy", 60)
        told = settings | json.loads((run.home / "running.json").read_text())
        found = manage("sync_doctor", home=run.home, PORT=str(run.port), **told).stdout
        assert "✓ 1 worker answers" in found, found
        assert run.stop() < 10
        run.wait_until_nothing_is_left()
    finally:
        run.clean_up()
