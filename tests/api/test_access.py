"""Who may read and who may change, at every address."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from syncapp.models import AuditEntry, SyncSwitches
from tests.api.conftest import ROOT, Change

pytestmark = pytest.mark.django_db

READABLE = [
    f"{ROOT}/metrics",
    f"{ROOT}/conflicts",
    f"{ROOT}/toggle",
    f"{ROOT}/pause",
    f"{ROOT}/exclusions",
    f"{ROOT}/resume-token",
    f"{ROOT}/rejected",
    f"{ROOT}/rules/validation",
    f"{ROOT}/devices",
    f"{ROOT}/compared",
    f"{ROOT}/alerts",
    f"{ROOT}/alerts/rules",
    f"{ROOT}/alerts/rules/lag",
    f"{ROOT}/alerts/channels",
    f"{ROOT}/alerts/channels/log",
    "/monitoring/dashboard",
    "/monitoring/live",
    "/metrics",
]
OPEN = [f"{ROOT}/health", "/api/health", "/readyz", "/api/schema/", "/api/docs/"]
CHANGES = [
    ("post", f"{ROOT}/toggle", {"enabled": True}),
    ("post", f"{ROOT}/pause", {"paused": True}),
    ("post", f"{ROOT}/exclusions", {"pattern": "x"}),
    ("delete", f"{ROOT}/exclusions", {"pattern": "x"}),
    ("post", f"{ROOT}/conflicts/1/restore", {}),
    ("post", f"{ROOT}/conflicts/1/resolve", {"winner": "local"}),
    ("post", f"{ROOT}/rejected/1/retry", {}),
    ("post", f"{ROOT}/rejected/1/discard", {}),
    ("post", f"{ROOT}/rejected/retry", {"all": True}),
    ("post", f"{ROOT}/rejected/discard", {"all": True}),
    ("put", f"{ROOT}/rules/validation", {"pattern": "x", "schema": {}}),
    ("delete", f"{ROOT}/rules/validation", {"pattern": "x"}),
    ("post", f"{ROOT}/halts/answer", {"id": "x", "answer": "y"}),
    ("post", f"{ROOT}/selftest", {"parts": ["basic"]}),
    ("post", f"{ROOT}/alerts/1/acknowledge", {}),
    ("post", f"{ROOT}/alerts/1/silence", {"minutes": 5}),
    ("delete", f"{ROOT}/alerts/1/silence", {}),
    ("put", f"{ROOT}/alerts/rules/lag", {"enabled": False}),
    ("delete", f"{ROOT}/alerts/rules/lag", {}),
    ("post", f"{ROOT}/alerts/channels", {"name": "x", "kind": "slack", "options": {"url": "http://x"}}),
    ("put", f"{ROOT}/alerts/channels/log", {"enabled": False}),
    ("delete", f"{ROOT}/alerts/channels/log", {}),
    ("post", f"{ROOT}/alerts/channels/log/test", {}),
]


@pytest.mark.parametrize("address", READABLE)
def test_reading_needs_a_login(address: str, anybody: APIClient, reader: APIClient) -> None:
    assert anybody.get(address).status_code == 401
    assert reader.get(address).status_code == 200


@pytest.mark.parametrize("address", READABLE)
def test_reading_is_open_where_the_setting_says_so(
    address: str, anybody: APIClient, change_settings: Change
) -> None:
    change_settings(sync_api_public_read=True)
    assert anybody.get(address).status_code == 200


@pytest.mark.parametrize("address", OPEN)
def test_some_addresses_are_open_to_all(address: str, anybody: APIClient) -> None:
    assert anybody.get(address).status_code in (200, 503)


@pytest.mark.parametrize(("method", "address", "body"), CHANGES)
def test_changing_needs_the_permission_even_where_all_may_read(
    method: str, address: str, body: dict, anybody: APIClient, reader: APIClient, change_settings: Change
) -> None:
    change_settings(sync_api_public_read=True)
    assert getattr(anybody, method)(address, body, format="json").status_code == 401
    refused = getattr(reader, method)(address, body, format="json")
    assert refused.status_code == 403
    assert "syncapp.operate_sync" in refused.json()["detail"]
    assert not SyncSwitches.objects.filter(enabled=True).exists()
    assert not AuditEntry.objects.exists()


def test_a_token_is_given_for_name_and_password(anybody: APIClient, operator_user: User) -> None:
    answer = anybody.post("/api/token/", {"username": "operator", "password": "secret"}, format="json")
    assert answer.status_code == 200
    anybody.credentials(HTTP_AUTHORIZATION=f"Token {answer.json()['token']}")
    assert anybody.get(f"{ROOT}/metrics").status_code == 200


def test_a_wrong_password_gets_no_token_and_one_line(anybody: APIClient, operator_user: User) -> None:
    answer = anybody.post("/api/token/", {"username": "operator", "password": "wrong"}, format="json")
    assert answer.status_code == 400
    assert answer.json()["detail"] == "Unable to log in with provided credentials."


def test_guessing_passwords_is_slowed_down(anybody: APIClient) -> None:
    codes = [
        anybody.post("/api/token/", {"username": "a", "password": str(n)}).status_code for n in range(11)
    ]
    assert codes == [400] * 10 + [429]


def test_a_wrong_token_is_refused(anybody: APIClient) -> None:
    anybody.credentials(HTTP_AUTHORIZATION="Token nonsense")
    assert anybody.get(f"{ROOT}/metrics").status_code == 401


def test_the_session_of_the_admin_works_too_and_needs_the_csrf_token(operator_user: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(operator_user)
    assert client.get(f"{ROOT}/toggle").status_code == 200
    refused = client.post(f"{ROOT}/toggle", {"enabled": True}, content_type="application/json")
    assert refused.status_code == 403
    assert "CSRF" in refused.json()["detail"]


def test_a_superuser_may_change(db: None) -> None:
    client = APIClient()
    client.force_authenticate(User.objects.create_superuser("root"))
    assert client.post(f"{ROOT}/toggle", {"enabled": True}, format="json").status_code == 200
