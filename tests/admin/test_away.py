"""Nothing answers a traceback, whatever is away: every address and every command, with each thing away in turn."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from syncapp.embedded.mongod import Mongod
from syncapp.embedded.redis import Redis
from tests.support import processes
from tests.support.walk import THINGS

Found = list[dict[str, Any]]
HEALTH = "GET /api/sync/bidirectional/health"


@pytest.fixture(scope="module")
def walked(
    local_server: Mongod, atlas_server: Mongod, redis_server: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Found]:
    home = tmp_path_factory.mktemp("away")
    uris = [server.uri("test_away") for server in (local_server, atlas_server)]
    program = [sys.executable, "-m", "tests.support.walk", str(home), *uris, str(redis_server.port)]
    done = subprocess.run(
        program, env=processes.environment(home), cwd=processes.BASE_DIR, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    for server in (local_server, atlas_server):
        server.client().drop_database("test_away") if hasattr(server, "client") else None
    assert done.returncode == 0, done.stderr[-3_000:]
    yield [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("thing", THINGS)
def test_no_traceback(walked: Found, thing: str) -> None:
    mine = [one for one in walked if one["away"] == thing]
    assert len(mine) > 150
    wrong = [one for one in mine if one["traceback"] or one["status"] in (500, -1)]
    assert not wrong, json.dumps(wrong[:5], indent=1)
