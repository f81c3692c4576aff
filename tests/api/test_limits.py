"""What an attacker would try: many requests, many passwords, false addresses, bodies that are big or deep, odd redirects."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client, RequestFactory
from rest_framework.test import APIClient

from syncapp.models import AuditEntry
from syncapp.services.access import logins
from syncapp.services.client import address_of
from tests.api.conftest import ROOT, Change, client_of

pytestmark = pytest.mark.django_db
LOGIN = "/admin/login/"


def test_too_many_requests_are_answered_429_in_the_same_form(
    reader: APIClient, change_settings: Change
) -> None:
    change_settings(sync_api_rate=3)
    answers = [reader.get(f"{ROOT}/toggle") for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    body = answers[3].json()
    assert (set(body), body["code"]) == ({"detail", "code", "field"}, "throttled")
    assert 0 < int(answers[3].headers["Retry-After"]) <= 60
    other = client_of(User.objects.create_user("other"))
    assert other.get(f"{ROOT}/toggle").status_code == 200, "each user has a limit of their own"
    change_settings(sync_api_rate=0)
    assert reader.get(f"{ROOT}/toggle").status_code == 200


def test_a_false_address_in_a_header_changes_nothing(anybody: APIClient, change_settings: Change) -> None:
    change_settings(sync_api_rate=2)
    codes = [
        anybody.get(f"{ROOT}/health", HTTP_X_FORWARDED_FOR=f"10.0.0.{n}").status_code != 429 for n in range(3)
    ]
    assert codes == [True, True, False]
    cache.clear()
    change_settings(sync_api_rate=2, sync_trusted_proxies=1)
    for client in ("10.0.0.1", "10.0.0.2"):
        for _ in range(2):
            answer = anybody.get(f"{ROOT}/health", HTTP_X_FORWARDED_FOR=f"1.2.3.4, {client}")
            assert answer.status_code != 429, "the proxy's word counts, not what stands before it"
    assert anybody.get(f"{ROOT}/health", HTTP_X_FORWARDED_FOR="9.9.9.9, 10.0.0.1").status_code == 429


def test_an_address_of_ipv6_counts_by_its_network(anybody: APIClient, change_settings: Change) -> None:
    change_settings(sync_api_rate=1)
    codes = [anybody.get("/api/health", REMOTE_ADDR=f"2001:db8::{n}").status_code for n in (1, 2)]
    assert codes == [200, 429]
    assert anybody.get("/api/health", REMOTE_ADDR="2001:db9::1").status_code == 200


@pytest.mark.parametrize(
    ("seen", "address"),
    [
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("10.0.0.1:4711", "10.0.0.1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("nobody", ""),
    ],
)
def test_an_address_counts_for_one_client_however_it_is_written(
    change_settings: Change, seen: str, address: str
) -> None:
    """As IPv6, all addresses of IPv4 are one network: who tries passwords from one would lock out all others."""
    change_settings(sync_trusted_proxies=1)
    requests = RequestFactory()
    assert address_of(requests.get("/", REMOTE_ADDR=seen)) == address
    assert address_of(requests.get("/", HTTP_X_FORWARDED_FOR=f"1.2.3.4, {seen}")) == address


def test_the_login_page_is_closed_after_ten_wrong_passwords(client: Client, change_settings: Change) -> None:
    user = User.objects.create_superuser("root", password="secret")
    for _ in range(10):
        assert client.post(LOGIN, {"username": "root", "password": "wrong"}).status_code == 200
    refused = client.post(LOGIN, {"username": "root", "password": "secret"})
    assert "Too many failed logins: try again in" in refused.content.decode()
    assert "_auth_user_id" not in client.session, "not even the right one is recognised"
    elsewhere = Client(REMOTE_ADDR="10.0.0.9")
    assert elsewhere.post(LOGIN, {"username": "root", "password": "secret"}).status_code == 302
    cache.clear()  # five minutes later
    assert client.post(LOGIN, {"username": "root", "password": "secret"}).status_code == 302
    assert client.session["_auth_user_id"] == str(user.pk)


def test_an_address_that_tries_many_names_is_closed_for_all(client: Client, change_settings: Change) -> None:
    change_settings(sync_login_attempts=2)
    User.objects.create_superuser("root", password="secret")
    for number in range(2 * logins.OF_AN_ADDRESS):
        client.post(LOGIN, {"username": f"name {number}", "password": "wrong"})
    assert client.post(LOGIN, {"username": "root", "password": "secret"}).status_code == 200
    api = APIClient().post("/api/token/", {"username": "root", "password": "secret"}, format="json")
    assert (api.status_code, api.json()["code"]) == (429, "throttled")


@pytest.mark.parametrize(
    "place", ["//evil.example", "https://evil.example", "javascript:alert(1)", "/\\evil.example"]
)
def test_a_login_leads_nowhere_else(client: Client, place: str) -> None:
    User.objects.create_superuser("root", password="secret")
    answer = client.post(f"{LOGIN}?next={place}", {"username": "root", "password": "secret", "next": place})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


@pytest.mark.parametrize(
    "place", ["/docs//evil.example", "//evil.example/docs", "/flower//evil.example", "/admin//evil.example"]
)
def test_no_address_leads_to_another_host(client: Client, place: str) -> None:
    answer = client.get(place)
    assert not answer.headers.get("Location", "/x").startswith(("//", "http"))


def test_bodies_that_are_big_or_deep_are_refused(operator: APIClient) -> None:
    big = '{"pattern": "' + "x" * 3_000_000 + '"}'
    deep = '{"pattern": "a", "schema": ' + '{"a":' * 100_000 + "1" + "}" * 100_000 + "}"
    number = '{"pattern": ' + "9" * 5_000 + "}"
    for body in (big, deep, number):
        answer = operator.generic("PUT", f"{ROOT}/rules/validation", body, content_type="application/json")
        assert answer.status_code == 400
        assert len(answer.content) < 600
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    "url",
    [
        "http://a/\r\nX-Evil: 1",
        "http://a b/",
        "http://a/\tb",
        "file:///etc/passwd",
        "gopher://a/",
        "http://",
        "http://[::1",
    ],
)
def test_an_address_of_a_webhook_is_one_address(operator: APIClient, url: str) -> None:
    given = {"name": "evil", "kind": "webhook", "options": {"url": url}}
    answer = operator.post(f"{ROOT}/alerts/channels", given, format="json")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nothing", 404),
        ("GET", f"{ROOT}/conflicts/99", 404),
        ("GET", f"{ROOT}/conflicts/x", 404),
        ("PATCH", f"{ROOT}/toggle", 405),
        ("POST", f"{ROOT}/metrics", 405),
        ("POST", "/monitoring/dashboard", 405),
        ("GET", f"{ROOT}/toggle?x=1", 400),
        ("GET", "/readyz?x=1", 400),
        ("POST", "/api/schema/", 405),
        ("GET", "/api/schema/?format=xml", 404),
        ("POST", "/api/docs/", 405),
        ("POST", "/metrics", 405),
    ],
)
def test_every_error_has_the_same_form(operator: APIClient, method: str, path: str, status: int) -> None:
    answer = operator.generic(method, path)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/json"
    assert set(answer.json()) == {"detail", "code", "field"}


def test_wrong_bodies_and_missing_logins_have_the_same_form(operator: APIClient, anybody: APIClient) -> None:
    session = Client(enforce_csrf_checks=True)
    session.force_login(User.objects.create_superuser("root"))
    for answer, status, code in (
        (
            operator.generic("POST", f"{ROOT}/toggle", "{", content_type="application/json"),
            400,
            "wrong_input",
        ),
        (
            operator.generic("POST", f"{ROOT}/toggle", "a", content_type="text/csv"),
            415,
            "unsupported_media_type",
        ),
        (anybody.get(f"{ROOT}/toggle"), 401, "not_authenticated"),
        (
            session.post(f"{ROOT}/toggle", {"enabled": True}, content_type="application/json"),
            403,
            "permission_denied",
        ),
        (anybody.get(f"{ROOT}/health", HTTP_HOST="evil.example"), 400, "wrong_input"),
    ):
        body = answer.json()
        assert (answer.status_code, set(body), body["code"]) == (status, {"detail", "code", "field"}, code)
