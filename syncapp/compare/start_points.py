"""The start points of both streams, and the comparisons of what a stream cannot deliver again."""

from __future__ import annotations

from typing import Any

import structlog
from pymongo.database import Database

from syncapp.compare.differences import shared_collections
from syncapp.core.exclusions import Exclusions
from syncapp.core.values import BOTH, Side
from syncapp.mongo.transaction import transaction
from syncapp.store import runs
from syncapp.store.backfill import forget_backfill, keep_exclusions, kept_exclusions, needs_backfill
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


def request_backfill(databases: dict[Side, Database[Any]], exclusions: Exclusions) -> None:
    """Request a backfill of re-included collections: a run compares what was not pulled meanwhile.

    The last exclusions are stored, so that a change while sync was stopped is detected too.
    Raises PyMongoError.
    """
    local, atlas = databases[Side.LOCAL], databases[Side.ATLAS]
    kept = kept_exclusions(local)
    if kept == exclusions:
        return
    before = exclusions if kept is None else kept
    names = [
        name
        for name in shared_collections(local, atlas)
        if before.excludes(name) and not exclusions.excludes(name)
    ]
    with transaction(local) as session:
        if names:
            why = "collection re-included"
            runs.request(local, kind=runs.Kind.RESYNC, why=why, collections=names, session=session)
        keep_exclusions(local, exclusions, session)
    if names:
        log.info(
            "Re-included collections, backfill requested", event_name="backfill_requested", collections=names
        )
