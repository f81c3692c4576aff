"""What the API answers is what its schema says, whatever is asked of a running server: what the schema allows, what it
does not allow, and methods that it does not name."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.servers.basehttp import WSGIRequestHandler
from pymongo.database import Database
from rest_framework.authtoken.models import Token

from syncapp import databases
from syncapp.api import doctor
from syncapp.api.token import TokenThrottle
from syncapp.embedded.mongod import Mongod
from syncapp.embedded.redis import Redis
from tests.api.conftest import Change
from tests.support import rows

CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.fixture
def server(
    monkeypatch: pytest.MonkeyPatch,
    change_settings: Change,
    local_server: Mongod,
    local_db: Database[Any],
    atlas_server: Mongod,
    atlas_db: Database[Any],
    redis_server: Redis,
    transactional_db: None,
    live_server: Any,
) -> str:
    """The address of a server whose databases hold something of everything."""
    change_settings(
        mongodb_uri=local_server.uri(local_db.name),
        mongodb_atlas_uri=atlas_server.uri(atlas_db.name),
        celery_broker_url=redis_server.url.removesuffix("/0") + "/15",
    )
    monkeypatch.setattr(doctor, "get_settings", databases.get_settings)
    # By itself this server waits 40 ms for the client's acknowledgement between head and body of an answer
    monkeypatch.setattr(WSGIRequestHandler, "disable_nagle_algorithm", True)
    monkeypatch.setattr(TokenThrottle, "rate", "10000/s")
    local_db["orders"].insert_one({"_id": 1})
    atlas_db["bills"].insert_one({"_id": 1})
    rows.conflict({"_id": 1}, {"_id": 1, "x": 1}, pk=1)
    rows.conflict({"_id": 2}, {"_id": 2, "x": 1}, winner="open", pk=2)
    rows.rejected(pk=1)
    rows.device(halts=[rows.halt()], refused={"logs": "it is capped"})
    rows.run("running", run_id="run-1")
    rows.token()
    return str(live_server.url)


def test_every_answer_is_described(server: str, tmp_path: Path) -> None:
    seed = os.environ.get("SEED") or str(random.randrange(2**32))
    token = Token.objects.create(user=User.objects.create_superuser("operator", password="secret")).key
    program = Path(sys.executable).with_name("schemathesis")
    options = ["--header", f"Authorization: Token {token}", "--seed", seed, "--no-color"]
    done = subprocess.run(
        [program, "--config-file", CONFIG, "run", f"{server}/api/schema/?format=json", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"SEED={seed} repeats it:\n{done.stdout}{done.stderr}"
