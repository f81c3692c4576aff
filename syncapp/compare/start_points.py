"""The start points of both streams, and the comparisons of what a stream cannot deliver again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog
from pymongo.database import Database

from syncapp.compare.differences import shared_collections
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.rule.scope import Scope
from syncapp.core.values import BOTH, Side
from syncapp.mongo.transaction import transaction
from syncapp.store import runs
from syncapp.store.backfill import forget_backfill, keep_scope, kept_scopes, needs_backfill
from syncapp.store.stream import current_token
from syncapp.store.tokens import InvalidToken, load_token, save_token

log = structlog.get_logger(__name__)


def start_points(
    databases: dict[Side, Database[Any]], exclusions: Exclusions, enabled: bool
) -> dict[Side, dict[str, Any]]:
    """The tokens to start at. A missing one leads to a comparison run, never to a gap; the streams are
    read meanwhile.

    While sync is disabled a missing Atlas token stays missing: the comparison comes when it is enabled,
    since what it finds could not be pulled now. Raises SyncError or PyMongoError.
    """
    local = databases[Side.LOCAL]
    wanted = BOTH if enabled else (Side.LOCAL,)
    tokens = {side: _load(local, side) for side in wanted}
    missing = [side for side in wanted if tokens[side] is None]
    owed = enabled and needs_backfill(local)
    # Start points first, then the comparison: the streams deliver changes made meanwhile, and the comparison's
    # marks
    points = {side: tokens[side] or current_token(side, databases[side], exclusions) for side in wanted}
    if missing or owed:
        why = "resume token missing" if missing else "backfill of pending pulls"
        # In one transaction: a crash in between would lose the reason to compare, or repeat the comparison for ever
        with transaction(local) as session:
            run = runs.request(local, kind=runs.Kind.RESYNC, why=why, session=session)
            runs.supersede(local, run, session)
            for side in missing:
                save_token(local, side, points[side], session)
            if owed:
                forget_backfill(local, session)
        log.warning("Full comparison requested", event_name="resync_requested", reason=why, run=run)
    return points


def _load(local: Database[Any], side: Side) -> dict[str, Any] | None:
    try:
        return load_token(local, side)
    except InvalidToken as error:
        log.warning("Resume token is invalid", event_name="token_invalid", side=str(side), error=str(error))
        return None


def request_backfill(databases: dict[Side, Database[Any]], scope: Scope, enabled: bool) -> None:
    """Request a comparison of collections of which the rules kept something back that they let travel now.

    The last rules are stored, so that a change while sync was stopped is detected too. While sync is disabled those of
    Atlas stay as they are. Raises PyMongoError.
    """
    local = databases[Side.LOCAL]
    kept = kept_scopes(local)
    sides = _changed(kept, scope, enabled)
    if not sides:
        return
    names = [
        name
        for name in shared_collections(local, databases[Side.ATLAS])
        if any(scope.brings(side, name, kept.get(side, scope)) for side in sides)
    ]
    with transaction(local) as session:
        if names:
            runs.compare_collections(local, "the rules let more be transferred", names, session)
        keep_scope(local, scope, sides, session)
    if names:
        log.info("Rules changed, backfill requested", event_name="backfill_requested", collections=names)


def are_applied(local: Database[Any], scope: Scope, enabled: bool) -> bool:
    """Has the listener applied these rules, and asked for the comparisons that they require? Raises PyMongoError."""
    return not _changed(kept_scopes(local), scope, enabled)


def _changed(kept: Mapping[Side, Scope], scope: Scope, enabled: bool) -> list[Side]:
    return [side for side in (BOTH if enabled else (Side.LOCAL,)) if kept.get(side) != _of(side, scope)]


def _of(side: Side, scope: Scope) -> Scope:
    return scope if side is Side.ATLAS else replace(scope, exclusions=Exclusions())
