"""What workers report becomes rows that add up."""

from __future__ import annotations

import bson
import pytest

from syncapp.apply.messages import Report, decode_report, encode_report
from syncapp.core.changes import Change
from syncapp.core.content import document_key
from syncapp.core.values import Batch, Ending, Fact, Operation, Outcome, Seen, Side
from syncapp.listener.telemetry.metrics import MetricsBuffer
from syncapp.models import MetricMinute, ProcessingTime

KEYS = [document_key("orders", bson.encode({"_id": number})) for number in range(8)]
BATCH = Batch("t", Side.ATLAS, "orders", (), {})


def outcomes() -> list[Outcome]:
    pulled = [
        Outcome(key, Ending.DONE, transfer=Side.LOCAL, operation=operation)
        for key, operation in zip(KEYS, Operation, strict=False)
    ]
    return [
        *pulled,
        Outcome(KEYS[4], Ending.DONE, transfer=Side.ATLAS, operation=Operation.UPDATE, conflict=True),
        Outcome(KEYS[5], Ending.DONE),
        Outcome(KEYS[6], Ending.REJECTED, transfer=Side.LOCAL, reason="too large"),
        Outcome(
            KEYS[7], Ending.WAIT, seen=Seen({side: bytes(16) for side in Side}, dict.fromkeys(Side, 7), 1)
        ),
    ]


def test_a_report_survives_its_way_through_redis() -> None:
    report = Report.of(BATCH, outcomes(), took_ms=12.5)
    assert decode_report(encode_report(report)) == report


@pytest.mark.django_db
def test_figures_add_up_in_both_directions() -> None:
    buffer = MetricsBuffer()
    buffer.add(Report.of(BATCH, outcomes(), took_ms=12.5))
    fact = Fact(1, 1_700_000_000_000, "somebody")
    buffer.saw(
        Side.LOCAL, [Change(KEYS[0], fact), Change(KEYS[1], None), Change(KEYS[2], fact._replace(time=None))]
    )
    buffer.take().flush()
    pulls = MetricMinute.objects.get(direction="atlasToLocal")
    assert (pulls.inserts, pulls.updates, pulls.replaces, pulls.deletes) == (1, 1, 1, 1)
    assert (pulls.succeeded, pulls.failed, pulls.skipped, pulls.processed) == (4, 1, 1, 6)
    assert pulls.time_ms == pytest.approx(12.5 * 6 / 7)
    assert pulls.conflicts == 1
    pushes = MetricMinute.objects.get(direction="localToAtlas")
    assert (pushes.updates, pushes.succeeded, pushes.processed) == (1, 1, 1)
    times = ProcessingTime.objects.filter(direction="atlasToLocal").values_list("upper_ms", "count")
    assert list(times) == [(2, 6)]


@pytest.mark.django_db
def test_a_backlog_in_large_batches_does_not_look_slow() -> None:
    buffer = MetricsBuffer()
    buffer.add(Report("t", Side.LOCAL, counts={"atlas insert": 2_000, "conflicts": 7}, took_ms=600))
    buffer.take().flush()
    pushes = MetricMinute.objects.get(direction="localToAtlas")
    assert pushes.time_ms == pytest.approx(600), "all changes together"
    assert list(ProcessingTime.objects.values_list("upper_ms", "count")) == [(1, 2_000)]


@pytest.mark.django_db
def test_what_could_not_be_written_is_written_with_the_next() -> None:
    buffer = MetricsBuffer()
    buffer.add(Report.of(BATCH, outcomes(), took_ms=1.0))
    failed = buffer.take()
    buffer.add(Report.of(BATCH, outcomes(), took_ms=1.0))
    buffer.merge(failed)
    buffer.take().flush()
    buffer.take().flush()
    assert MetricMinute.objects.get(direction="atlasToLocal").processed == 12
