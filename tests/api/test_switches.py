"""Toggle, pause and exclusions change what the listener reads, and are in the audit log."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from syncapp.models import AuditEntry, ExcludedCollection
from syncapp.rules.switches import get_switches
from tests.api.conftest import ROOT

pytestmark = pytest.mark.django_db


def test_the_toggle_answers_with_the_new_state(operator: APIClient, operator_user: User) -> None:
    before = get_switches().version
    body = operator.post(f"{ROOT}/toggle", {"enabled": True}, format="json").json()
    assert (body["enabled"], body["paused"], body["strategy"]) == (True, False, "last-write-wins")
    assert body["version"] == get_switches().version == before + 1
    assert operator.get(f"{ROOT}/toggle").json() == body
    (entry,) = AuditEntry.objects.all()
    assert (entry.user, entry.action, entry.detail) == (operator_user, "set enabled", "enabled: off → on")


def test_what_is_so_already_changes_nothing(operator: APIClient) -> None:
    for _ in range(2):
        operator.post(f"{ROOT}/toggle", {"enabled": True}, format="json")
    assert AuditEntry.objects.count() == 1


def test_the_toggle_can_be_read_before_there_is_a_row(reader: APIClient) -> None:
    body = reader.get(f"{ROOT}/toggle").json()
    assert (body["enabled"], body["changedAt"]) == (False, None)


def test_pause_and_go_on(operator: APIClient) -> None:
    assert operator.post(f"{ROOT}/pause", {"paused": True}, format="json").json()["paused"] is True
    assert operator.get(f"{ROOT}/health").json()["message"] == "Bidirectional sync is disabled"
    operator.post(f"{ROOT}/toggle", {"enabled": True}, format="json")
    assert operator.get(f"{ROOT}/health").json()["message"] == "Sync is paused"
    assert operator.post(f"{ROOT}/pause", {"paused": False}, format="json").json()["paused"] is False


def test_exclusions_are_added_listed_and_removed(operator: APIClient) -> None:
    ExcludedCollection.objects.all().delete()
    before = get_switches().version
    for _ in range(2):
        answer = operator.post(f"{ROOT}/exclusions", {"pattern": "temp_*"}, format="json")
        assert answer.status_code == 201
    assert [r["pattern"] for r in operator.get(f"{ROOT}/exclusions").json()["results"]] == ["temp_*"]
    assert operator.delete(f"{ROOT}/exclusions", {"pattern": "temp_*"}, format="json").status_code == 204
    gone = operator.delete(f"{ROOT}/exclusions?pattern=temp_*")
    assert gone.status_code == 404
    assert gone.json() == {
        "detail": "temp_* is not among the excluded patterns",
        "code": "not_found",
        "field": "pattern",
    }
    actions = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert actions == ["exclude collection", "include collection"]
    assert get_switches().version == before + 2, "the listener takes it up without a restart"
