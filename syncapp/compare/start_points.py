"""Where both streams are read on from, and what has to be compared because a stream cannot bring it again."""

from __future__ import annotations

from typing import Any

import structlog
from pymongo.database import Database

from syncapp.compare.differences import shared_collections
from syncapp.core.exclusions import Exclusions
from syncapp.core.values import BOTH, Side
from syncapp.mongo.transaction import transaction
from syncapp.store import runs
from syncapp.store.owed import forget_owed, is_owed, keep_exclusions, kept_exclusions
from syncapp.store.stream import current_token
from syncapp.store.tokens import InvalidToken, load_token, save_token

log = structlog.get_logger(__name__)


def start_points(
    databases: dict[Side, Database[Any]], exclusions: Exclusions, enabled: bool
) -> dict[Side, dict[str, Any]]:
    """The tokens to read on from. What is missing leads to a comparison run, never to a gap; the streams are
    read meanwhile.

    While sync is disabled a missing Atlas token stays missing: the comparison comes when it is enabled,
    since what it finds could not be pulled now. Raises SyncError or PyMongoError.
    """
    local = databases[Side.LOCAL]
    wanted = BOTH if enabled else (Side.LOCAL,)
    tokens = {side: _load(local, side) for side in wanted}
    missing = [side for side in wanted if tokens[side] is None]
    owed = enabled and is_owed(local)
    # Start points first, comparison after: what changes meanwhile comes by the streams, as do the marks of
    # the comparison
    points = {side: tokens[side] or current_token(side, databases[side], exclusions) for side in wanted}
    if missing or owed:
        why = "resume token missing" if missing else "pulls were owed"
        # In one step: a crash in between would lose the reason to compare, or compare for ever
        with transaction(local) as session:
            run = runs.request(local, kind=runs.Kind.RESYNC, why=why, session=session)
            runs.supersede(local, run, session)
            for side in missing:
                save_token(local, side, points[side], session)
            if owed:
                forget_owed(local, session)
        log.warning("Both sides are compared", event_name="resync_requested", reason=why, run=run)
    return points


def _load(local: Database[Any], side: Side) -> dict[str, Any] | None:
    try:
        return load_token(local, side)
    except InvalidToken as error:
        log.warning("Resume token is invalid", event_name="token_invalid", side=str(side), error=str(error))
        return None


def pay_debts(databases: dict[Side, Database[Any]], exclusions: Exclusions) -> None:
    """Collections that are let in again are owed what was not pulled meanwhile: a run compares them.

    What was excluded last is kept, so that a change while nobody ran is seen too.
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
            why = "collection let in again"
            runs.request(local, kind=runs.Kind.RESYNC, why=why, collections=names, session=session)
        keep_exclusions(local, exclusions, session)
    if names:
        log.info("Collections let in again", event_name="debts_noted", collections=names)
