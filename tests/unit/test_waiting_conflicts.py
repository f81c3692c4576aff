"""Conflicts that need manual resolution follow what becomes of their documents."""

from __future__ import annotations

import bson
import pytest

from syncapp.core.content import document_key
from syncapp.core.values import Ending, Outcome
from syncapp.mirror.waiting import keep_in_step, waiting
from syncapp.models import Conflict
from tests.support import rows

pytestmark = pytest.mark.django_db


def outcome(key: int, ending: Ending = Ending.DONE, standing: Conflict | None = None) -> Outcome:
    name = standing.record_id if standing else ""
    return Outcome(document_key("orders", bson.encode({"_id": key})), ending, open_conflict=name)


def still_waiting(*outcomes: Outcome, device: str = rows.DEVICE) -> list[str]:
    keep_in_step(device, outcomes)
    return sorted(waiting().values_list("document_id", flat=True))


def opened(key: int, local: str = "here") -> Conflict:
    return rows.conflict({"_id": key, "v": local}, {"_id": key, "v": "there"}, winner="open")


FIRST, SECOND = '{"$numberInt": "1"}', '{"$numberInt": "2"}'


@pytest.mark.parametrize("ending", [Ending.DONE, Ending.OWED])
def test_whatever_else_was_decided_ends_the_waiting(ending: Ending) -> None:
    opened(1)
    opened(2)
    assert still_waiting(outcome(1, ending)) == [SECOND]
    assert Conflict.objects.get(document_id=FIRST).resolved_at


@pytest.mark.parametrize("ending", [Ending.WAIT, Ending.AGAIN, Ending.RETRY, Ending.REJECTED])
def test_what_is_not_decided_yet_changes_nothing(ending: Ending) -> None:
    opened(1)
    assert still_waiting(outcome(1, ending)) == [FIRST]


def test_looking_again_leaves_it_waiting() -> None:
    assert still_waiting(outcome(1, standing=opened(1))) == [FIRST]


def test_a_newer_one_takes_the_place_of_an_older_one() -> None:
    older, newer = opened(1), opened(1, "here, edited")
    assert still_waiting(outcome(1, standing=newer)) == [FIRST]
    assert waiting().get() == newer
    # The edit is taken back: the older one stands again
    assert still_waiting(outcome(1, standing=older)) == [FIRST]
    assert waiting().get() == older


def test_of_many_documents_only_those_of_the_batch_are_touched() -> None:
    for key in range(250):
        opened(key)
    left = still_waiting(*(outcome(key) for key in range(240)))
    assert len(left) == 10


def test_another_devices_conflicts_are_its_own() -> None:
    opened(1)
    assert still_waiting(outcome(1), device="another") == [FIRST]


def test_decided_conflicts_are_left_alone() -> None:
    lost = rows.conflict({"_id": 1}, None)
    opened(2)
    still_waiting(outcome(1), outcome(2))
    lost.refresh_from_db()
    assert lost.resolved_at is None
