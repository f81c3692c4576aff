"""Changes that do not get through, as the listener reports them, in health."""

from __future__ import annotations

import time

import pytest

from monitoring.facts import take_snapshot
from monitoring.health.assess import Status
from syncapp.apply.messages import Report
from syncapp.core.values import Side
from syncapp.listener.intervals import USUAL
from syncapp.listener.queue.dirty_keys import DirtyKeys
from syncapp.listener.telemetry.stuck import Stuck, StuckChanges
from syncapp.services.switches import change_switches
from tests.support import rows

pytestmark = pytest.mark.django_db


def health(*stuck: Stuck, enabled: bool = True) -> tuple[Status, list[str]]:
    rows.device(stuck=[one.as_document() for one in stuck])
    change_switches(enabled=enabled)
    found = take_snapshot().health
    return found.status, [reason.text for reason in found.reasons]


def ago(minutes: float) -> float:
    return time.time() - 60 * minutes


def test_what_fails_is_told_with_its_error() -> None:
    assert health(Stuck(Side.LOCAL, "orders", ago(3), "not authorized")) == (
        Status.DEGRADED,
        [
            "Local → Atlas: changes of orders have been failing for 3 min (critical above 10 min) and are retried: not authorized"
        ],
    )


def test_what_has_not_got_through_for_long_is_critical() -> None:
    assert health(
        Stuck(Side.ATLAS, "orders", ago(11), still=True), Stuck(Side.LOCAL, "", ago(4), "odd", still=True)
    ) == (
        Status.CRITICAL,
        [
            "Atlas → local: changes of orders have not been transferred for 11 min (critical above 10 min)",
            "Local → Atlas: changes have not been transferred for 4 min (critical above 10 min): odd",
        ],
    )


def test_nothing_of_atlas_is_expected_to_move_while_sync_is_disabled() -> None:
    status, texts = health(Stuck(Side.ATLAS, "orders", ago(11), still=True), enabled=False)
    assert (status, texts) == (Status.HEALTHY, [])


def test_workers_that_cannot_work_are_told_though_there_is_nothing_to_do() -> None:
    stuck, dirty = StuckChanges(USUAL), DirtyKeys()
    for now in (1_000.0, 1_010.0):
        stuck.heard(Report("asked", Side.LOCAL, error="Atlas: not authorized"), "", now)
    assert stuck.of(dirty, 1_011.0) == [Stuck(Side.LOCAL, "", 1_000.0, "Atlas: not authorized")]
    stuck.heard(Report("asked", Side.ATLAS), "", 1_012.0)
    assert stuck.of(dirty, 1_012.0), "others answered"
    stuck.heard(Report("asked", Side.LOCAL), "", 1_020.0)
    assert stuck.of(dirty, 1_020.0) == []
