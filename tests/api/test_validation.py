"""Validation rules in the API: the list, setting one, removing it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from syncapp.models import AuditEntry, ValidationRule
from syncapp.rules.switches import get_switches
from tests.api.conftest import ROOT

pytestmark = pytest.mark.django_db
ADDRESS = f"{ROOT}/rules/validation"
SCHEMA = {"required": ["total"], "properties": {"total": {"bsonType": "int"}}}


def put(client: APIClient, pattern: Any, schema: Any) -> Any:
    return client.put(ADDRESS, {"pattern": pattern, "schema": schema}, format="json")


def test_a_rule_is_set_replaced_and_removed(operator: APIClient, operator_user: User) -> None:
    answer = put(operator, "order*", SCHEMA)
    assert answer.status_code == 200
    assert (answer.json()["pattern"], answer.json()["schema"]) == ("order*", SCHEMA)
    version = get_switches().version
    assert put(operator, "order*", {"$jsonSchema": {"required": ["shop"]}}).status_code == 200
    assert get_switches().version == version + 1, "the workers read the rules again"
    body = operator.get(ADDRESS).json()
    assert (body["count"], body["results"][0]["schema"]) == (1, {"required": ["shop"]})
    assert operator.delete(ADDRESS, {"pattern": "order*"}, format="json").status_code == 204
    assert operator.delete(f"{ADDRESS}?pattern=order*").status_code == 404
    assert operator.get(ADDRESS).json() == {"count": 0, "next": None, "previous": None, "results": []}
    entries = AuditEntry.objects.filter(user=operator_user).order_by("id")
    assert [entry.action for entry in entries] == ["set validation rule"] * 2 + ["remove validation rule"]


def test_setting_what_is_so_already_changes_nothing(operator: APIClient) -> None:
    put(operator, "orders", SCHEMA)
    version = get_switches().version
    assert put(operator, "orders", SCHEMA).status_code == 200
    assert (get_switches().version, AuditEntry.objects.count()) == (version, 1)


@pytest.mark.parametrize(
    ("pattern", "schema", "line"),
    [
        ("a b", SCHEMA, 'pattern is "a b"; allowed: the name of a collection or a glob pattern'),
        (None, SCHEMA, "pattern is null; allowed: the name of a collection"),
        ("a", None, "schema"),
        ("a", [], "schema is []; allowed: an object such as"),
        ("a", {"format": "x"}, "format is not supported; supported keywords: bsonType, type, required"),
        ("a", {"properties": {"x": {"minimum": "3"}}}, 'properties.x.minimum is "3"; allowed: a number'),
    ],
)
def test_a_wrong_rule_is_named_in_one_line(operator: APIClient, pattern: Any, schema: Any, line: str) -> None:
    answer = put(operator, pattern, schema)
    assert answer.status_code == 400
    assert line in answer.json()["detail"]
    assert not ValidationRule.objects.exists()
    assert not AuditEntry.objects.exists()
