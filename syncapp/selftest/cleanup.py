"""Removes what self-tests have made, this one or one that was killed, so that nobody is asked about it.

A drop of a collection with documents is halted until an operator answers, on this device and on each other one that shares
Atlas; so are mass deletes. Scratch collections hold few documents. These are deleted on both sides first, and sync is let
finish with them; what is dropped is empty.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pymongo
from bson.raw_bson import RawBSONDocument
from django.db import DatabaseError
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from pymongo.database import Database
from pymongo.errors import PyMongoError

from syncapp.core.content import document_key, id_of
from syncapp.core.scratch import PREFIX, is_scratch
from syncapp.core.values import ABSENT, BOTH, DocumentKey, Side
from syncapp.models import ComparisonRun, Conflict, RejectedChange
from syncapp.mongo.error_text import NAMES, describe
from syncapp.mongo.read_commands import RAW
from syncapp.process.django_calls import drop_broken_connections
from syncapp.selftest.bench import UNSYNCED
from syncapp.services.errors import NotFound
from syncapp.services.rules import exclusions, validation
from syncapp.store import conflicts, halts
from syncapp.store import selftest as record
from syncapp.store.lease import active_listener
from syncapp.store.names import REJECTED, RUNS
from syncapp.store.run import OPEN
from syncapp.store.selftest import Kind, Made
from syncapp.store.states import read_states

SECONDS = 60.0  # documents in a transaction of a killed self-test stay locked for some time
SETTLE_S = 10.0
LEFT = "The next self-test removes what is left"
Databases = Mapping[Side, Database[Any]]


def clean_up(databases: Databases) -> str:
    """Remove everything that was noted as made. Returns why something is left for the next self-test; empty: nothing is."""
    local = databases.get(Side.LOCAL)
    if local is None:
        return ""  # nothing could be noted, so nothing was made
    try:
        if made := record.planned(local):
            _remove_rules(local, [one for one in made if one.kind in _IN_DJANGO])
            _drop_unsynced(databases, made)
            return _remove_collections(databases, [one for one in made if one.kind is Kind.COLLECTION])
    except (PyMongoError, DatabaseError) as error:
        drop_broken_connections(error)
        return f"{LEFT}: {describe(error)}"
    return ""


def _remove_rules(local: Database[Any], made: Sequence[Made]) -> None:
    """First: they would hold back the deletes."""
    for one in made:
        _IN_DJANGO[one.kind](one.name)
    if made:
        record.gone(local, made)


def _drop_unsynced(databases: Databases, made: Sequence[Made]) -> None:
    for side, database in databases.items():
        mine = [one for one in made if one.kind is UNSYNCED[side]]
        for one in mine:
            database.drop_collection(one.name)
        if mine:
            record.gone(databases[Side.LOCAL], mine)


def _remove_collections(databases: Databases, made: Sequence[Made]) -> str:
    if not made:
        return ""
    if away := [side for side in BOTH if side not in databases]:
        return f"{LEFT}: {NAMES[away[0]]} cannot be used"
    names = [one.name for one in made]
    with pymongo.timeout(SECONDS):
        _empty(databases, names)
        for side in (Side.ATLAS, Side.LOCAL):
            for name in names:
                databases[side].drop_collection(name)
        _forget_runs(databases[Side.LOCAL], names)
        _forget_records(databases[Side.LOCAL], names)
        record.gone(databases[Side.LOCAL], made)
    return ""


def remove_strays(databases: Databases) -> None:
    """Empty scratch collections that other devices' self-tests have left here: they drop theirs on Atlas, and a drop is not
    carried. Raises PyMongoError."""
    local, atlas = databases[Side.LOCAL], databases[Side.ATLAS]
    there = set(_scratch_names(atlas))
    for name in _scratch_names(local):
        if name not in there and local[name].find_one({}, {"_id": 1}) is None:
            local.drop_collection(name)


def _scratch_names(database: Database[Any]) -> list[str]:
    found = database.list_collection_names(filter={"name": {"$regex": f"^{PREFIX}"}})
    return [name for name in found if is_scratch(name)]


# Documents


def _empty(databases: Databases, names: Sequence[str]) -> None:
    """Delete all documents on both sides, until sync has agreed that they are absent. Raises PyMongoError."""
    keys = {key for name in names for side in BOTH for key in _keys(databases[side], name)}
    local, deadline = databases[Side.LOCAL], time.monotonic() + SETTLE_S
    while True:
        for name in names:
            for side in BOTH:
                databases[side][name].delete_many({})
        # Without a listener nothing is in flight: the next one finds them absent on both sides
        if not active_listener(local) or time.monotonic() > deadline:
            return
        if _agreed_absent(local, keys) and not any(
            _keys(databases[side], one) for side in BOTH for one in names
        ):
            return
        time.sleep(0.1)


def _keys(database: Database[Any], name: str) -> list[DocumentKey]:
    found = database[name].with_options(codec_options=RAW).find({}, {"_id": 1})
    return [document_key(name, id_of(bytes(one.raw))) for one in found if isinstance(one, RawBSONDocument)]


def _agreed_absent(local: Database[Any], keys: Iterable[DocumentKey]) -> bool:
    states = read_states(local, keys).values()
    return all(one.local == one.atlas == ABSENT and one.intent is None for one in states)


# What is kept about them


def _forget_runs(local: Database[Any], names: Sequence[str]) -> None:
    """Comparisons of these collections alone, once they have ended. Raises PyMongoError or DatabaseError."""
    query = {"collections": {"$ne": [], "$not": {"$elemMatch": {"$nin": list(names)}}}}
    # A run that is mirrored later would come back to the operator's list
    ended = {"state": {"$nin": OPEN}, "$expr": {"$eq": ["$v", "$mirrored"]}}
    deadline = time.monotonic() + SETTLE_S
    while found := [one["_id"] for one in local[RUNS].find(query, {"_id": 1})]:
        late = time.monotonic() > deadline or not active_listener(local)
        over = found if late else [one["_id"] for one in local[RUNS].find({**query, **ended}, {"_id": 1})]
        local[RUNS].delete_many({"_id": {"$in": over}})
        ComparisonRun.objects.filter(run_id__in=over).delete()
        if len(over) < len(found):
            time.sleep(0.2)


def _forget_records(local: Database[Any], names: Sequence[str]) -> None:
    """So that the operator's lists show nothing of the self-test. Raises PyMongoError or DatabaseError."""
    conflicts.forget_collections(local, names)
    halts.end_collections(local, names)
    for head in local[REJECTED].find({"head": True, "c": {"$in": list(names)}}, {"_id": 1}):
        local[REJECTED].delete_many({"_id": {"$gte": head["_id"], "$lt": f"{head['_id']};"}})
    Conflict.objects.filter(collection__in=names).delete()
    RejectedChange.objects.filter(collection__in=names).delete()


def _include(pattern: str) -> None:
    with suppress(NotFound):
        exclusions.include(pattern)


def _remove_rule(pattern: str) -> None:
    with suppress(NotFound):
        validation.remove_rule(pattern)


def _remove_task(name: str) -> None:
    PeriodicTask.objects.filter(name=name).delete()
    IntervalSchedule.objects.filter(every=1, period=IntervalSchedule.SECONDS, periodictask=None).delete()


_IN_DJANGO = {Kind.EXCLUSION: _include, Kind.RULE: _remove_rule, Kind.TASK: _remove_task}
