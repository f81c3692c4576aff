"""Atlas as a replica set of three members: elections lose nothing, and what a deposed primary still holds is
never taken for what Atlas holds."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from syncapp.core.content import document_key
from syncapp.core.rule.policy import Policy
from syncapp.core.values import ATLAS_ORIGIN, Batch, DocumentKey, Ending, Fact, Outcome, Side, WorkItem
from syncapp.embedded.mongod import Mongod
from syncapp.engine.certainty import read_on_from_now
from syncapp.engine.change_processor import ChangeProcessor
from syncapp.mongo.check_server import check_server
from syncapp.mongo.connect import connect
from syncapp.mongo.errors import TransientError
from syncapp.mongo.transaction import read_position, session_of
from syncapp.store.prepare import prepare
from tests.integration.conftest import Workshop
from tests.support import raw
from tests.support.brokers import Broker
from tests.support.device import Device
from tests.support.eventually import eventually
from tests.support.promises import Promises
from tests.support.replica_set import ReplicaSet
from tests.support.trial import Trial

WRITES = int(os.environ.get("SYNC_TEST_WRITES", "1000"))
# A secondary that followed a frozen primary first asks that one again, and may ask it once more when it looks for
# another one: on MongoDB 4.4 it is 35 s or more (on 6.0, 13 s) until a majority has what the new primary writes
MAJORITY_TIMEOUT = 80
pytestmark = pytest.mark.timeout(300)


class Crash(Exception):
    """The worker dies here."""


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    replica_set = ReplicaSet(tmp_path_factory.mktemp("members"))
    try:
        replica_set.start()
        yield replica_set
    finally:
        replica_set.kill()


@pytest.fixture(scope="module")
def module_device(
    migrated_home: Path,
    local_server: Mongod,
    atlas: ReplicaSet,
    broker_server: Broker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Device]:
    workshop = Workshop(migrated_home, local_server, atlas, broker_server)
    folder = tmp_path_factory.mktemp("elections")
    with workshop.running(folder, SYNC_SOCKET_TIMEOUT="3000") as device:
        yield device


def test_a_uri_that_leads_to_a_secondary_says_so(atlas: ReplicaSet) -> None:
    secondary = next(member for member in atlas.members if member is not atlas.primary())
    uri = secondary.uri("shop")
    database = connect(uri, "test")
    with pytest.raises(TransientError, match="MONGODB_ATLAS_URI leads to a secondary"):
        check_server(Side.ATLAS, database, uri)
    database.client.close()


def test_nothing_is_lost_when_the_primary_steps_down_twice(
    atlas: ReplicaSet, device: Device, rng: random.Random
) -> None:
    trial = Trial(device, rng, "stepped down", WRITES, seconds=8)
    with trial, Promises(device, "promised before") as promises:
        atlas.step_down()
        trial.burst.wait_until(0.7)
        atlas.step_down()
    promises.check()


def test_nothing_is_lost_when_the_primary_is_killed(
    atlas: ReplicaSet, device: Device, rng: random.Random
) -> None:
    trial = Trial(device, rng, "primary killed", WRITES, seconds=5)
    with trial, Promises(device, "promised by the killed") as promises:
        killed = atlas.primary()
        assert killed is not None
        killed.kill()
        eventually(atlas.primary, "another primary", timeout=30, every=0.1)
        killed.start()
    promises.check()


def test_what_a_majority_acknowledged_is_on_both_sides_when_the_primary_is_frozen(
    atlas: ReplicaSet, device: Device
) -> None:
    """It neither answers nor closes; the others elect another one, and it comes back with what it held."""
    with Promises(device, "promised by the frozen") as promises:
        eventually(lambda: promises.newest("atlas") > 50, "writes are acknowledged", timeout=30)
        frozen = eventually(atlas.primary, "a primary", timeout=30, every=0.1)
        frozen.freeze()
        try:
            eventually(lambda: atlas.primary(without=frozen), "another primary", timeout=30, every=0.1)
            before = promises.newest("atlas")
            eventually(
                lambda: promises.newest("atlas") > before + 10, "a majority acknowledges", MAJORITY_TIMEOUT
            )
        finally:
            frozen.thaw()
        before = promises.newest("atlas")
        eventually(lambda: promises.newest("atlas") > before + 10, "writes go on with all three", 30)
    device.wait_until_settled(90)
    promises.check()


def test_the_answer_of_a_deposed_primary_is_never_taken(
    atlas: ReplicaSet, local_db: Database[dict[str, Any]]
) -> None:
    """It holds the version that both sides agreed on: to believe it would be to lose the change."""
    eventually(atlas.all_ready, "all members are in the set", timeout=30, every=0.1)
    database = connect(atlas.uri("deposed"), "test")
    prepare(local_db, database, 24)
    key = document_key("orders", raw.raw({"_id": 1}))

    def process(through: Database[Any], position: int) -> list[Outcome]:
        fact = Fact(position, 0, ATLAS_ORIGIN)
        item = WorkItem(key, {Side.ATLAS: fact})
        batch = Batch("t", Side.ATLAS, "orders", (item,), {Side.LOCAL: 2**63, Side.ATLAS: 2**63})
        return ChangeProcessor(local_db, through, "device").process(batch, Policy())

    def write(version: int) -> int:
        with database.client.start_session() as session:
            database["orders"].replace_one({"_id": 1}, {"v": version}, upsert=True, session=session)
            at = session.operation_time
            assert at is not None
            return at.time << 32 | at.inc

    process(database, write(1))
    assert local_db["orders"].find_one() == {"_id": 1, "v": 1}
    deposed = atlas.primary()
    assert deposed is not None
    others = [member for member in atlas.members if member is not deposed]
    stale = connect(deposed.uri("deposed"), "test", 2_000)
    stale.client.admin.command("ping")
    try:
        deposed.freeze()
        eventually(lambda: atlas.primary(without=deposed), "another primary", timeout=30, every=0.1)
        position = write(2)
        # Now it cannot hear of what happened, and answers all the same
        for member in others:
            member.freeze()
        deposed.thaw()
        eventually(deposed.hello, "the deposed primary answers")
        assert stale["orders"].find_one() == {"_id": 1, "v": 1}, "it still holds the old version"
        try:
            endings = [outcome.ending for outcome in process(stale, position)]
        except TransientError as error:
            print(f"seen: {error!r}")
            endings = [Ending.AGAIN]
        assert endings == [Ending.AGAIN], "the change was taken for done"
        assert local_db["orders"].find_one() == {"_id": 1, "v": 1}
    finally:
        for member in atlas.members:
            member.thaw()
    eventually(atlas.all_ready, "all members are in the set", timeout=30, every=0.1)
    (outcome,) = process(stale, position)
    assert outcome.transfer is Side.LOCAL
    assert local_db["orders"].find_one() == {"_id": 1, "v": 2}
    stale.client.close()
    database.client.close()


def test_a_push_is_not_undone_by_what_a_deposed_primary_still_holds(
    atlas: ReplicaSet, local_db: Database[dict[str, Any]]
) -> None:
    """Documents are asked for once more after their push has landed, and no event of Atlas tells from when on their
    content is known, or only one that is older than the push, which won a conflict. What is older looks like a change
    that somebody made on Atlas."""
    eventually(atlas.all_ready, "all members are in the set", timeout=30, every=0.1)
    database = connect(atlas.uri("undone"), "test", 3_000)
    prepare(local_db, database, 24)
    facts = {Side.LOCAL: Fact(1, 0, "device")}
    keys = [document_key("orders", raw.raw({"_id": name})) for name in ("crashed", "inserted", "replaced")]
    items = tuple(WorkItem(key, facts) for key in keys)
    batch = Batch("t", Side.LOCAL, "orders", items, {Side.LOCAL: 2**63 - 1, Side.ATLAS: 2**63 - 1})

    def crash(point: str) -> None:
        if point == "atlas committed":
            raise Crash

    def process(
        through: Database[Any], what: Batch = batch, at: Callable[[str], None] = lambda point: None
    ) -> list[Side | None]:
        outcomes = ChangeProcessor(local_db, through, "device", at=at, interrupts=(Crash,)).process(
            what, Policy()
        )
        return [outcome.transfer for outcome in outcomes]

    known = Fact(confirmed_now(database), 0, ATLAS_ORIGIN)  # to the deposed primary

    def from_atlas(key: DocumentKey) -> Batch:
        """The document, brought by an event of Atlas alone."""
        return replace(batch, items=(WorkItem(key, {Side.ATLAS: known}),))

    local_db["orders"].insert_one({"_id": "replaced", "v": 1})
    process(database)
    pushed = [{"_id": "crashed", "v": 2}, {"_id": "inserted", "v": 2}, {"_id": "replaced", "v": 2}]
    deposed = eventually(atlas.primary, "a primary", timeout=30, every=0.1)
    others = [member for member in atlas.members if member is not deposed]
    stale = connect(deposed.uri("undone"), "test", 2_000)
    stale.client.admin.command("ping")
    try:
        deposed.freeze()
        elected = eventually(lambda: atlas.primary(without=deposed), "another primary", 30, 0.1)
        for document in pushed:
            local_db["orders"].replace_one({"_id": document["_id"]}, document, upsert=True)
        fresh = connect(elected.uri("undone"), "test")
        with pytest.raises(Crash):
            process(fresh, replace(batch, items=items[:1]), crash)
        assert process(fresh) == [None, Side.ATLAS, Side.ATLAS]
        fresh.client.close()
        # Now it cannot hear of what happened, and answers all the same
        for member in others:
            member.freeze()
        deposed.thaw()
        eventually(deposed.hello, "the deposed primary answers")
        try:
            assert process(stale) == [None, None, None], "the pushes were undone"
        except TransientError as error:
            print(f"seen: {error!r}")
        for key in keys:
            try:
                assert process(stale, from_atlas(key)) == [None], "the push was undone"
            except TransientError as error:
                print(f"seen: {error!r}")
        assert list(local_db["orders"].find().sort("_id")) == pushed
    finally:
        for member in atlas.members:
            member.thaw()
    eventually(atlas.all_ready, "all members are in the set", timeout=30, every=0.1)
    assert eventually(lambda: _tried(process, database), "it goes on", 30) == [None, None, None]
    for one in (local_db, database):
        assert list(one["orders"].find().sort("_id")) == pushed
    stale.client.close()
    database.client.close()


def confirmed_now(database: Database[Any]) -> int:
    with session_of(database, causal=True) as session:
        read_on_from_now(database, "device", session)
        return read_position(session)


def _tried(
    process: Callable[[Database[Any]], list[Side | None]], database: Database[Any]
) -> list[Side | None]:
    try:
        return process(database)
    except TransientError:
        return []
