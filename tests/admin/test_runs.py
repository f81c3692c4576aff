"""Comparison runs and resume tokens in the admin: looking changes nothing, confirming acts."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pymongo.database import Database

from syncapp.embedded.mongod import Mongod
from syncapp.models import AuditEntry, ComparisonRun, ResumeToken
from syncapp.services.rules.exclusions import exclude
from syncapp.services.switches import change_switches
from syncapp.store import runs
from syncapp.store.names import RUNS
from syncapp.store.run import Kind, State
from tests.api.conftest import Change
from tests.support import rows

pytestmark = pytest.mark.django_db
LIST = "admin:syncapp_comparisonrun_changelist"


@pytest.fixture
def local(
    everything: None,
    local_db: Database[Any],
    atlas_db: Database[Any],
    local_server: Mongod,
    atlas_server: Mongod,
    change_settings: Change,
) -> Database[Any]:
    change_settings(
        mongodb_uri=local_server.uri(local_db.name), mongodb_atlas_uri=atlas_server.uri(atlas_db.name)
    )
    local_db["_sync_metadata"].insert_one({"_id": "instance", "instanceId": rows.DEVICE})
    atlas_db["orders"].insert_one({"_id": 1})
    AuditEntry.objects.all().delete()
    return local_db


def start_page(name: str) -> str:
    return reverse(f"admin:syncapp_comparisonrun_{name}")


@pytest.mark.parametrize(
    ("name", "kind"), [("verify", Kind.VERIFY), ("resync", Kind.RESYNC), ("repair", Kind.REPAIR)]
)
def test_a_run_is_started(superuser: Client, local: Database[Any], name: str, kind: Kind) -> None:
    assert superuser.get(start_page(name)).status_code == 200
    assert local[RUNS].count_documents({}) == 0, "looking at the dialog changes nothing"
    answer = superuser.post(start_page(name), {"_form_submitted": "on", "collections": "orders, "})
    row = ComparisonRun.objects.get(kind=kind.value)
    assert answer.headers["HX-Redirect"] == reverse("admin:syncapp_comparisonrun_change", args=[row.pk])
    progress = reverse("admin:syncapp_comparisonrun_progress", args=[row.pk])
    assert progress in superuser.get(answer.headers["HX-Redirect"]).content.decode(), "it is followed"
    assert "Waiting: 0 documents compared" in superuser.get(progress).content.decode()
    ComparisonRun.objects.filter(pk=row.pk).update(ended_at=timezone.now())
    assert superuser.get(progress).headers["HX-Refresh"] == "true"
    assert progress not in superuser.get(answer.headers["HX-Redirect"]).content.decode()
    found = local[RUNS].find_one()
    assert found is not None
    assert (found["kind"], found["collections"]) == (kind.value, ["orders"])
    page = superuser.get(reverse(LIST)).content.decode()
    assert "orders" in page
    assert AuditEntry.objects.get().action == f"start {kind}"


def test_verify_stands_once_on_the_page(superuser: Client, local: Database[Any]) -> None:
    page = superuser.get(reverse(LIST)).content.decode()
    assert page.count(start_page("verify")) == 1
    assert start_page("resync") in page


def test_an_unknown_collection_is_said(superuser: Client, local: Database[Any]) -> None:
    superuser.post(start_page("verify"), {"_form_submitted": "on", "collections": "ordres"})
    assert "collections is [&quot;ordres&quot;]; allowed: " in superuser.get(reverse(LIST)).content.decode()
    assert local[RUNS].count_documents({}) == 0


def test_a_run_is_cancelled_once(superuser: Client, local: Database[Any]) -> None:
    superuser.post(start_page("verify"), {"_form_submitted": "on", "collections": ""})
    row = ComparisonRun.objects.get(kind="verify")
    cancel = reverse("admin:syncapp_comparisonrun_cancel_run", args=[row.pk])
    assert superuser.get(cancel).status_code == 200
    superuser.post(cancel, {"_form_submitted": "on"})
    run = runs.load(local, row.run_id)
    assert run is not None
    assert (run.state, run.error) == (State.CANCELLED, "Cancelled by root")
    assert superuser.post(cancel, {"_form_submitted": "on"}).status_code == 403


def test_a_token_is_cleared(superuser: Client, local: Database[Any]) -> None:
    local["_sync_metadata"].insert_one({"_id": "atlas-resume-token", "token": {}})
    row = ResumeToken.objects.get(side="atlas")
    clear = reverse("admin:syncapp_resumetoken_clear_token", args=[row.pk])
    assert superuser.get(clear).status_code == 200
    assert local["_sync_metadata"].find_one({"_id": "atlas-resume-token"})
    superuser.post(clear, {"_form_submitted": "on"})
    assert not local["_sync_metadata"].find_one({"_id": "atlas-resume-token"})
    assert not ResumeToken.objects.exists()
    assert AuditEntry.objects.get().action == "clear resume token"


def test_whoever_may_only_look_cannot(viewer: Client, local: Database[Any]) -> None:
    row = rows.run("running")
    token = ResumeToken.objects.get()
    pages = [
        start_page("verify"),
        reverse("admin:syncapp_comparisonrun_cancel_run", args=[row.pk]),
        reverse("admin:syncapp_resumetoken_clear_token", args=[token.pk]),
    ]
    for page in pages:
        assert viewer.post(page, {"_form_submitted": "on"}).status_code == 403
    user = User.objects.get(username="viewer")
    user.user_permissions.add(Permission.objects.get(codename="operate_sync"))
    for page in pages:
        assert viewer.get(page).status_code == 200


def test_each_difference_says_why_and_can_be_opened(
    superuser: Client, local: Database[Any], atlas_db: Database[Any]
) -> None:
    change_switches(enabled=True)
    exclude("stock")
    rows.rejected(key=2, reason="It is larger than the server accepts")
    found = [("orders", 2), ("orders", 3), ("stock", 4)]
    samples = [{"collection": name, "id": rows.extended(key), "what": "onlyAtlas"} for name, key in found]
    row = rows.run(State.DONE, only_atlas=30, samples=samples)
    page = superuser.get(reverse("admin:syncapp_comparisonrun_change", args=[row.pk])).content.decode()
    assert "It is larger than the server accepts" in page
    assert "the change may be in flight" in page
    assert "The collection is excluded" in page
    assert "The first of 30 documents" in page
    opened = re.search(r'href="([^"]*/document/\?[^"]*)"', page)
    assert opened is not None
    atlas_db["orders"].insert_one({"_id": 2, "total": 12})
    document = superuser.get(html.unescape(opened[1])).content.decode()
    assert "It is larger than the server accepts" in document
    assert "total" in document


def test_a_run_is_paused_and_resumed(superuser: Client, local: Database[Any]) -> None:
    superuser.post(start_page("verify"), {"_form_submitted": "on", "collections": ""})
    row = ComparisonRun.objects.get(kind="verify")
    pages = {
        name: reverse(f"admin:syncapp_comparisonrun_{name}_run", args=[row.pk])
        for name in ("pause", "resume")
    }
    assert superuser.post(pages["resume"], {"_form_submitted": "on"}).status_code == 403
    assert superuser.get(pages["pause"]).status_code == 200
    superuser.post(pages["pause"], {"_form_submitted": "on"})
    run = runs.load(local, row.run_id)
    assert run is not None
    assert run.state is State.PAUSED
    page = superuser.get(reverse("admin:syncapp_comparisonrun_change", args=[row.pk])).content.decode()
    assert pages["resume"] in page
    assert pages["pause"] not in page
    superuser.post(pages["resume"], {"_form_submitted": "on"})
    run = runs.load(local, row.run_id)
    assert run is not None
    assert run.state is State.WAITING


def test_the_page_says_rate_time_left_and_up_to_when_each_collection_is_in_sync(superuser: Client) -> None:
    counts = {"equal": 5, "different": 0, "onlyLocal": 0, "onlyAtlas": 0, "asAgreed": 0, "over": True}
    found = [
        {"collection": "orders", "documents": 5, "inSyncAsOf": "2026-01-02T03:04:05+00:00", **counts},
        {"collection": "stock", "documents": 6, "inSyncAsOf": None, **counts, "different": 1},
    ]
    row = rows.run(
        State.RUNNING, documents=11, expected=2_000, rate=120, seconds_left=300, by_collection=found
    )
    page = superuser.get(reverse("admin:syncapp_comparisonrun_change", args=[row.pk])).content.decode()
    assert "as of 2026-01-02 03:04:05 UTC" in page
    assert "120 a second, about 5 min left" in page
    assert "120 a second, about 5 min left" in superuser.get(reverse(LIST)).content.decode()
