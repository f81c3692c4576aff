"""Nothing answers a traceback, whatever is down: every address and every command, with each thing away in turn."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from pymongo import MongoClient

from syncapp.embedded.mongod import Mongod
from syncapp.embedded.redis import Redis
from tests.support import processes
from tests.support.walk import THINGS

pytestmark = pytest.mark.timeout(400)  # the walk, by whichever of them is first
Found = list[dict[str, Any]]
ROOT = "/api/sync/bidirectional"


@pytest.fixture(scope="module")
def walked(
    local_server: Mongod, atlas_server: Mongod, redis_server: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Found:
    home = tmp_path_factory.mktemp("away")
    uris = [server.uri("test_away") for server in (local_server, atlas_server)]
    program = [sys.executable, "-m", "tests.support.walk", str(home), *uris, str(redis_server.port)]
    done = subprocess.run(
        program, env=processes.environment(home), cwd=processes.BASE_DIR, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    for uri in uris:
        with MongoClient[Any](uri) as client:
            client.drop_database("test_away")
    assert done.returncode == 0, done.stderr[-3_000:]
    # Log lines are between them
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"away"')]


def of(walked: Found, thing: str) -> dict[str, dict[str, Any]]:
    return {one["what"]: one for one in walked if one["away"] == thing}


@pytest.mark.parametrize("thing", THINGS)
def test_no_traceback_and_no_500(walked: Found, thing: str) -> None:
    mine = of(walked, thing)
    assert len(mine) > (300 if thing != "redis" else 10)
    wrong = [one for one in mine.values() if one["traceback"] or one["status"] in (500, -1)]
    assert not wrong, json.dumps(wrong[:5], indent=1)


@pytest.mark.parametrize("thing", THINGS)
def test_scripts_are_answered_in_json(walked: Found, thing: str) -> None:
    for what, one in of(walked, thing).items():
        if " /api/s" in what and "schema" not in what and one["status"] != 204:
            assert one["kind"] == "application/json", what
            assert json.loads(one["text"]) if len(one["text"]) < 2_000 else True


def test_with_django_away_everything_says_so(walked: Found) -> None:
    mine = of(walked, "django")
    health = mine[f"GET {ROOT}/health"]
    assert health["status"] == 503
    assert json.loads(health["text"]) == {
        "enabled": None,
        "health": "critical",
        "message": "Django's database cannot be reached: sync status unknown",
        "changeStream": {"status": "unknown"},
        "syncWorker": {"queueSize": None},
        "instanceId": None,
    }
    for what, one in mine.items():
        if f" {ROOT}/" in what and "health" not in what:
            assert one["status"] == 503, one
            assert json.loads(one["text"]) == {
                "detail": "Django's database cannot be reached", "code": "unreachable", "field": None,
            }  # fmt: skip
        elif what.startswith(("GET /admin/syncapp", "GET /monitoring", "GET /metrics", "POST /api/token")):
            assert one["status"] == 503, one
            assert "Django&#x27;s database cannot be reached" in one["text"] or "detail" in one["text"]
    assert mine["GET /api/health"]["status"] == 503


def test_with_django_away_commands_say_it_in_one_line(walked: Found) -> None:
    mine = of(walked, "django")
    for name in ("sync_toggle show", "sync_toggle on", "sync_rejected", "sync_setup"):
        line = "DATABASE_URL: Django's database cannot be reached (unable to open database file)"
        assert (mine[name]["status"], mine[name]["text"].strip()) == (1, line)
    assert mine["sync_status"]["status"] == 2
    assert mine["sync_status"]["text"].startswith("critical  Django's database cannot be reached")
    assert json.loads(mine["sync_status --json"]["text"])["health"] == "critical"
    assert mine["sync_health"]["status"] == 2
    assert mine["sync_health"]["text"].startswith("SYNC CRITICAL - Django's database cannot be reached")


def test_with_redis_away_the_check_for_nagios_says_so(walked: Found) -> None:
    found = of(walked, "redis")["sync_health"]
    assert found["status"] == 2, "no listener runs here"
    assert "The broker (Redis) does not answer" in found["text"]


@pytest.mark.parametrize(
    ("thing", "name", "asked"),
    [
        ("local", "The local MongoDB cannot be reached", ["GET halts", "GET initial"]),
        ("local", "The local MongoDB cannot be reached", ["POST resync", "DELETE resume-token"]),
        ("atlas", "Atlas cannot be reached", ["POST resync"]),
    ],
)
def test_the_side_that_is_away_is_named(walked: Found, thing: str, name: str, asked: list[str]) -> None:
    for one in asked:
        found = of(walked, thing)[one.replace(" ", f" {ROOT}/")]
        assert found["status"] == 503
        assert json.loads(found["text"])["detail"].startswith(name)


def test_health_goes_on_while_a_mongodb_is_away(walked: Found) -> None:
    for thing in ("local", "atlas"):
        assert of(walked, thing)[f"GET {ROOT}/health"]["status"] in (200, 503)
        assert "queueSize" in of(walked, thing)[f"GET {ROOT}/health"]["text"]
