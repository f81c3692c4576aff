"""A strategy is a file: whoever puts one into the folder finds it wherever strategies are offered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import bson
import pytest

from syncapp.conf.settings import BASE_DIR, SETTINGS, STRATEGIES
from syncapp.core import strategies
from syncapp.core.content import content_hash
from syncapp.core.rule.policy import LAST_WRITE_WINS, Policy
from syncapp.core.strategy import Conflict, Strategy, Verdict
from syncapp.core.values import Side
from syncapp.models import SyncSwitches

DOCUMENTS = {Side.LOCAL: bson.encode({"_id": 1}), Side.ATLAS: None}
DOCS = (BASE_DIR / "docs" / "conflicts.md").read_text()


@pytest.fixture
def one_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Strategy]]:
    """The one of the documents."""
    (example,) = (one for one in re.findall(r"```python\n(.+?)```", DOCS, re.DOTALL) if "STRATEGY" in one)
    (tmp_path / "shorter_wins.py").write_text(example)
    monkeypatch.setattr(strategies, "__path__", [*strategies.__path__, str(tmp_path)])
    yield strategies.discover()
    monkeypatch.undo()


def test_a_file_in_the_folder_is_all_that_a_strategy_takes(one_more: dict[str, Strategy]) -> None:
    assert one_more.keys() - strategies.ALL.keys() == {"shorter-wins"}
    strategy = one_more["shorter-wins"]
    assert (strategy.offered, strategy.needs_documents) == (True, True)
    contents = {side: content_hash(document) for side, document in DOCUMENTS.items()}
    conflict = Conflict(contents, {}, Policy(strategy.name), DOCUMENTS)
    assert strategy.resolve(conflict) == Verdict(
        Side.ATLAS,
        "shorter-wins",
        "the shorter version wins: Atlas's delete of an unknown time is shorter than the local version of an unknown time",
    )


def test_the_default_comes_first_and_sync_turns_to_some_by_itself() -> None:
    offered = [one.name for one in strategies.offered()]
    assert offered[0] == LAST_WRITE_WINS
    assert offered == ["last-write-wins", "atlas-wins", "callable", "field-merge", "local-wins", "manual"]


def test_settings_admin_and_api_offer_what_is_there() -> None:
    offered = [one.name for one in strategies.offered()]
    assert list(STRATEGIES) == offered
    (setting,) = (one for one in SETTINGS if one.name == "CONFLICT_RESOLUTION_STRATEGY")
    assert all(f"{one.name} ({one.about})" in setting.help for one in strategies.offered())
    choices = SyncSwitches._meta.get_field("strategy").choices
    assert [value for value, _ in choices or ()] == offered


@pytest.mark.parametrize("name", strategies.ALL)
def test_a_strategy_is_named_as_its_file_is(name: str) -> None:
    assert Path(strategies.ALL[name].resolve.__code__.co_filename).stem == name.replace("-", "_")
