"""The rules that a worker's process keeps are never older than a batch asks for."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from pymongo.database import Database

from syncapp.mongo.errors import TransientError
from syncapp.rules import current
from syncapp.rules.current import CurrentRules
from syncapp.rules.rules import load_rules
from syncapp.rules.switches import change_switches, get_switches

pytestmark = pytest.mark.django_db


def test_rules_are_kept_for_a_while_and_read_again_when_a_batch_needs_newer_ones(
    local_db: Database[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(current, "KEEP_SECONDS", 3_600)
    rules = CurrentRules(partial(load_rules, local_db))
    before = rules.at_least(0)
    version = change_switches(paused=not before.paused).version
    assert rules.at_least(before.version) == before
    assert rules.at_least(version).paused != before.paused
    monkeypatch.setattr(current, "KEEP_SECONDS", 0)
    change_switches(paused=before.paused)
    assert rules.at_least(version).paused == before.paused


def test_rules_that_are_older_than_the_listeners_decide_nothing(local_db: Database[Any]) -> None:
    version = get_switches().version
    with pytest.raises(
        TransientError, match=f"version {version} .* instead of {version + 1}: .* DATABASE_URL"
    ):
        CurrentRules(partial(load_rules, local_db)).at_least(version + 1)
