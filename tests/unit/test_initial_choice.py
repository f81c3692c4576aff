"""The choice of the first run as text, and when its report asks for one."""

from __future__ import annotations

import pytest

from syncapp.core.initial_choice import InitialChoice, WrongChoice
from syncapp.store.first_run import Counts, Report

TEXTS = [
    "differing=newest:meta.updatedAt,only-atlas=pull,only-local=push",
    "differing=local,only-atlas=leave,only-local=push",
    "differing=atlas,only-atlas=pull,only-local=leave",
    "differing=manual,only-atlas=leave,only-local=leave",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_choice_is_read_shown_and_kept(text: str) -> None:
    choice = InitialChoice.parse(text)
    assert str(choice) == text
    assert InitialChoice.from_document(choice.as_document()) == choice


def test_order_and_blanks_do_not_matter() -> None:
    loose = InitialChoice.parse(" only-local=push, differing=local ,only-atlas=pull")
    assert loose == InitialChoice("local", "pull", "push")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "newest",
        "differing=local",
        "differing=local,only-atlas=pull,only-local=push,more=1",
        "differing=newest,only-atlas=pull,only-local=push",
        "differing=local:updatedAt,only-atlas=pull,only-local=push",
        "differing=oldest,only-atlas=pull,only-local=push",
        "differing=local,only-atlas=push,only-local=push",
        "differing=local,only-atlas=pull,only-local=pull",
        "differing=newest:$x,only-atlas=pull,only-local=push",
        f"differing=newest:{'x' * 201},only-atlas=pull,only-local=push",
    ],
)
def test_a_wrong_choice_is_refused(text: str) -> None:
    with pytest.raises(WrongChoice):
        InitialChoice.parse(text)


@pytest.mark.parametrize(
    ("counts", "differs", "one_side_empty"),
    [
        (Counts(), False, True),
        (Counts(equal=5), False, False),
        (Counts(only_local=5), True, True),
        (Counts(only_atlas=5), True, True),
        (Counts(only_local=1, only_atlas=1), True, False),
        (Counts(equal=1, only_atlas=1), True, False),
        (Counts(different=1), True, False),
    ],
)
def test_a_choice_is_asked_for_if_both_sides_hold_documents_that_differ(
    counts: Counts, differs: bool, one_side_empty: bool
) -> None:
    report = Report({"orders": counts})
    assert (report.differs, report.one_side_empty) == (differs, one_side_empty)


def test_of_an_excluded_collection_atlas_may_hold_more() -> None:
    both = {"orders": Counts(only_local=2), "logs": Counts(only_atlas=3)}
    report = Report(both, {"logs"})
    assert report.one_side_empty, "Atlas is, but for what is not pulled"
    assert report.total == Counts(only_local=2, only_atlas=3)
    assert not Report({"logs": Counts(only_atlas=3)}, {"logs"}).differs
    assert Report({"logs": Counts(different=1)}, {"logs"}).differs
