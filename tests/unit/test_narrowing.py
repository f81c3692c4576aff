"""How carefully a comparison goes on after a loss."""

from __future__ import annotations

import pytest

from syncapp.store.narrowing import LONGEST_PATIENCE, after, left_out_text, patience
from syncapp.store.run import Narrow


@pytest.mark.parametrize(
    ("narrow", "passed", "kept"),
    [
        (Narrow(), 1_000, {}),
        (Narrow(page=100, rest=1_000), 100, {"page": 100, "rest": 900, "losses": 0}),
        (Narrow(page=100, rest=100), 100, {}),  # past all of what was lost
        (Narrow(page=1, rest=10, losses=3), 1, {"page": 1, "rest": 9, "losses": 0}),
        (Narrow(page=1, rest=10, losses=2), 0, {"page": 1, "rest": 10, "losses": 2}),  # it only waited
    ],
)
def test_it_is_careful_until_it_is_past_what_was_lost(
    narrow: Narrow, passed: int, kept: dict[str, int]
) -> None:
    assert after(narrow, passed) == kept


def test_each_loss_makes_it_more_patient() -> None:
    waits = [patience(1_000, Narrow(page=1, rest=1, losses=losses)) for losses in (0, 1, 2, 50)]
    assert waits == [1_000, 2_000, 4_000, 1_000 << LONGEST_PATIENCE]


def test_what_was_left_out_is_said() -> None:
    assert left_out_text(0) == ""
    assert left_out_text(1).startswith("1 document was not compared")
    assert left_out_text(1_200).startswith("1,200 documents were not compared")
