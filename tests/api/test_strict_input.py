"""Every endpoint takes what it declares and nothing else; what is not said is not taken for "no"."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern
from rest_framework.test import APIClient

from syncapp.api.common.views import SyncView
from syncapp.api.urls import sync
from syncapp.models import AuditEntry, ExcludedCollection, ResumeToken, SyncSwitches, ValidationRule
from syncapp.services.switches import change_switches
from tests.api.conftest import ROOT
from tests.support import rows

pytestmark = pytest.mark.django_db
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
BODIES = [
    ('{"enabled":true}', FORM),  # curl -d without a header
    ('{"paused": true, "pattern": "x"}', FORM),
    ("enabled", FORM),
    ("enabled=", FORM),
    ("a=1&a=2", FORM),
    ("enabled=true", JSON),
    ("[]", JSON),
    ("[true]", JSON),
    ("true", JSON),
    ("null", JSON),
    ('"x"', JSON),
    ("0", JSON),
    ('{"nobody knows": 1}', JSON),
    ('{"\\ud800": 1}', JSON),
    ("[" * 100_000, JSON),
    ('{"enabled": NaN}', JSON),
    ("\xff\xfe", JSON),
]


def addresses() -> Iterator[tuple[str, str]]:
    """Each address of sync with each method that changes something."""
    for pattern in sync:
        assert isinstance(pattern, URLPattern)
        view = pattern.callback.cls  # type: ignore[attr-defined]
        assert issubclass(view, SyncView), f"{view} does not check what it is given"
        address = re.sub("<slug:[a-z_]+>", "none", str(pattern.pattern).replace("<int:pk>", "1"))
        for method in ("post", "put", "patch", "delete"):
            if hasattr(view, method):
                yield method, f"{ROOT}/{address}"


def state() -> Any:
    models = (SyncSwitches, ExcludedCollection, ValidationRule, ResumeToken, AuditEntry)
    return [list(model.objects.order_by("pk").values()) for model in models]


@pytest.fixture
def known(db: None) -> None:
    change_switches(enabled=True, paused=True)
    rows.conflict({"_id": 1}, {"_id": 1, "x": 1})
    rows.rejected()
    rows.token()


@pytest.mark.parametrize(("method", "address"), list(addresses()))
def test_what_is_not_declared_is_400_and_changes_nothing(
    operator: APIClient, known: None, method: str, address: str
) -> None:
    before = state()
    for body, kind in BODIES:
        answer = operator.generic(method.upper(), address, body.encode("latin-1"), content_type=kind)
        assert answer.status_code in (400, 415), (body[:50], kind, answer.content)
        assert answer.status_code == 400 or kind == FORM, "415 is for what only takes JSON"
        line = answer.json()["detail"]
        assert line
        assert len(line) < 600
        assert "\n" not in line
    answer = operator.generic(method.upper(), f"{address}?nobody=knows", b"", content_type=JSON)
    assert (answer.status_code, answer.json()["detail"].split(";")[0]) == (400, "nobody is unknown")
    assert state() == before


def test_json_without_its_header_is_told_what_is_missing(operator: APIClient) -> None:
    change_switches(enabled=True)
    answer = operator.generic("POST", f"{ROOT}/toggle", b'{"enabled":false}', content_type=FORM)
    assert answer.status_code == 400
    assert "Content-Type: application/json" in answer.json()["detail"]
    assert SyncSwitches.objects.get().enabled


@pytest.mark.parametrize("field", ["enabled=true", "paused=true"])
def test_a_form_says_what_it_says(operator: APIClient, field: str) -> None:
    name, _ = field.split("=")
    where = {"enabled": "toggle", "paused": "pause"}[name]
    answer = operator.generic("POST", f"{ROOT}/{where}", field.encode(), content_type=FORM)
    assert answer.json()[name] is True


@pytest.mark.parametrize(
    ("address", "body", "line"),
    [
        ("toggle", {"enabled": "true"}, 'enabled is "true"; allowed: true or false'),
        ("toggle", {"enabled": 0}, "enabled is 0; allowed: true or false"),
        ("exclusions", {"pattern": 0}, "pattern is 0; allowed: the name of a collection"),
        ("exclusions", {"pattern": True}, "pattern is true; allowed: the name of a collection"),
        ("verify", {"repair": 1}, "repair is 1; allowed: true or false"),
        ("verify", {"collection": ["a"]}, "collection is unknown; allowed: collections, repair"),
        ("resync", {"collections": "bills"}, 'collections is "bills"; allowed: a list of'),
        ("resync", {"collections": [5]}, "collections is [5]; allowed: a list of"),
        ("rejected/discard", {"code": "11000"}, 'code is "11000"; allowed: an error code'),
        ("rejected/discard", {"code": True}, "code is true; allowed: an error code"),
        ("rejected/discard", {"ids": ["1"]}, 'ids is ["1"]; allowed: a list of 1 to 1000 ids'),
        ("rejected/discard", {"reason": ""}, 'reason is ""; allowed: a part of the reason'),
        ("halts/answer", {"id": 1, "answer": "go-on"}, "id is 1; allowed: the id of a halt"),
        ("initial", {"differing": 1, "onlyAtlas": "pull", "onlyLocal": "push"}, "differing is 1; allowed"),
    ],
)
def test_json_has_types(operator: APIClient, known: None, address: str, body: Any, line: str) -> None:
    before = state()
    answer = operator.post(f"{ROOT}/{address}", body, format="json")
    assert answer.status_code == 400
    assert line in answer.json()["detail"]
    assert state() == before


def test_a_misspelt_side_does_not_clear_both_tokens(operator: APIClient, known: None) -> None:
    for query in ("?sides=atlas", "?side=", "?side=atlas&side=local"):
        assert operator.delete(f"{ROOT}/resume-token{query}").status_code == 400
    answer = operator.delete(f"{ROOT}/resume-token", {"side": "atlas"}, format="json")
    assert answer.json()["detail"] == "side is unknown; allowed: none here"
    assert ResumeToken.objects.exists()


FILTERS = {
    "conflicts": (
        "collection",
        "documentId",
        "winner",
        "device",
        "restored",
        "waiting",
        "oneWay",
        "since",
        "until",
    ),
    "rejected": ("collection", "documentId", "direction", "code", "reason"),
    "runs": ("kind", "state", "since", "until"),
    "alerts": ("state", "code", "severity"),
    "metrics/minutes": ("direction", "since", "until"),
    "exclusions": (),
    "rules/validation": (),
    "devices": (),
    "resume-token": (),
    "compared": ("collection",),
    "alerts/rules": (),
    "alerts/channels": (),
}
LISTS = {address: (*names, "page", "page_size", "ordering") for address, names in FILTERS.items()}


@pytest.mark.parametrize("address", LISTS)
def test_names_that_a_list_does_not_know_and_empty_values_are_refused(
    reader: APIClient, address: str
) -> None:
    answer = reader.get(f"{ROOT}/{address}?colection=a")
    allowed = ", ".join(LISTS[address]) or "none here"
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("colection is unknown; allowed: ")
    assert sorted(answer.json()["detail"].split("allowed: ")[1].split(", ")) == sorted(allowed.split(", "))
    for name in LISTS[address]:
        for query, problem in ((f"{name}=", f'{name} is ""; allowed: '), (f"{name}=a&{name}=b", "2 times")):
            answer = reader.get(f"{ROOT}/{address}?{query}")
            assert answer.status_code == 400, query
            assert problem in answer.json()["detail"]


def test_an_absent_filter_hides_nothing(reader: APIClient) -> None:
    kinds: list[dict[str, Any]] = [
        {"winner": "atlas"},
        {"winner": "open"},
        {"winner": "local", "one_way": True},
        {"winner": "local"},
    ]
    made = {rows.conflict({"_id": n}, {"_id": n, "x": 1}, **values).pk for n, values in enumerate(kinds)}
    restored = rows.conflict({"_id": 9}, None)
    restored.restored_at = restored.at
    restored.save()
    made.add(restored.pk)
    body = reader.get(f"{ROOT}/conflicts").json()
    assert {row["id"] for row in body["results"]} == made
    assert body["count"] == body["totalConflicts"] == len(made)
    for name in ("restored", "waiting", "oneWay"):
        parts = [
            {row["id"] for row in reader.get(f"{ROOT}/conflicts", {name: value}).json()["results"]}
            for value in ("true", "false")
        ]
        assert parts[0] | parts[1] == made
        assert len(parts[0]) == 1
    found = reader.get(f"{ROOT}/conflicts", {"documentId": '"9"'}).json()["results"]
    assert [row["id"] for row in found] == [restored.pk]
    pages = [reader.get(f"{ROOT}/conflicts?page_size=2&page={n}").json()["results"] for n in (1, 2, 3)]
    assert {row["id"] for page in pages for row in page} == made


@pytest.mark.parametrize(
    "query",
    [
        {"page": "9" * 5000},
        {"page_size": "9" * 5000},
        {"since": "0001-01-01T00:00:00+23:59"},
        {"until": "9999-12-31T23:59:59-23:59"},
        {"collection": "a\0b"},
        {"collection": "x" * 256},
    ],
)
def test_the_ends_of_what_can_be_asked(reader: APIClient, query: dict[str, str]) -> None:
    answer = reader.get(f"{ROOT}/conflicts", query)
    assert answer.status_code == 400
    assert json.loads(answer.content)["detail"].startswith(next(iter(query)))


def test_numbers_in_addresses_are_bounded(operator: APIClient) -> None:
    for number in ("9" * 30, "9" * 5000):
        assert operator.get(f"{ROOT}/conflicts/{number}").status_code == 404
        assert operator.post(f"{ROOT}/rejected/{number}/retry").status_code == 404
