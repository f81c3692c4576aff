"""Idempotency-Key: the same request is carried out once and answered the same; another one with its key is refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.test import APIClient

from syncapp.core.values import Side
from syncapp.models import Conflict, IdempotencyKey
from syncapp.services import conflicts, runs
from syncapp.services.errors import Unreachable
from syncapp.store.run import Kind
from tests.api.conftest import ROOT, client_of
from tests.support import rows

pytestmark = pytest.mark.django_db
KEY = {"HTTP_IDEMPOTENCY_KEY": "5e2c-1"}
Started = list[tuple[Kind, list[str]]]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """The runs that were started, instead of starting them on a server."""
    found: Started = []

    def start(kind: Kind, collections: Any = (), user: Any = None) -> int:
        found.append((kind, list(collections)))
        return len(found)

    monkeypatch.setattr(runs, "start", start)
    monkeypatch.setattr(runs, "as_document", lambda number: {"id": f"run-{number}"})
    return found


def verify(client: APIClient, body: dict[str, Any] | None = None, **headers: str) -> Any:
    return client.post(f"{ROOT}/verify", body or {}, format="json", **headers)


def test_the_same_request_is_carried_out_once(operator: APIClient, started: Started) -> None:
    first, second = verify(operator, **KEY), verify(operator, **KEY)
    assert (first.status_code, first.json()) == (202, {"id": "run-1"})
    assert (second.status_code, second.json()) == (202, {"id": "run-1"})
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len(started) == 1
    assert verify(operator).json() == {"id": "run-2"}, "without a key each request is one of its own"


def test_another_request_with_its_key_is_refused(operator: APIClient, started: Started) -> None:
    verify(operator, **KEY)
    for refused in (
        verify(operator, {"repair": True}, **KEY),
        operator.post(f"{ROOT}/resync", {}, format="json", **KEY),
    ):
        assert refused.status_code == 422
        body = refused.json()
        assert (body["code"], body["field"]) == ("idempotency_key_reused", "Idempotency-Key")
    assert len(started) == 1


def test_the_key_of_another_user_is_another_one(operator: APIClient, started: Started) -> None:
    verify(operator, **KEY)
    assert verify(client_of(User.objects.create_superuser("root")), **KEY).json() == {"id": "run-2"}


def test_after_a_day_it_is_new(operator: APIClient, started: Started) -> None:
    verify(operator, **KEY)
    IdempotencyKey.objects.update(created_at=timezone.now() - dt.timedelta(hours=24, seconds=1))
    assert verify(operator, {"repair": True}, **KEY).json() == {"id": "run-2"}


def test_what_was_refused_is_tried_again(
    operator: APIClient, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    works: Callable[..., Any] = runs.start

    def away(*_: Any, **__: Any) -> Any:
        raise Unreachable("The local MongoDB is away")

    monkeypatch.setattr(runs, "start", away)
    assert verify(operator, **KEY).status_code == 503
    monkeypatch.setattr(runs, "start", works)
    assert verify(operator, **KEY).status_code == 202


def test_while_it_is_carried_out_or_was_interrupted_it_is_not_started_again(
    operator: APIClient, started: Started
) -> None:
    verify(operator, **KEY)
    IdempotencyKey.objects.update(status=None)
    answer = verify(operator, **KEY)
    assert (answer.status_code, answer.json()["code"]) == (409, "overtaken")
    assert len(started) == 1


@pytest.mark.parametrize("key", ["", "a b", "ä", "x" * 201])
def test_a_key_has_a_form(operator: APIClient, started: Started, key: str) -> None:
    answer = verify(operator, HTTP_IDEMPOTENCY_KEY=key)
    assert (answer.status_code, answer.json()["field"]) == (400, "Idempotency-Key")
    assert not started


def test_a_restore_is_answered_again_instead_of_being_refused_as_done(
    operator: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = rows.conflict({"_id": 1}, {"_id": 1, "x": 1})
    written: list[Side] = []
    monkeypatch.setattr(conflicts, "write_natively", lambda side, *_, **__: written.append(side))
    answers = [operator.post(f"{ROOT}/conflicts/{one.pk}/restore", **KEY) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert (written, Conflict.objects.get().restored_at is not None) == ([Side.LOCAL], True)
    assert operator.post(f"{ROOT}/conflicts/{one.pk}/restore").status_code == 409
