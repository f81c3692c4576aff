"""The reason beside each difference that a comparison found."""

from __future__ import annotations

import pytest

from syncapp.models import ExcludedCollection
from syncapp.services.reasons import with_reasons

pytestmark = pytest.mark.django_db
SAMPLES = [
    {"collection": "orders", "id": "1", "what": "onlyLocal"},
    {"collection": "orders", "id": "2", "what": "different"},
]


def reasons() -> list[tuple[str, str]]:
    return [(one["reason"]["code"], one["reason"]["text"]) for one in with_reasons(SAMPLES)]


def test_one_way_does_not_explain_what_has_not_been_pushed() -> None:
    text = "Bidirectional sync is disabled: nothing is pulled from Atlas"
    assert reasons() == [("pending", f"Not pushed yet, or deleted on Atlas. {text}"), ("intended", text)]


def test_an_exclusion_does_not_explain_what_has_not_been_pushed() -> None:
    ExcludedCollection.objects.create(pattern="orders")
    text = "The collection is excluded: it is not pulled from Atlas"
    assert reasons() == [("pending", f"Not pushed yet, or deleted on Atlas. {text}"), ("intended", text)]
