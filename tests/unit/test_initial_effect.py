"""What each answer of the first run would do, to how many documents."""

from __future__ import annotations

import pytest

from syncapp.core.initial_choice import InitialChoice
from syncapp.first_run.effect import Effect, effect
from syncapp.store.first_run import Counts, Report

REPORT = Report(
    {"orders": Counts(equal=7, different=5, only_local=2, only_atlas=3), "logs": Counts(only_atlas=99)},
    {"logs"},
)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (InitialChoice("newest", "pull", "push", "at"), Effect(to_local=3, to_atlas=2, either=5)),
        (InitialChoice("local", "pull", "push"), Effect(to_local=3, to_atlas=7)),
        (InitialChoice("atlas", "leave", "push"), Effect(to_local=5, to_atlas=2, left=3)),
        (InitialChoice("manual", "leave", "leave"), Effect(left=5, manual=5)),
    ],
)
def test_the_effect_counts_what_sync_would_touch(choice: InitialChoice, expected: Effect) -> None:
    assert effect(REPORT, choice) == expected, "of an excluded collection Atlas may hold more"


def test_sentences_leave_out_what_concerns_nothing() -> None:
    assert Effect(to_local=1, left=1_200).sentences == [
        "1 document written to the local database",
        "1,200 documents left unchanged, on one side only",
    ]
