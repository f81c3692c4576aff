"""How many conflicts there were: by time, collection and pair of devices."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.api.conftest import ROOT
from tests.support import rows

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)
BOTH = ({"_id": 1, "v": 1}, {"_id": 1, "v": 2})


def asked(client: APIClient, **query: str) -> dict[str, Any]:
    answer = client.get(f"{ROOT}/conflicts/statistics", query)
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def test_conflicts_are_counted_by_time_collection_and_pair(reader: APIClient) -> None:
    rows.conflict(*BOTH, winner="local")
    rows.conflict(*BOTH, winner="atlas", collection="bills", ago=2 * HOUR)
    rows.conflict(*BOTH, winner="open", collection="bills", ago=2 * HOUR)
    rows.conflict(*BOTH, ago=30 * HOUR)
    rows.conflict(*BOTH, one_way=True)
    found = asked(reader)
    assert {name: found[name] for name in ("total", "localWins", "atlasWins", "waiting")} == {
        "total": 3, "localWins": 1, "atlasWins": 1, "waiting": 1,
    }  # fmt: skip
    assert [bar["total"] for bar in found["bars"]] == [0] * 21 + [2, 0, 1]
    assert [(one["collection"], one["total"]) for one in found["collections"]] == [
        ("bills", 2),
        ("orders", 1),
    ]
    assert [(one["localOrigin"], one["atlasOrigin"], one["total"]) for one in found["pairs"]] == [
        (rows.DEVICE, "atlas", 3)
    ]


def test_what_a_person_has_merged_counts_too(reader: APIClient) -> None:
    rows.conflict(*BOTH, winner="merged")
    found = asked(reader)
    assert (found["total"], found["waiting"], found["bars"][-1]["total"]) == (1, 1, 1)
    assert found["collections"][0]["total"] == 1


def test_a_longer_span_and_one_collection(reader: APIClient) -> None:
    rows.conflict(*BOTH, ago=30 * HOUR)
    rows.conflict(*BOTH, collection="bills", ago=30 * HOUR)
    assert asked(reader)["total"] == 0
    assert asked(reader, span="week")["total"] == 2
    month = asked(reader, span="month", collection="bills")
    assert (month["total"], len(month["bars"])) == (1, 30)
    assert reader.get(f"{ROOT}/conflicts/statistics", {"span": "year"}).status_code == 400


def test_the_list_can_be_asked_for_a_device(reader: APIClient) -> None:
    rows.conflict(*BOTH)
    found = [
        reader.get(f"{ROOT}/conflicts", {"device": one}).json()["count"]
        for one in (rows.DEVICE, "atlas", "x")
    ]
    assert found == [1, 1, 0]
