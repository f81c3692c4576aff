"""What becomes of a document that fails again and again: listener's map, worker, reports and records as they are, without
the processes; the clock of the map is the test's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import bson
import pytest
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database

from syncapp.apply import blame, reporter, reports, worker
from syncapp.conf.settings import SyncSettings, load
from syncapp.core.content import elements_of, wrap
from syncapp.core.decide import decide
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.values import BOTH, Batch, Fact, Side
from syncapp.embedded.mongod import Mongod
from syncapp.listener import dispatcher as dispatching
from syncapp.listener.dispatcher import Dispatcher
from syncapp.listener.intervals import USUAL
from syncapp.listener.queue.dirty_keys import DirtyKeys
from syncapp.listener.safeguards import Safeguards
from syncapp.listener.telemetry.metrics import MetricsBuffer
from syncapp.listener.telemetry.stuck import Stuck
from syncapp.models import RejectedChange
from syncapp.mongo.errors import ConnectionDown, Misconfigured, TransientError
from syncapp.rules import current
from syncapp.rules.rules import Rules
from syncapp.rules.switches import get_switches
from syncapp.services.switches import change_switches
from syncapp.store import heartbeat
from syncapp.store.devices import DeviceReport
from syncapp.store.halts import Kind, end_all, load_halts, raise_halt
from syncapp.store.instance import instance_id
from syncapp.store.names import DEVICES
from syncapp.store.prepare import prepare
from tests.support.brokers import Broker, place
from tests.support.dirty import bring, key
from tests.support.versions import version_of

pytestmark = pytest.mark.django_db(
    transaction=True
)  # the worker asks Django's database in a thread of its own
RULES = Rules(enabled=True, paused=False, strategy="last-write-wins", exclusions=Exclusions(), version=0)
YEAR_46334 = b"\x09at\0" + (1_400_000_000_000_000).to_bytes(8, "little")
MOST_ATTEMPTS = 3


class Line:
    """A device from the map of dirty keys to the worker and back."""

    def __init__(self, local: Database[Any], atlas: Database[Any], settings: SyncSettings) -> None:
        self.databases = {Side.LOCAL: local, Side.ATLAS: atlas}
        device = instance_id(local)
        self.dirty = DirtyKeys()
        self.sent: list[Batch] = []
        self.client = reports.connect(settings.celery_broker_url)
        self.guards = Safeguards(settings, self.databases, device, DeviceReport, USUAL)
        reader = self.client.reader(f"test:{local.name}:reports")
        self.dispatcher = Dispatcher(
            settings,
            self.dirty,
            MetricsBuffer(),
            self.sent.append,
            reader,
            self.guards,
            replace(USUAL, idle=0.001),
        )
        self.now = 1_000.0
        self._read_to = 1 << 63
        change_switches(enabled=True)
        self.rules = replace(RULES, version=get_switches().version)
        self.dispatcher.follow(self.rules)

    def change(self, side: Side, *numbers: int, name: str = "shop") -> None:
        fact = Fact(1, 1, "atlas" if side is Side.ATLAS else self.worker.device)
        bring(self.dirty, side, *(key(number, name) for number in numbers), fact=fact)
        self._read_to += 1 << 63
        for each in BOTH:
            bring(self.dirty, each, read_to=self._read_to)

    @property
    def worker(self) -> worker.Worker:
        return worker.get_worker("")

    def work(self, tasks: int = 100, pause: float = 31.0) -> list[Exception]:
        """Hand out and apply all that may go out, then let the pause pass, so many tasks at most. Returns why tasks
        would be tried again."""
        errors = []
        for _ in range(1_000):
            if not tasks or not self.dirty.size:
                break
            self.dispatcher.hand_out(self.rules, [])
            while self.sent:
                tasks -= 1
                if error := self.worker.attempt(self.sent.pop(0)):
                    errors.append(error)
                    self.dirty.give_up(self.dirty.task_ids())
            while self.dirty.task_ids():
                self.dispatcher.take_reports(1_000)
            if tasks and not self.dirty.look(self.now, 0).fullest:
                self.now += pause
            self.stuck()
        return errors

    def stuck(self) -> list[Stuck]:
        return self.dispatcher.stuck.of(self.dirty, self.now)


@pytest.fixture
def line(
    local_db: Database[Any],
    atlas_db: Database[Any],
    local_server: Mongod,
    atlas_server: Mongod,
    broker_server: Broker,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Line]:
    prepare(local_db, atlas_db, 24)
    uris = {
        "MONGODB_URI": local_server.uri(local_db.name),
        "MONGODB_ATLAS_URI": atlas_server.uri(atlas_db.name),
    }
    settings = load(
        {**uris, "CELERY_BROKER_URL": place(broker_server, 0), "SYNC_APPLY_MAX_ATTEMPTS": str(MOST_ATTEMPTS)}
    )
    for module in (worker, reporter):
        monkeypatch.setattr(module, "get_settings", lambda: settings)
    worker.get_worker.cache_clear()
    reporter.get_reporter.cache_clear()
    one = Line(local_db, atlas_db, settings)
    clock = type(
        "Clock", (), {"monotonic": lambda: one.now, "time": lambda: one.now, "sleep": lambda s: None}
    )
    monkeypatch.setattr(dispatching, "time", clock)
    yield one
    one.dispatcher.close()
    one.client.close()
    for database in one.worker._processor.databases.values():
        database.client.close()
    reporter.get_reporter().close()
    worker.get_worker.cache_clear()
    reporter.get_reporter.cache_clear()


def count(database: Database[Any], name: str = "shop") -> int:
    return database[name].count_documents({})


@pytest.mark.parametrize("source", BOTH)
def test_one_of_a_far_year_is_recorded_and_the_others_arrive(line: Line, source: Side) -> None:
    here, there = line.databases[source], line.databases[source.other]
    there.create_collection("shop", validator={"at": {"$lt": dt.datetime(2100, 1, 1)}})
    here["shop"].insert_one(RawBSONDocument(wrap(elements_of({"_id": 7}) + YEAR_46334)))
    here["shop"].insert_many([{"_id": 100 + n, "at": dt.datetime(2024, 1, 1)} for n in range(50)])
    line.change(source, 7, *range(100, 150))
    line.work()
    row = RejectedChange.objects.get()
    assert (row.document_id, row.code) == ('{"$numberInt": "7"}', 121)
    assert "1400000000000000" in row.document
    assert row.reason.startswith("The collection's validator refuses it")
    assert count(there) == 50


def test_a_name_that_is_too_long_there_ends_every_document_of_it(line: Line) -> None:
    name = "n" * (255 - len(line.databases[Side.LOCAL].name) - 1)
    own = line.worker._processor.databases
    longer = own[Side.ATLAS] = own[Side.ATLAS].client.get_database(f"a{own[Side.ATLAS].name}")
    line.databases[Side.LOCAL][name].insert_many([{"_id": n} for n in range(21)])
    line.change(Side.LOCAL, *range(21), name=name)
    line.work()
    longer.client.drop_database(longer.name)
    assert line.dirty.size == 0
    rows = RejectedChange.objects.all()
    assert len(rows) == 21
    code = 73 if version_of(longer.client) >= (5, 0) else 4862100  # in the same words
    assert all(row.reason.startswith("The collection cannot be created") and row.code == code for row in rows)


def failing(monkeypatch: pytest.MonkeyPatch, fails: Callable[[int], Exception | None]) -> None:
    """Documents for which sync fails where it decides."""

    def odd(seen: Any, item: Any, *others: Any) -> Any:
        if error := fails(bson.decode(item.key.id_bson)["_id"]):
            raise error
        return decide(seen, item, *others)

    monkeypatch.setattr("syncapp.engine.deciding.decide", odd)


@pytest.mark.parametrize(
    "error", [KeyError("x"), RecursionError("deep"), UnicodeError("odd"), OverflowError("far")]
)
def test_one_that_nobody_thought_of_is_set_aside_after_its_attempts(
    line: Line, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    failing(monkeypatch, lambda number: error if number == 3 else None)
    line.databases[Side.ATLAS]["shop"].insert_many([{"_id": n} for n in range(40)])
    line.change(Side.ATLAS, *range(40))
    line.work(tasks=1)
    assert count(line.databases[Side.LOCAL]) == 39, "at once"
    assert not RejectedChange.objects.exists()
    (trouble,) = line.stuck()
    assert (trouble.side, trouble.collection) == (Side.ATLAS, "shop")
    assert trouble.error.startswith(type(error).__name__)
    line.work()
    row = RejectedChange.objects.get()
    assert (row.document_id, row.direction) == ('{"$numberInt": "3"}', "atlasToLocal")
    assert row.reason == trouble.error
    assert line.dirty.size == 0


def test_a_fault_that_every_document_meets_sets_few_aside_and_is_told(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, lambda number: TypeError("a fault of this release"))
    line.databases[Side.LOCAL]["shop"].insert_many([{"_id": n} for n in range(60)])
    line.change(Side.LOCAL, *range(60))
    line.work(tasks=200)
    assert RejectedChange.objects.count() <= blame.IN_A_ROW
    assert line.dirty.size >= 60 - blame.IN_A_ROW
    (trouble,) = line.stuck()
    assert trouble.error == "TypeError: a fault of this release"
    assert trouble.still
    monkeypatch.undo()
    line.now += 3_600
    line.work()
    assert count(line.databases[Side.ATLAS]) == 60 - RejectedChange.objects.count()


@pytest.mark.parametrize("error", [Misconfigured("not authorized on shop"), ConnectionDown("no route")])
def test_what_is_no_document_s_fault_counts_for_nothing_and_is_told(
    line: Line, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    failing(monkeypatch, lambda number: error)
    line.databases[Side.ATLAS]["shop"].insert_many([{"_id": n} for n in range(5)])
    line.change(Side.ATLAS, *range(5))
    errors = line.work(tasks=20)
    assert not RejectedChange.objects.exists()
    stuck = line.stuck()
    line.now += 3_600
    line.dirty.look(line.now, 0)
    handed = line.dirty.take("to look at it", 10, line.now)
    assert handed is not None
    assert [item.attempts for item in handed.items] == [0] * 5
    if isinstance(error, ConnectionDown):
        assert {str(one) for one in errors} == {"no route"}
    else:
        assert [one.error for one in stuck] == ["not authorized on shop"]


def test_what_passes_by_itself_but_does_not_pass_is_set_aside_too(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncapp.engine.change_processor.BACKOFF_SECONDS", (0, 0))
    failing(monkeypatch, lambda number: TransientError("WriteConflict") if number == 3 else None)
    line.databases[Side.ATLAS]["shop"].insert_many([{"_id": n} for n in range(20)])
    line.change(Side.ATLAS, *range(20))
    line.work()
    assert [row.document_id for row in RejectedChange.objects.all()] == ['{"$numberInt": "3"}']
    assert count(line.databases[Side.LOCAL]) == 19


def test_whatever_keeps_a_change_waiting_is_told_after_a_minute(line: Line) -> None:
    line.change(Side.LOCAL, 1)
    assert line.stuck() == []
    line.now += USUAL.still - 1
    line.change(Side.LOCAL, 2)
    assert line.stuck() == []
    line.now += 2
    assert line.stuck() == [Stuck(Side.LOCAL, "shop", 1_000.0, "", True)]
    line.work()
    assert line.stuck() == []


def test_over_a_new_connection_nothing_is_decided_until_no_database_is_known_to_have_gone_back(
    line: Line,
) -> None:
    """The listener would notice it seconds later, in which an old version could pass for a new one."""
    local, atlas, device = *line.databases.values(), line.worker.device
    beats = heartbeat.Heartbeat(local, atlas, device, dict)
    beats.beat()
    older = atlas[DEVICES].find_one({"_id": device})
    assert older
    beats.beat()
    atlas[DEVICES].replace_one({"_id": device}, older)
    atlas["shop"].insert_one({"_id": 1})
    line.change(Side.ATLAS, 1)
    errors = line.work(tasks=3)
    assert [type(error) for error in errors] == [ConnectionDown] * 3, "it looks again each time"
    assert [halt.kind for halt in load_halts(local)] == [Kind.ATLAS_RESTORED]
    assert count(local) == 0
    heartbeat.adopt(local, atlas, device)
    end_all(local)
    line.work()
    assert count(local) == 1


@pytest.mark.parametrize("answered", [False, True])
def test_halts_count_as_they_are_when_a_worker_begins(
    line: Line, monkeypatch: pytest.MonkeyPatch, answered: bool
) -> None:
    """The worker's rules may be from before one was raised, and what the listener told from before it was answered."""
    local, atlas = line.databases.values()
    monkeypatch.setattr(current, "KEEP_SECONDS", 3_600)
    atlas["shop"].insert_many([{"_id": 1}, {"_id": 2}])

    def halt() -> None:
        raise_halt(local, Kind.MASS_DELETE, "many deletes", side=Side.ATLAS, collection="shop")
        line.guards.read_halts()

    def rules_are_read() -> None:
        line.change(Side.ATLAS, 1)
        line.work()

    for act in (halt, rules_are_read) if answered else (rules_are_read, halt):
        act()
    if answered:
        end_all(local)
    line.change(Side.ATLAS, 2)
    line.work()
    assert [one["_id"] for one in local["shop"].find()] == [2 if answered else 1]
