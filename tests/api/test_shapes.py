"""The fields that scripts read, by name, with rows and without any."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from django.core.management import call_command
from rest_framework.test import APIClient

from syncapp.models.choices import Direction
from syncapp.services.switches import change_switches
from tests.api.conftest import ROOT
from tests.support import rows

pytestmark = pytest.mark.django_db

DIRECTION = {
    "totalProcessed", "succeeded", "failed", "skipped", "inserts", "updates", "replaces", "deletes",
    "avgProcessTime", "p95ProcessTime", "p99ProcessTime", "lagMs", "lastEventAt",
}  # fmt: skip
PUBLIC = {"enabled", "health", "message", "changeStream", "syncWorker", "instanceId"}


def test_health_without_login_says_how_and_not_why(anybody: APIClient) -> None:
    rows.device(queue_size=7)
    change_switches(enabled=True)
    answer = anybody.get(f"{ROOT}/health")
    assert answer.status_code == 200
    assert answer.json() == {
        "enabled": True,
        "health": "healthy",
        "message": "Bidirectional sync is running",
        "changeStream": {"status": "connected"},
        "syncWorker": {"queueSize": 7},
        "instanceId": rows.DEVICE,
    }


def test_health_with_login_has_reasons(reader: APIClient) -> None:
    rows.device(atlas_stream="disconnected", last_error="no route to host")
    change_switches(enabled=True)
    body = reader.get(f"{ROOT}/health").json()
    assert body["health"] == "degraded"
    assert body["changeStream"] == {"status": "disconnected"}
    assert body["reasons"][0]["status"] == "degraded"
    assert "Atlas change stream" in body["reasons"][0]["text"]
    assert body["lastError"] == "no route to host"
    assert set(body) > PUBLIC


def test_health_with_login_has_what_is_not_judged_too(reader: APIClient) -> None:
    rows.device(halts=[rows.halt()], refused={"logs": "it is capped"}, clock_warning="40 s ahead")
    rows.rejected()
    rows.conflict({"_id": 1}, None, winner="open")
    rows.run("running", documents=40, expected=100)
    answer = reader.get(f"{ROOT}/health")
    assert answer.status_code == 503
    body = answer.json()
    assert [halt["id"] for halt in body["halts"]] == ["mass-delete:local:orders"]
    assert body["refusedCollections"] == {"logs": "it is capped"}
    assert (body["clockWarning"], body["rejectedChanges"], body["conflictsWaiting"]) == ("40 s ahead", 1, 1)
    (comparison,) = body["comparisons"]
    assert (comparison["kind"], comparison["state"], comparison["documents"]) == ("resync", "running", 40)
    assert (comparison["rate"], comparison["secondsLeft"]) == (None, None)


def test_health_before_anything_ran_is_critical_and_503(anybody: APIClient) -> None:
    answer = anybody.get(f"{ROOT}/health")
    assert answer.status_code == 503
    assert answer.json() == {
        "enabled": False,
        "health": "critical",
        "message": "Bidirectional sync is disabled",
        "changeStream": {"status": "disconnected"},
        "syncWorker": {"queueSize": 0},
        "instanceId": None,
    }


def test_disabled_sync_is_said_in_the_words_that_scripts_know(anybody: APIClient) -> None:
    rows.device(atlas_stream="stopped")
    answer = anybody.get(f"{ROOT}/health")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["enabled"], body["message"]) == (False, "Bidirectional sync is disabled")
    assert (body["health"], body["changeStream"]["status"]) == ("healthy", "stopped")


def test_only_the_status_healthy_contains_the_word(reader: APIClient) -> None:
    rows.device()
    change_switches(enabled=True)
    assert reader.get(f"{ROOT}/health").content.decode().count("healthy") == 1
    change_switches(paused=True)
    assert "healthy" not in reader.get(f"{ROOT}/health").content.decode()


def test_metrics_have_both_directions_and_conflicts(reader: APIClient) -> None:
    rows.device(pull_lag_ms=40, push_lag_ms=60)
    rows.minute(Direction.ATLAS_TO_LOCAL, succeeded=5, failed=1, skipped=2, inserts=3, deletes=2)
    rows.processing_times(Direction.ATLAS_TO_LOCAL, {10: 8})
    rows.conflict({"_id": 1}, None)
    body = reader.get(f"{ROOT}/metrics").json()
    assert set(body) == {"atlasToLocal", "localToAtlas", "conflicts", "heartbeatMs"}
    assert body["heartbeatMs"] == {"local": 12.5, "atlas": 40.0}
    assert set(body["atlasToLocal"]) == set(body["localToAtlas"]) == DIRECTION
    pull = body["atlasToLocal"]
    assert pull["totalProcessed"] == pull["succeeded"] + pull["failed"] + pull["skipped"] == 8
    assert pull["succeeded"] == sum(pull[name] for name in ("inserts", "updates", "replaces", "deletes"))
    assert (pull["avgProcessTime"], pull["p95ProcessTime"], pull["lagMs"]) == (10, 9.75, 40)
    assert dt.datetime.fromisoformat(pull["lastEventAt"]).tzinfo
    assert body["localToAtlas"]["lagMs"] == 60
    assert body["conflicts"]["totalConflicts"] == 1


def test_metrics_without_rows_are_zeros(reader: APIClient) -> None:
    body = reader.get(f"{ROOT}/metrics").json()
    unknown = {"lastEventAt", "lagMs"}  # no listener ever looked
    assert {value for name, value in body["localToAtlas"].items() if name not in unknown} == {0}
    assert {body["localToAtlas"][name] for name in unknown} == {None}


def test_tokens_devices_and_rejected_changes_can_be_read(reader: APIClient) -> None:
    rows.token()
    rows.device()
    rows.rejected()
    (token,) = reader.get(f"{ROOT}/resume-token").json()["results"]
    assert (token["side"], token["token"], token["clusterTime"]) == ("atlas", {"_data": "82"}, "1:1")
    (device,) = reader.get(f"{ROOT}/devices").json()["results"]
    assert (device["instanceId"], device["atlasStream"]) == (rows.DEVICE, "connected")
    page = reader.get(f"{ROOT}/rejected", {"direction": "localToAtlas"}).json()
    assert page["count"] == 1
    assert page["results"][0]["documentId"] == {"$numberInt": "1"}
    assert "document" not in page["results"][0], "a list does not read documents"


def test_the_web_process_says_that_it_is_up(anybody: APIClient) -> None:
    assert anybody.get("/api/health").json() == {"status": "ok", "database": "ok"}


def test_the_schema_describes_every_address_without_a_warning(anybody: APIClient, tmp_path) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml"))
    schema = anybody.get("/api/schema/?format=json").json()
    described = {path.removeprefix(ROOT + "/") for path in schema["paths"] if path.startswith(ROOT)}
    assert described == {
        "health", "metrics", "conflicts", "conflicts/{id}", "conflicts/{id}/restore", "conflicts/{id}/resolve", "toggle", "pause",
        "initial", "exclusions", "resume-token", "rejected", "rejected/{id}", "rejected/{id}/retry",
        "rejected/{id}/discard", "rejected/retry", "rejected/discard", "rules/validation", "devices", "devices/{device}", "halts", "halts/answer", "doctor",
        "runs", "runs/{run_id}", "runs/{run_id}/pause", "runs/{run_id}/resume", "runs/{run_id}/cancel", "resync", "verify", "compared", "definitions",
        "selftest", "alerts", "alerts/{id}", "alerts/{id}/acknowledge", "alerts/{id}/silence", "alerts/rules", "alerts/rules/{code}",
        "alerts/channels", "alerts/channels/{name}", "alerts/channels/{name}/test", "audit", "metrics/minutes", "strategy",
        "document", "explain", "conflicts/statistics", "conflicts/restore", "conflicts/try", "rules", "rules/for", "rules/check", "rules/preview", "rules/import", "rules/export",
    }  # fmt: skip
    assert {"/api/token/", "/api/health", "/monitoring/dashboard"} <= set(schema["paths"])


def test_the_api_pages_work_without_the_internet(anybody: APIClient) -> None:
    page = anybody.get("/api/docs/").content.decode()
    assert "/static/drf_spectacular_sidecar/" in page
    assert "cdn." not in page
    assert '<a href="/admin/">' in page, "the way back"


def test_every_address_of_the_page_about_the_api_exists(anybody: APIClient) -> None:
    import re

    from syncapp.conf.settings import BASE_DIR

    text = (BASE_DIR / "docs" / "api.md").read_text()
    described = set(re.findall(r"`(?:GET|POST|PUT|PATCH|DELETE) ([\w/{}-]+)", text))
    schema = json.loads(anybody.get("/api/schema/?format=json").content)["paths"]
    known = {path.removeprefix(f"{ROOT}/") for path in schema} | {"/metrics"}
    assert described <= known
