"""Bad input gets one line that names the field, the value and what is allowed; never a 500."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from syncapp.core.rule.patterns import ALLOWED
from syncapp.models import AuditEntry
from tests.api.conftest import ROOT

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("address", "body", "line"),
    [
        ("toggle", {"enabled": "maybe"}, 'enabled is "maybe"; allowed: true or false'),
        ("toggle", {"enabled": 1}, "enabled is 1; allowed: true or false"),
        ("toggle", {"enabled": None}, "enabled is null; allowed: true or false"),
        ("toggle", {"enabled": {"a": 1}}, 'enabled is {"a": 1}; allowed: true or false'),
        ("toggle", {}, "enabled is missing; allowed: true or false"),
        ("toggle", {"enable": True}, "enable is unknown; allowed: enabled"),
        ("pause", {"paused": "no"}, 'paused is "no"; allowed: true or false'),
        ("exclusions", {}, f"pattern is missing; allowed: {ALLOWED}"),
        (
            "exclusions",
            {"pattern": "a b"},
            f"pattern is \"a b\"; allowed: {ALLOWED}; ' ' is white space or a control character",
        ),
        ("exclusions", {"pattern": "$x"}, f'pattern is "$x"; allowed: {ALLOWED}; it has $ in it'),
        ("exclusions", {"pattern": ""}, f'pattern is ""; allowed: {ALLOWED}; it is empty'),
        ("exclusions", {"pattern": ["a"]}, f'pattern is ["a"]; allowed: {ALLOWED}'),
        (
            "exclusions",
            {"pattern": "x" * 256},
            f'pattern is "{"x" * 99}…; allowed: {ALLOWED}; it has 256 characters',
        ),
    ],
)
def test_a_body(operator: APIClient, address: str, body: Any, line: str) -> None:
    answer = operator.post(f"{ROOT}/{address}", body, format="json")
    assert answer.status_code == 400
    assert answer.json()["detail"] == line
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("address", ["toggle", "pause", "exclusions"])
@pytest.mark.parametrize("body", ["5", "[]", "null", '"x"', "{", "", "[1]", "{}", "true", "\xff"])
def test_any_body_is_answered(operator: APIClient, address: str, body: str) -> None:
    answer = operator.generic("POST", f"{ROOT}/{address}", body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_another_kind_of_body_is_refused(operator: APIClient) -> None:
    answer = operator.generic("POST", f"{ROOT}/toggle", "<enabled/>", content_type="text/xml")
    assert answer.status_code == 415


def test_a_form_works_too(operator: APIClient) -> None:
    answer = operator.post(f"{ROOT}/toggle", "enabled=true", content_type="application/x-www-form-urlencoded")
    assert answer.json()["enabled"] is True


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ({"winner": "me"}, 'winner is "me"; allowed: local, atlas, merged, open'),
        ({"restored": "perhaps"}, 'restored is "perhaps"; allowed: true or false'),
        ({"since": "yesterday"}, 'since is "yesterday"; allowed: a time such as 2026-03-01T12:00:00Z'),
        (
            {"until": "2026-99-01T00:00"},
            'until is "2026-99-01T00:00"; allowed: a time such as 2026-03-01T12:00:00Z',
        ),
        ({"page": "-1"}, 'page is "-1"; allowed: a whole number from 1 on'),
        ({"page": "last"}, 'page is "last"; allowed: a whole number from 1 on'),
        ({"page_size": "501"}, 'page_size is "501"; allowed: a whole number from 1 to 500'),
        ({"page_size": "x"}, 'page_size is "x"; allowed: a whole number from 1 to 500'),
    ],
)
def test_a_query(reader: APIClient, query: dict[str, str], line: str) -> None:
    answer = reader.get(f"{ROOT}/conflicts", query)
    assert answer.status_code == 400
    assert answer.json()["detail"] == line


def test_a_direction_that_does_not_exist(reader: APIClient) -> None:
    answer = reader.get(f"{ROOT}/rejected", {"direction": "up"})
    assert answer.json() == {
        "detail": 'direction is "up"; allowed: atlasToLocal, localToAtlas',
        "code": "wrong_input",
        "field": "direction",
    }


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_are_refused(operator: APIClient, method: str) -> None:
    assert getattr(operator, method)(f"{ROOT}/toggle").status_code == 405
