"""When the listener reads the rules again."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError

from syncapp.core.exclusions import Exclusions
from syncapp.listener import following
from syncapp.listener.following import Following
from syncapp.listener.intervals import USUAL
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
