"""What still has to be compared (backfill): pulls that were not allowed when their changes were read, and the
rules that were last applied. In the local `_sync_metadata`: {_id: "owed", at}, {_id: "exclusions", patterns, rules: {side: [rule as
JSON]}}; the listener writes them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.database import Database

from syncapp.core.rule.collection_rule import CollectionRules
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.rule.scope import Scope
from syncapp.core.values import BOTH, Side
from syncapp.store.names import EXCLUSIONS, METADATA, OWED


def note_backfill(local: Database[Any]) -> None:
    """Request a backfill, made when pulls are allowed: no stream will deliver this one again."""
    local[METADATA].update_one({"_id": OWED}, {"$currentDate": {"at": True}}, upsert=True)


def needs_backfill(local: Database[Any]) -> bool:
    """Is a backfill requested? Raises PyMongoError."""
    return local[METADATA].find_one({"_id": OWED}) is not None


def forget_backfill(local: Database[Any], session: ClientSession) -> None:
    local[METADATA].delete_one({"_id": OWED}, session=session)


def keep_scope(
    local: Database[Any], scope: Scope, sides: Collection[Side], session: ClientSession | None = None
) -> None:
    """What these sides are synchronised under: a later change, even while sync is stopped, leads to a comparison."""
    rules = [json.dumps(rule.as_document()) for rule in scope.rules.rules]
    change: dict[str, Any] = {f"rules.{side}": rules for side in sides}
    if Side.ATLAS in sides:
        change["patterns"] = sorted(scope.exclusions.patterns)
    local[METADATA].update_one({"_id": EXCLUSIONS}, {"$set": change}, upsert=True, session=session)


def kept_scopes(local: Database[Any]) -> dict[Side, Scope]:
    """What each side was synchronised under last; a side is missing if it was not yet. Raises PyMongoError."""
    kept = local[METADATA].find_one({"_id": EXCLUSIONS})
    if kept is None:
        return {}
    rules = kept.get("rules", {})  # earlier versions had none
    exclusions = Exclusions.of(kept.get("patterns", ()))
    scopes = {
        side: Scope(exclusions if side is Side.ATLAS else Exclusions(), _rules(rules.get(side.value, ())))
        for side in BOTH
    }
    return scopes if "patterns" in kept else {Side.LOCAL: scopes[Side.LOCAL]}


def _rules(documents: Iterable[str]) -> CollectionRules:
    return CollectionRules.of(map(json.loads, documents))
