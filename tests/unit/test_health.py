"""Health is a pure function of facts: tables of the thresholds."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest

from monitoring.health.assess import (
    Facts,
    StartFacts,
    Status,
    StopFacts,
    StreamFacts,
    assess,
    duration,
)
from monitoring.health.levels import DirectionFacts
from monitoring.health.limits import Thresholds
from monitoring.health.safety import HaltFacts, SafetyFacts

HEALTHY, DEGRADED, CRITICAL = Status.HEALTHY, Status.DEGRADED, Status.CRITICAL


def push(**values: float) -> dict[str, Any]:
    return {"push": DirectionFacts(**values)}


def pull(**values: float) -> dict[str, Any]:
    return {"pull": DirectionFacts(**values)}


def atlas(status: str, since_s: float = 0, reconnects: int = 0) -> dict[str, Any]:
    return {"atlas_stream": StreamFacts(status, since_s, reconnects)}


def local(status: str, since_s: float = 0, reconnects: int = 0) -> dict[str, Any]:
    return {"local_stream": StreamFacts(status, since_s, reconnects)}


def halted(side: str = "", answer: str = "") -> dict[str, Any]:
    detail = "900 of 1,000 documents were deleted." if side else "Atlas is older than what was seen of it."
    halt = HaltFacts("an id", detail, side, "orders" if side else "", answer)
    return {"safety": SafetyFacts(halts=(halt,))}


def safety(**values: Any) -> dict[str, Any]:
    return {"safety": SafetyFacts(**values)}


TABLE = [
    ({}, HEALTHY),
    ({"silent_s": 15}, HEALTHY),
    ({"silent_s": 15.1}, DEGRADED),
    ({"silent_s": 60}, DEGRADED),
    ({"silent_s": 60.1}, CRITICAL),
    ({"silent_s": None}, CRITICAL),
    (atlas("connecting"), DEGRADED),
    (atlas("disconnected", 300), DEGRADED),
    (atlas("disconnected", 301), CRITICAL),
    (atlas("stopped", 10), DEGRADED),
    (atlas("disconnected", 1, 9), DEGRADED),
    (atlas("disconnected", 1, 10), CRITICAL),
    (atlas("connecting", 1, 10), CRITICAL),
    (local("disconnected", 301), CRITICAL),
    (local("connecting", 5), DEGRADED),
    (push(average_ms=199, averaged=10), HEALTHY),
    (push(average_ms=200, averaged=10), DEGRADED),
    (push(average_ms=9_000, averaged=9), HEALTHY),  # of so few it says nothing
    (push(average_ms=501, averaged=10), DEGRADED),
    (pull(average_ms=501, averaged=10, slow_for_s=599), DEGRADED),
    (pull(average_ms=501, averaged=10, slow_for_s=600), CRITICAL),
    ({"conflicts_last_hour": 4}, HEALTHY),
    ({"conflicts_last_hour": 5}, DEGRADED),
    ({"conflicts_last_hour": 20}, DEGRADED),
    ({"conflicts_last_hour": 21}, CRITICAL),
    (push(failed=99, processed=10_000), HEALTHY),
    (push(failed=1, processed=100), DEGRADED),
    (pull(failed=50, processed=1_000), DEGRADED),
    (pull(failed=51, processed=1_000), CRITICAL),
    (push(failed=2, processed=4), DEGRADED),  # half of them, and no rate
    (push(failed=9, processed=9), DEGRADED),
    (push(failed=10, processed=10), CRITICAL),
    (push(lag_ms=4_999), HEALTHY),
    (push(lag_ms=5_000), DEGRADED),
    ({"queue_size": 5_000}, HEALTHY),
    ({"queue_size": 101, **push(lag_ms=599_000)}, DEGRADED),
    ({"queue_size": 101, **push(lag_ms=601_000)}, CRITICAL),
    ({"queue_size": 100, **push(lag_ms=601_000)}, DEGRADED),
    ({"paused": True}, DEGRADED),
    ({"waiting_for": "a choice"}, DEGRADED),
    ({"waiting_for": "a choice", "silent_s": 61}, CRITICAL),
    ({"waiting_for": "a choice", "silent_s": None}, CRITICAL),
    (halted(), CRITICAL),
    (halted(answer="take-atlas"), DEGRADED),
    (halted("local"), CRITICAL),
    (halted("atlas"), CRITICAL),
    (halted("local", "go-on"), DEGRADED),
    ({"waiting_for": "a choice", **halted()}, CRITICAL),
    ({"paused": True, **halted("local")}, CRITICAL),
    (safety(clock_warning="This server's clock is 40 s ahead of Atlas's"), DEGRADED),
    (safety(loops=3, loop_ago_s=3_599), CRITICAL),
    (safety(loops=3, loop_ago_s=3_600), HEALTHY),
    (safety(failed_run="Atlas went away"), DEGRADED),
    (safety(paused_runs=("Verify of all collections",)), DEGRADED),
    (safety(differing=1, differing_in=("orders",)), DEGRADED),
    (safety(differing=100, differing_in=("orders",)), DEGRADED),
    (safety(differing=101, differing_in=("orders",)), CRITICAL),
]


@pytest.mark.parametrize(("facts", "expected"), TABLE)
def test_thresholds(facts: dict[str, Any], expected: Status) -> None:
    health = assess(Facts(**facts))
    assert health.status == expected
    assert bool(health.reasons) == (expected != HEALTHY), "a status other than healthy has a reason"


ONLY_PULL = [
    atlas("stopped", 9_999),
    atlas("disconnected", 9_999, 99),
    pull(average_ms=900, slow_for_s=900, failed=99, processed=99, lag_ms=10**7),
    {"conflicts_last_hour": 100},
    {"queue_size": 101, **pull(lag_ms=10**7)},
    halted("atlas"),
]


@pytest.mark.parametrize("facts", ONLY_PULL)
def test_while_disabled_only_the_push_direction_counts(facts: dict[str, Any]) -> None:
    assert assess(Facts(enabled=False, **facts)).status == HEALTHY
    assert assess(Facts(enabled=False, **{**facts, **push(failed=50, processed=100)})).status == CRITICAL


def test_the_message_while_disabled_is_the_one_that_scripts_know() -> None:
    for facts in (
        Facts(enabled=False),
        Facts(enabled=False, paused=True),
        Facts(enabled=False, silent_s=None),
    ):
        assert assess(facts).message == "Bidirectional sync is disabled"


def test_paused_says_so_and_streams_that_rest_are_no_reason() -> None:
    health = assess(Facts(paused=True, **atlas("stopped", 999), **local("stopped", 999)))
    assert health.message == "Sync is paused"
    assert [r.text.split(":")[0] for r in health.reasons] == ["Sync is paused"]


def test_before_sync_has_started_the_reason_is_what_is_waited_for() -> None:
    stopped = {**atlas("stopped", 9_999), **local("stopped", 9_999)}
    health = assess(Facts(waiting_for="Choose what to keep", **stopped))
    assert health.message == "Bidirectional sync has not started yet"
    assert [r.text for r in health.reasons] == ["Choose what to keep"]
    paused = assess(Facts(waiting_for="Choose what to keep", paused=True, **stopped))
    assert len(paused.reasons) == 2


def test_a_halt_says_what_stands_still_and_how_to_answer() -> None:
    device = assess(Facts(**halted()))
    assert device.message == "Sync is halted until an operator answers"
    assert device.reasons[0].text == (
        "Atlas is older than what was seen of it: nothing is transferred until an operator answers "
        "(`manage.py sync_halts`, or the page Halts)"
    )
    collection = assess(Facts(**halted("local")))
    assert "were deleted: orders is paused until" in collection.reasons[0].text
    assert "halted" not in collection.message, "everything else goes on"
    answered = assess(Facts(**halted("local", "go-on")))
    assert answered.reasons[0].text.endswith("the answer go-on is being carried out")


def test_a_loop_is_named_by_the_words_that_the_log_has() -> None:
    (reason,) = assess(Facts(**safety(loops=3, loop_ago_s=120))).reasons
    assert reason.text.startswith("Sync loop detected: 3 since")


def test_a_halt_outlives_a_silent_listener() -> None:
    health = assess(Facts(silent_s=None, **halted()))
    assert len(health.reasons) == 2


def test_a_silent_listener_is_the_only_reason_since_what_it_said_is_old() -> None:
    health = assess(Facts(silent_s=100, **atlas("disconnected", 999), **push(lag_ms=10**6)))
    assert len(health.reasons) == 1
    assert "has not reported" in health.reasons[0].text


def test_the_worst_reason_comes_first() -> None:
    health = assess(Facts(conflicts_last_hour=5, **push(failed=50, processed=100)))
    assert [r.status for r in health.reasons] == [CRITICAL, DEGRADED]
    assert health.status == CRITICAL


def test_a_rate_says_what_it_is_a_rate_of() -> None:
    (reason,) = assess(Facts(**push(failed=2, processed=4))).reasons
    assert reason.text == (
        "Local → Atlas: 50.0 % of the last hour's changes were rejected, 2 of 4 (normal below 1 %, critical above 5 % "
        "if they are 10 or more)"
    )


@pytest.mark.parametrize("facts", [facts for facts, _ in TABLE])
@pytest.mark.parametrize("enabled", [True, False])
def test_no_text_contains_the_word_healthy(facts: dict[str, Any], enabled: bool) -> None:
    health = assess(dataclasses.replace(Facts(**facts), enabled=enabled))
    texts = [health.message, *(reason.text for reason in health.reasons)]
    assert not [text for text in texts if "healthy" in text.lower()]
    assert [s for s in Status if "healthy" in s] == [HEALTHY]


@pytest.mark.parametrize("facts", [facts for facts, status in TABLE if status != HEALTHY])
def test_reasons_have_their_bound_and_lead_to_a_page(facts: dict[str, Any]) -> None:
    for reason in assess(Facts(**facts)).reasons:
        assert reason.page is not None or "not reported yet" in reason.text
        link = reason.as_document()["link"]
        assert link is None or link.startswith("/admin/")
        told = set(facts) & {"paused", "waiting_for", "safety"} or facts.get("silent_s", 0) is None
        assert told or "normal" in reason.text or "critical" in reason.text


def test_exit_codes_are_those_of_monitoring_plugins() -> None:
    assert [status.exit_code for status in (HEALTHY, DEGRADED, CRITICAL)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-0.004, "0 s"), (0, "0 s"), (119, "119 s"), (120, "2 min"), (7_200, "2 h"), (172_800, "2 days")],
)
def test_lengths_of_time_can_be_read(seconds: float, text: str) -> None:
    assert duration(seconds) == text


NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


def test_numbers_are_said_as_they_are() -> None:
    limits = Thresholds(error_share_warning=0.005, error_share_critical=0.025, conflicts_warning=1)
    facts = Facts(
        conflicts_last_hour=1,
        resolver_failures=1,
        push=DirectionFacts(failed=12, processed=1_000, averaged=1_000),
    )
    texts = " ".join(one.text for one in assess(facts, limits).reasons)
    assert "(normal below 0.5 %, critical above 2.5 % if they are 10 or more)" in texts
    assert "1 conflict in the last hour (fewer than" in texts
    assert "has failed for 1 conflict in the last hour" in texts


@pytest.mark.parametrize(("since_s", "status"), [(1, DEGRADED), (61, CRITICAL)])
def test_a_listener_that_cannot_begin_says_why_instead_of_whether_it_runs(
    since_s: int, status: Status
) -> None:
    start = StartFacts("Atlas cannot be reached: h:1: refused", NOON, 12.3)
    facts = Facts(silent_s=None, start=start, atlas_stream=StreamFacts("disconnected", 10))
    health = assess(facts, now=NOON + dt.timedelta(seconds=since_s))
    (reason,) = health.reasons
    assert health.status is reason.status is status
    assert reason.text == (
        "Sync cannot start. Atlas cannot be reached: h:1: refused, first seen 12:00:00 UTC (critical after 60 s), "
        "next attempt in 12 s"
    )


@pytest.mark.parametrize(
    ("kind", "text", "since_s", "status", "said"),
    [
        ("broker", "refused", 1, DEGRADED, "unreachable since 12:00:00 UTC (critical after 60 s): refused"),
        ("broker", "refused", 61, CRITICAL, "unreachable since 12:00:00 UTC"),
        ("broker", "refused", 90_000, CRITICAL, "unreachable since 2026-01-01 12:00:00 UTC"),
        ("workers", "", 40, DEGRADED, "for 40 s (critical after 60 s): is a Celery worker running?"),
        ("workers", "atlas_to_local", 61, CRITICAL, "running for the queue atlas_to_local?"),
    ],
)
def test_what_keeps_tasks_from_moving_is_named(
    kind: str, text: str, since_s: int, status: Status, said: str
) -> None:
    (reason,) = assess(Facts(stops=(StopFacts(kind, text, NOON, since_s),))).reasons
    assert reason.status is status
    assert said in reason.text
    silent = assess(Facts(silent_s=100, stops=(StopFacts(kind, text, NOON, since_s),)))
    assert all(said not in one.text for one in silent.reasons), "that is no news any more"


def test_a_stream_that_is_not_connected_says_why() -> None:
    stream = StreamFacts("disconnected", 12, error="Atlas cannot be reached: h:1: refused")
    (reason,) = assess(Facts(atlas_stream=stream)).reasons
    assert reason.text == (
        "The Atlas change stream has been disconnected for 12 s (critical above 5 min): "
        "Atlas cannot be reached: h:1: refused"
    )


@pytest.mark.parametrize(("silent_s", "status"), [(None, HEALTHY), (60, HEALTHY), (61, DEGRADED)])
def test_periodic_tasks_that_are_not_carried_out_are_named(silent_s: float | None, status: Status) -> None:
    health = assess(Facts(beat_silent_s=silent_s))
    assert health.status == status
    assert [reason.code for reason in health.reasons] == (["beat-silent"] if status == DEGRADED else [])


def test_what_only_a_listener_can_tell_is_unknown_while_it_is_silent() -> None:
    assert not assess(Facts()).unknown
    for facts in (Facts(silent_s=None), Facts(silent_s=16), Facts(start=StartFacts("no", NOON, 1))):
        assert {"change-stream", "lag", "no-worker"} <= assess(facts).unknown


def test_reasons_say_what_they_are_about() -> None:
    about = {
        (reason.code, reason.about)
        for reason in assess(Facts(**atlas("disconnected", 9), **local("disconnected", 9))).reasons
    }
    assert about == {("change-stream", "atlas"), ("change-stream", "local")}
    (reason,) = assess(Facts(**push(lag_ms=9_000))).reasons
    assert reason.about == "localToAtlas"
