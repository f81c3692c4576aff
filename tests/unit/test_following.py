"""When the listener reads the rules again."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.db import DatabaseError

from syncapp.core.rule.exclusions import Exclusions
from syncapp.listener import following
from syncapp.listener.following import Following
from syncapp.listener.intervals import USUAL
from syncapp.mongo.errors import TransientError
from syncapp.rules.rules import Rules

RULES = Rules(True, False, "last-write-wins", Exclusions(), version=3)


def test_all_is_read_as_soon_as_django_s_database_answers_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read meanwhile is a copy, and the environment's values may not be applied yet."""
    reads: list[Rules] = []
    nothing: Any = None
    one = Following({}, lambda: reads.append(RULES) or RULES, nothing, nothing, nothing, USUAL, nothing)  # type: ignore[func-returns-value]
    one.rules = RULES

    def away() -> int:
        raise DatabaseError("away")

    monkeypatch.setattr(following, "switches_version", lambda: 3)
    one.reload()
    one.reload()
    assert len(reads) == 1, "the version is still the same"
    with monkeypatch.context() as patch:
        patch.setattr(following, "switches_version", away)
        with pytest.raises(DatabaseError):
            one.reload()
    one.reload()
    assert len(reads) == 2


def test_nothing_is_compared_before_atlas_is_read_with_the_new_exclusions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the former filter hides until then would be neither compared nor read."""
    newer = replace(RULES, version=4)
    nothing: Any = None
    reopened = [False, True]
    compared: list[int] = []
    changed: list[Rules] = []
    readers = SimpleNamespace(filter=lambda *_: reopened.pop(0), start=lambda *_: None)
    points = SimpleNamespace(request_backfill=lambda *_: compared.append(1), start_points=lambda *_: {})
    monkeypatch.setattr(following, "start_points", points)
    monkeypatch.setattr(following, "switches_version", lambda: 4)
    one = Following({}, lambda: newer, cast(Any, readers), nothing, changed.append, USUAL, nothing)
    one.rules = RULES
    with pytest.raises(TransientError):
        one.reload()
    assert (one.rules, compared, changed) == (RULES, [], [])
    one.reload()
    assert (one.rules, compared, changed) == (newer, [1], [newer])
