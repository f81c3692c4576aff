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
from django.contrib.auth.models import Group, User
from django.core.servers.basehttp import WSGIRequestHandler
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from pymongo.database import Database
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from monitoring.alerts.channel_operations import add
from syncapp.api import doctor
from syncapp.api.common import authentication
from syncapp.api.token import TokenThrottle
from syncapp.embedded.mongod import Mongod
from syncapp.embedded.redis import Redis
from syncapp.services import databases, selftest
from tests.api.conftest import ROOT, Change, client_of
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
        sync_api_rate=0,
        sync_login_attempts=100_000,
        celery_broker_url=redis_server.url.removesuffix("/0") + "/15",
    )
    monkeypatch.setattr(doctor, "get_settings", databases.get_settings)
    monkeypatch.setattr(selftest, "_spawn", lambda run: None)
    # A connection for each request: this server takes what it did not read of a body for the next request
    monkeypatch.setattr(WSGIRequestHandler, "protocol_version", "HTTP/1.0")
    monkeypatch.setattr(TokenThrottle, "most", lambda self: 0)
    monkeypatch.setattr(authentication, "MOST_WRONG", 1_000_000)
    local_db["orders"].insert_one({"_id": 1})
    atlas_db["bills"].insert_one({"_id": 1})
    rows.conflict({"_id": 1}, {"_id": 1, "x": 1}, pk=1)
    rows.conflict({"_id": 2}, {"_id": 2, "x": 1}, winner="open", pk=2)
    rows.rejected(pk=1)
    rows.device(halts=[rows.halt()], refused={"logs": "it is capped"})
    rows.run("running", run_id="run-1")
    rows.token()
    rows.alert(pk=1)
    User.objects.create_user("nora", pk=1000)
    Group.objects.create(name="night shift", pk=1000)
    PeriodicTask.objects.create(
        name="somebody's", task="x", interval=IntervalSchedule.objects.create(every=1, period="days")
    )
    add("hook", "webhook", {"url": "http://127.0.0.1:9/hook"})
    return str(live_server.url)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_every_answer_is_described(server: str, tmp_path: Path) -> None:
    seed = os.environ.get("SEED") or str(random.randrange(2**32))
    print(f"Seed {seed}")
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


@pytest.fixture
def description(db: None) -> Any:
    return APIClient().get("/api/schema/?format=json").json()


def answers(description: Any, method: str, address: str) -> dict[str, Any]:
    return dict(description["paths"][address][method]["responses"])


@pytest.mark.parametrize(
    ("method", "address", "statuses"),
    [
        ("get", f"{ROOT}/metrics", "200 400 401 415 429 503"),
        ("post", f"{ROOT}/toggle", "200 400 401 403 415 429 503"),
        ("get", f"{ROOT}/conflicts/{{id}}", "200 400 401 404 415 429 503"),
        ("post", f"{ROOT}/conflicts/{{id}}/restore", "200 400 401 403 404 409 415 422 429 503"),
        ("post", f"{ROOT}/halts/answer", "200 400 401 403 404 409 415 429 503"),
        ("delete", f"{ROOT}/exclusions", "204 400 401 403 404 415 429 503"),
        ("delete", f"{ROOT}/resume-token", "200 400 401 403 415 429 503"),
        ("post", "/api/token/", "200 400 415 429 503"),
        ("get", "/monitoring/dashboard", "200 401 429 503"),
    ],
)
def test_refusals_are_described_with_their_body(
    description: Any, method: str, address: str, statuses: str
) -> None:
    found = answers(description, method, address)
    assert " ".join(sorted(found)) == statuses
    for status, answer in found.items():
        if status >= "400":
            assert answer["content"]["application/json"]["schema"] == {
                "$ref": "#/components/schemas/ErrorOut"
            }
    assert description["components"]["schemas"]["ErrorOut"]["required"] == ["code", "detail", "field"]


def test_clearing_a_resume_token_is_described_as_it_is(description: Any) -> None:
    operation = description["paths"][f"{ROOT}/resume-token"]["delete"]
    (side,) = operation["parameters"]
    assert (side["name"], side["in"], side.get("required", False)) == ("side", "query", False)
    assert set(side["schema"]["enum"]) == {"local", "atlas"}
    body = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/ClearedOut"}
    assert "requestBody" not in operation


def test_every_text_that_is_taken_has_its_limits(description: Any) -> None:
    """Of queries and of bodies."""
    schemas = description["components"]["schemas"]
    taken: list[tuple[str, Any]] = []
    for path, methods in description["paths"].items():
        for operation in methods.values():
            taken += [
                (path, one["schema"]) for one in operation.get("parameters", ()) if one["in"] == "query"
            ]
            for content in operation.get("requestBody", {}).get("content", {}).values():
                body = schemas[content["schema"]["$ref"].rpartition("/")[2]]
                assert body.get("additionalProperties") is False, path
                taken += [(path, field) for field in body["properties"].values()]
    assert len(taken) > 30
    for path, field in taken:
        if field.get("type") == "string" and "enum" not in field and "format" not in field:
            assert {"maxLength", "pattern"} <= field.keys(), (path, field)
        if field.get("type") == "integer":
            assert {"minimum", "maximum"} <= field.keys(), (path, field)


def test_what_the_limits_of_the_framework_refuse_is_json(db: None) -> None:
    answer = APIClient().post(
        "/api/token/", "&".join("a=1" for _ in range(3_000)), content_type="application/x-www-form-urlencoded"
    )
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/json")
    assert "too many fields" in answer.json()["detail"]


def test_half_a_character_is_answered(db: None) -> None:
    """Of a keyword that is not known and is named in the answer."""
    client = client_of(User.objects.create_superuser("operator"))
    for schema in (
        '{"\\ud800": 1}',
        '{"required": ["\\ud800"]}',
        '{"title": "\\u0000", "required": ["a"]}',
        "{}",
    ):
        body = f'{{"pattern": "a", "schema": {schema}}}'
        answer = client.generic("PUT", f"{ROOT}/rules/validation", body, content_type="application/json")
        assert answer.status_code == 400, schema
        assert answer.json()["detail"]
