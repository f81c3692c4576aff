"""Clients of the API: nobody, somebody with a login, an operator; and settings that a test changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.cache import cache
from pymongo.database import Database
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from syncapp.conf import settings as conf
from syncapp.embedded.mongod import Mongod
from syncapp.services.access import roles
from tests.api.explaining import DEVICE

ROOT = "/api/sync/bidirectional"
Change = Callable[..., None]


@pytest.fixture(autouse=True)
def _no_throttling_left_over() -> None:
    cache.clear()


def client_of(user: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.get_or_create(user=user)[0].key}")
    return client


def member(name: str, role: str) -> User:
    roles.seed()
    user = User.objects.create_user(name, password="secret")
    user.groups.add(Group.objects.get(name=role))
    return user


def refusal(answer: Any, status: int) -> tuple[str, str]:
    """The line and the field of what was refused."""
    assert answer.status_code == status, answer.content
    return answer.json()["detail"], answer.json()["field"]


@pytest.fixture
def ada(db: None) -> User:
    """The only administrator."""
    return member("ada", roles.ADMINISTRATORS)


@pytest.fixture
def administrator(ada: User) -> APIClient:
    return client_of(ada)


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root", password="secret")


@pytest.fixture
def anybody() -> APIClient:
    return APIClient()


@pytest.fixture
def reader(db: None) -> APIClient:
    return client_of(User.objects.create_user("reader", password="secret"))


@pytest.fixture
def operator_user(db: None) -> User:
    user = User.objects.create_user("operator", password="secret")
    user.user_permissions.set(Permission.objects.filter(codename__in=("operate_sync", "see_bodies")))
    return user


@pytest.fixture
def operator(operator_user: User) -> APIClient:
    return client_of(operator_user)


@pytest.fixture
def change_settings(monkeypatch: pytest.MonkeyPatch) -> Change:
    """Settings of the environment as they would be after a restart with these values."""
    from monitoring import dashboard, facts, flower
    from monitoring.alerts import channel_operations, configured, events, outbox
    from syncapp.admin import navigation
    from syncapp.api.common import permissions, throttles
    from syncapp.services import client, databases
    from syncapp.services.access import logins
    from syncapp.services.rules import collection_rules

    def change(**values: object) -> None:
        changed = dataclasses.replace(conf.get_settings(), **values)  # type: ignore[arg-type]
        alerts = (channel_operations, configured, events, outbox)
        limits = (client, collection_rules, logins, throttles)
        for module in (dashboard, databases, facts, flower, navigation, permissions, *alerts, *limits):
            monkeypatch.setattr(module, "get_settings", lambda: changed)

    return change


@pytest.fixture
def both(
    local_db: Database[Any], local_server: Mongod, atlas_db: Database[Any], atlas_server: Mongod,
    change_settings: Change,
) -> dict[str, Database[Any]]:  # fmt: skip
    local_db["_sync_metadata"].insert_one({"_id": "instance", "instanceId": DEVICE})
    change_settings(
        mongodb_uri=local_server.uri(local_db.name), mongodb_atlas_uri=atlas_server.uri(atlas_db.name)
    )
    return {"local": local_db, "atlas": atlas_db}
