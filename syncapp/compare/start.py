"""What has to be true before the streams are read: servers that sync can work with, collections and
indexes of its own, and start points on both streams."""

from __future__ import annotations

from typing import Any

import structlog
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import ServerSelectionTimeoutError

from syncapp.compare import differences as compare
from syncapp.core.exclusions import Exclusions
from syncapp.core.values import BOTH, Side
from syncapp.mongo import replica_set
from syncapp.mongo.change_stream import ChangeStream
from syncapp.mongo.documents import ensure_collection
from syncapp.mongo.errors import Misconfigured, NoReplicaSet, TransientError
from syncapp.mongo.sides import of_side
from syncapp.mongo.transaction import transaction
from syncapp.mongo.transaction_lifetime import lower_transaction_lifetime
from syncapp.store import batches as origin
from syncapp.store import conflicts as conflict_records
from syncapp.store import runs
from syncapp.store import states as state
from syncapp.store.names import DIRTY, token_id
from syncapp.store.stream import pipeline
from syncapp.store.tokens import InvalidToken, load_token, save_token

log = structlog.get_logger(__name__)
OWED_ID = "owed"
OLDEST_VERSION = (4, 4)
VARIABLES = {Side.LOCAL: "MONGODB_URI", Side.ATLAS: "MONGODB_ATLAS_URI"}


def check_server(side: Side, database: Database[Any], uri: str) -> None:
    """Raises Misconfigured or TransientError, with a line that says what to do, or PyMongoError."""
    name = VARIABLES[side]
    try:
        hello = database.client.admin.command("hello")
    except ServerSelectionTimeoutError as error:
        # One that was not initiated, or has names that lead nowhere from here, is no primary for the driver
        if trouble := _explained(side, uri):
            raise NoReplicaSet(trouble) from error
        raise
    if hello.get("msg") == "isdbgrid":
        raise Misconfigured(
            f"{name} names a sharded cluster, which cannot be synchronised; use a replica set"
        )
    if not replica_set.is_set(hello):
        raise NoReplicaSet(_explained(side, uri) or f"{name} names a server that is no replica set")
    if hello.get(
        "secondary"
    ):  # only a direct connection leads there; the member may be the primary again later
        raise TransientError(
            f"{name} leads to a secondary, which takes no writes: leave directConnection=true out of it, so that the "
            "primary is found"
        )
    version = database.client.server_info()["versionArray"][:2]
    if tuple(version) < OLDEST_VERSION:
        found = ".".join(map(str, version))
        raise Misconfigured(f"{name} names a MongoDB {found}; 4.4 or newer is needed")


def _explained(side: Side, uri: str) -> str:
    node = replica_set.ask(uri)
    return replica_set.explained(node, VARIABLES[side], can_fix=side is Side.LOCAL) if node else ""


def prepare(local: Database[Any], atlas: Database[Any], keep_hours: int) -> None:
    """Create sync's own collections and indexes. Raises PyMongoError."""
    own = (origin.METADATA, origin.BATCHES, origin.STATE, conflict_records.CONFLICTS, DIRTY, runs.RUNS)
    with of_side(local):
        for name in own:
            ensure_collection(local, name)
        origin.ensure_indexes(local, keep_hours)
        state.ensure_indexes(local)
        conflict_records.ensure_indexes(local)
        compare.ensure_indexes(local)
        runs.ensure_indexes(local)
        lower_transaction_lifetime(local)
    with of_side(atlas):
        ensure_collection(atlas, origin.BATCHES)
        origin.ensure_indexes(atlas, keep_hours)


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
    owed = enabled and local[origin.METADATA].find_one({"_id": OWED_ID}) is not None
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
                local[origin.METADATA].delete_one({"_id": OWED_ID}, session=session)
        log.warning("Both sides are compared", event_name="resync_requested", reason=why, run=run)
    return points


def note_owed(local: Database[Any]) -> None:
    """A pull was not allowed, and no stream will bring it again: compare when pulls are allowed."""
    local[origin.METADATA].update_one({"_id": OWED_ID}, {"$currentDate": {"at": True}}, upsert=True)


def forget_token(local: Database[Any], side: Side) -> None:
    """The token is of no use any more: the next start compares. Raises PyMongoError."""
    local[origin.METADATA].delete_one({"_id": token_id(side)})


def _load(local: Database[Any], side: Side) -> dict[str, Any] | None:
    try:
        return load_token(local, side)
    except InvalidToken as error:
        log.warning("Resume token is invalid", event_name="token_invalid", side=str(side), error=str(error))
        return None


def current_token(side: Side, database: Database[Any], exclusions: Exclusions) -> dict[str, Any]:
    """A start point: what changes from now on comes by the stream. Raises SyncError or PyMongoError."""
    with of_side(database):
        stream = ChangeStream.open(database, pipeline(side, exclusions), 1, None)
    try:
        return stream.start_token
    finally:
        stream.close()


def pay_debts(databases: dict[Side, Database[Any]], exclusions: Exclusions) -> None:
    """Collections that are let in again are owed what was not pulled meanwhile: a run compares them.

    What was excluded last is kept in `_sync_metadata`, so that a change while nobody ran is seen too.
    Raises PyMongoError.
    """
    local, atlas = databases[Side.LOCAL], databases[Side.ATLAS]
    kept = local[origin.METADATA].find_one({"_id": "exclusions"})
    before = Exclusions.of(kept["patterns"]) if kept else exclusions
    if kept is not None and before == exclusions:
        return
    names = [
        name
        for name in compare.shared_collections(local, atlas)
        if before.excludes(name) and not exclusions.excludes(name)
    ]
    with transaction(local) as session:
        if names:
            why = "collection let in again"
            runs.request(local, kind=runs.Kind.RESYNC, why=why, collections=names, session=session)
        keep_exclusions(local, exclusions, session)
    if names:
        log.info("Collections let in again", event_name="debts_noted", collections=names)


def keep_exclusions(
    local: Database[Any], exclusions: Exclusions, session: ClientSession | None = None
) -> None:
    """What is excluded from now on: a change of it, even while nobody runs, leads to a comparison."""
    local[origin.METADATA].replace_one(
        {"_id": "exclusions"}, {"patterns": sorted(exclusions.patterns)}, upsert=True, session=session
    )
