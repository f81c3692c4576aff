"""Comparison runs by API: start, look, cancel; and resume tokens that are cleared."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pymongo.database import Database
from rest_framework.test import APIClient

from syncapp.embedded.mongod import Mongod
from syncapp.models import AuditEntry, ComparedCollection, ComparisonRun, ResumeToken
from syncapp.store import runs
from syncapp.store.names import RUNS
from syncapp.store.run import Kind, State
from tests.api.conftest import ROOT, Change
from tests.support import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def local(
    local_db: Database[Any],
    atlas_db: Database[Any],
    local_server: Mongod,
    atlas_server: Mongod,
    change_settings: Change,
) -> Database[Any]:
    """The local database of a device that has started once."""
    change_settings(
        mongodb_uri=local_server.uri(local_db.name), mongodb_atlas_uri=atlas_server.uri(atlas_db.name)
    )
    local_db["_sync_metadata"].insert_one({"_id": "instance", "instanceId": "device-1"})
    atlas_db["orders"].insert_one({"_id": 1})
    return local_db


def post(client: APIClient, address: str, body: Any = None) -> Any:
    return client.post(f"{ROOT}/{address}", body or {}, format="json")


def test_a_resync_is_asked_for_listed_and_cancelled(local: Database[Any], operator: APIClient) -> None:
    answer = post(operator, "resync", {"collections": ["orders"]})
    assert answer.status_code == 202
    run = answer.json()
    assert (run["kind"], run["state"], run["collections"]) == ("resync", "waiting", ["orders"])
    (listed,) = operator.get(f"{ROOT}/runs").json()["results"]
    assert listed.keys() == run.keys()
    assert listed["id"] == run["id"]
    assert operator.get(f"{ROOT}/runs/{run['id']}").json()["state"] == "waiting"
    assert post(operator, f"runs/{run['id']}/cancel").json()["state"] == "cancelled"
    assert operator.get(f"{ROOT}/runs/{run['id']}").json()["error"] == "Cancelled by operator"
    again = post(operator, f"runs/{run['id']}/cancel")
    assert again.status_code == 409
    assert again.json() == {"detail": "The run has ended: cancelled", "code": "overtaken", "field": None}
    actions = list(AuditEntry.objects.order_by("id").values_list("action", "detail"))
    assert actions == [("start resync", "orders"), ("cancel resync", run["id"])]


@pytest.mark.parametrize(("repair", "kind"), [(True, Kind.REPAIR), (False, Kind.VERIFY)])
def test_verifying_with_and_without_repair(
    local: Database[Any], operator: APIClient, repair: bool, kind: Kind
) -> None:
    run = post(operator, "verify", {"repair": repair}).json()
    found = runs.load(local, run["id"])
    assert found is not None
    assert (found.kind, found.owes, found.collections) == (kind, False, ())


def test_what_convergence_depends_on_cannot_be_cancelled(local: Database[Any], operator: APIClient) -> None:
    run = runs.request(local, kind=Kind.RESYNC, why="resume token missing")
    answer = post(operator, f"runs/{run}/cancel")
    assert answer.status_code == 409
    assert "resume token missing" in answer.json()["detail"]
    found = runs.load(local, run)
    assert found is not None
    assert found.state is State.WAITING


def test_unknown_runs(local: Database[Any], operator: APIClient) -> None:
    assert operator.get(f"{ROOT}/runs/nothing").status_code == 404
    assert post(operator, "runs/nothing/cancel").status_code == 404


@pytest.mark.parametrize(
    ("address", "body", "line"),
    [
        ("resync", {"collections": "orders"}, 'collections is "orders"; allowed: a list'),
        ("resync", {"collections": ["_sync_state"]}, 'collections is ["_sync_state"]; allowed: a list'),
        ("resync", {"collections": ["ordres"]}, 'collections is ["ordres"]; allowed: a list'),
        ("verify", {"repair": "perhaps"}, 'repair is "perhaps"; allowed: true or false'),
    ],
)
def test_bad_input(local: Database[Any], operator: APIClient, address: str, body: Any, line: str) -> None:
    answer = post(operator, address, body)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(line)
    assert not AuditEntry.objects.exists()
    assert local[RUNS].count_documents({}) == 0


def test_a_list_is_filtered(reader: APIClient) -> None:
    rows.run("done")
    rows.run("failed")
    results = reader.get(f"{ROOT}/runs?state=failed").json()["results"]
    assert [one["state"] for one in results] == ["failed"]
    answer = reader.get(f"{ROOT}/runs?state=nothing")
    assert answer.status_code == 400
    assert ComparisonRun.objects.count() == 2


@pytest.mark.parametrize(
    ("query", "cleared"), [("", ["local", "atlas"]), ("?side=atlas", ["atlas"]), ("?side=local", ["local"])]
)
def test_tokens_are_cleared(
    local: Database[Any], operator: APIClient, query: str, cleared: list[str]
) -> None:
    for side in ("local", "atlas"):
        local["_sync_metadata"].insert_one({"_id": f"{side}-resume-token", "token": {}})
        row = rows.token(side)
        row.instance_id = "device-1"
        row.save()
    assert operator.delete(f"{ROOT}/resume-token{query}").json() == {"cleared": cleared}
    left = {found["_id"] for found in local["_sync_metadata"].find({"_id": {"$regex": "token"}})}
    assert left == {f"{side}-resume-token" for side in ("local", "atlas") if side not in cleared}
    assert {row.side for row in ResumeToken.objects.all()} == {"local", "atlas"} - set(cleared)
    assert AuditEntry.objects.get().detail == ", ".join(cleared)
    assert operator.delete(f"{ROOT}/resume-token{query}").json() == {"cleared": []}
    assert AuditEntry.objects.count() == 1


def test_what_cannot_be_reached_is_said(operator: APIClient, change_settings: Change) -> None:
    change_settings(mongodb_uri="")
    for answer in (post(operator, "resync"), operator.delete(f"{ROOT}/resume-token")):
        assert (answer.status_code, answer.json()["detail"]) == (
            503,
            "The local MongoDB is not configured: MONGODB_URI is not set",
        )


def test_changing_needs_the_permission(reader: APIClient) -> None:
    for address in ("resync", "verify", "runs/x/cancel", "runs/x/pause", "runs/x/resume"):
        assert post(reader, address).status_code == 403
    assert reader.delete(f"{ROOT}/resume-token").status_code == 403


def test_a_run_is_paused_resumed_and_said(local: Database[Any], operator: APIClient) -> None:
    rows.device()
    run = post(operator, "verify").json()
    answer = post(operator, f"runs/{run['id']}/pause")
    assert (answer.status_code, answer.json()["state"]) == (200, "paused")
    assert operator.get(f"{ROOT}/runs?state=paused").json()["results"][0]["pausedAt"]
    again = post(operator, f"runs/{run['id']}/pause")
    assert (again.status_code, again.json()["detail"]) == (409, "The run is paused")
    health = operator.get(f"{ROOT}/health").json()
    assert [one["state"] for one in health["comparisons"]] == ["paused"]
    (reason,) = [one for one in health["reasons"] if one["code"] == "comparison-paused"]
    assert reason["status"] == "degraded"
    assert reason["text"].startswith("A comparison run is paused: Verify of all collections since 20")
    assert post(operator, f"runs/{run['id']}/resume").json()["state"] == "waiting"
    assert post(operator, f"runs/{run['id']}/resume").status_code == 409
    actions = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert actions == ["start verify", "pause verify", "resume verify"]


def test_what_convergence_depends_on_can_be_paused_but_not_the_first_run(
    local: Database[Any], operator: APIClient
) -> None:
    run = runs.request(local, kind=Kind.RESYNC, why="resume token missing")
    assert post(operator, f"runs/{run}/pause").json()["state"] == "paused"
    first = runs.request(local, kind=Kind.FIRST_RUN, why="first run")
    answer = post(operator, f"runs/{first}/pause")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_possible")


def sync_runs(*arguments: str) -> str:
    out = io.StringIO()
    call_command("sync_runs", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_lists_pauses_resumes_and_cancels(local: Database[Any], operator: APIClient) -> None:
    assert sync_runs() == "No comparison runs in the last 30 days.\n"
    with pytest.raises(CommandError, match="No run is waiting, running or paused"):
        sync_runs("pause")
    run = post(operator, "verify", {"collections": ["orders"]}).json()["id"]
    assert sync_runs("pause").startswith("Paused.")
    assert f"{run[:8]}  20" in sync_runs()
    assert "verify of orders: paused since 20" in sync_runs()
    assert sync_runs("resume", run[:6]).startswith("Resumed")
    other = post(operator, "resync").json()["id"]
    with pytest.raises(CommandError, match="There are several: name one of"):
        sync_runs("cancel")
    assert sync_runs("cancel", other).startswith("Cancelled.")
    assert "Cancelled by an operator" in sync_runs("show", other)
    assert json.loads(sync_runs("show", run, "--json"))["state"] == "waiting"
    with pytest.raises(CommandError, match="There is no run with the id"):
        sync_runs("show", "xyz")
    assert "Nothing has been compared yet" in sync_runs("collections")
    ComparedCollection.objects.create(
        instance_id="device-1",
        collection="orders",
        as_of=timezone.now(),
        compared_at=timezone.now(),
        run_id=run,
    )
    assert "orders" in sync_runs("collections")
    (row,) = json.loads(sync_runs("collections", "--json"))
    assert (row["collection"], row["differing"], row["run"]) == ("orders", 0, run)
    assert operator.get(f"{ROOT}/compared").json()["results"] == [row]
