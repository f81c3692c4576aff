"""What a worker has made sure of before it reports a key as done: nobody else would see to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syncapp.apply import worker
from syncapp.core.values import BOTH, Side
from syncapp.models import RejectedChange
from syncapp.mongo.errors import TransientError
from syncapp.store.refused import refused_names
from tests.integration.test_failing_documents import Line, count, failing, line  # noqa: F401  (a fixture)

pytestmark = pytest.mark.django_db(
    transaction=True
)  # the worker asks Django's database in a thread of its own
NOTHING = {"total": {"$exists": True}}  # a validator that refuses whatever is written here
CAPPED = {"capped": True, "size": 65_536}


class Killed(BaseException):
    """The worker."""


def killed(*_: Any) -> None:
    raise Killed


def refused_by_the_target(patch: pytest.MonkeyPatch, line: Line) -> None:  # noqa: F811
    line.databases[Side.LOCAL].create_collection("shop", validator=NOTHING)


def out_of_attempts(patch: pytest.MonkeyPatch, line: Line) -> None:  # noqa: F811
    patch.setattr("syncapp.engine.change_processor.BACKOFF_SECONDS", (0, 0))
    failing(patch, lambda number: TransientError("WriteConflict"))


@pytest.mark.parametrize("why", [refused_by_the_target, out_of_attempts])
def test_a_rejected_change_is_recorded_before_its_key_is_done(
    line: Line,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    why: Callable[[pytest.MonkeyPatch, Line], None],
) -> None:
    """Its worker is killed while it records it: the key is handed out again, and the change is not forgotten."""
    why(monkeypatch, line)
    line.databases[Side.ATLAS]["shop"].insert_one({"_id": 1})
    line.change(Side.ATLAS, 1)
    with monkeypatch.context() as patch:
        patch.setattr(worker, "record_rejections", killed)
        with pytest.raises(Killed):
            line.work()
    line.dispatcher.take_reports(1)
    assert line.dirty.size == 1
    assert not RejectedChange.objects.exists()
    line.dirty.give_up(line.dirty.task_ids())
    line.work()
    assert [row.document_id for row in RejectedChange.objects.all()] == ['{"$numberInt": "1"}']
    assert line.dirty.size == 0


@pytest.mark.parametrize("source", BOTH)
def test_what_became_capped_since_it_was_looked_at_is_noted_and_none_of_its_documents_is_rejected(
    line: Line,  # noqa: F811
    source: Side,
) -> None:
    """A validator refuses the document as the server refuses it in some capped collections. Once it is not refused any more a
    comparison brings what was skipped: it knows of it by the note."""
    here, there = line.databases[source], line.databases[source.other]
    here["shop"].insert_many([{"_id": number} for number in range(3)])
    for number in range(2):
        line.change(source, number)
        line.work()
    assert count(there) == 2, "the worker knows it as one that can be synchronised"
    there.drop_collection("shop")
    there.create_collection("shop", **CAPPED, validator=NOTHING)
    line.change(source, 2)
    line.work()
    assert line.dirty.size == 0
    assert not RejectedChange.objects.exists()
    assert refused_names(line.databases[Side.LOCAL]) == ["shop"]
